// Moves the pointer of a range bar. The server has drawn it; hmi/templatetags/pages.py computes the same position.
import { onValues } from "./values.js";

const WIDTH = 100;

/** @param {unknown} value @param {number} low @param {number} high @returns {number | null} 0 to 100; null without a number */
export function pointerPosition(value, low, high) {
  if (typeof value !== "number") return null;
  return Math.round(Math.min(Math.max((value - low) / (high - low), 0), 1) * WIDTH * 10) / 10;
}

/** @param {SVGElement} bar @param {unknown} value @param {string} q */
function draw(bar, value, q) {
  const x = pointerPosition(value, Number(bar.dataset.low), Number(bar.dataset.high));
  bar.dataset.q = q;
  bar.querySelector(".range-fill")?.setAttribute("width", String(x ?? 0));
  const pointer = bar.querySelector(".range-pointer");
  pointer?.setAttribute("transform", `translate(${x ?? 0} 0)`);
  if (x === null) pointer?.setAttribute("visibility", "hidden");
  else pointer?.removeAttribute("visibility");
}

export function startRanges() {
  /** @type {Map<string, SVGElement[]>} */
  const bars = new Map();
  for (const bar of document.querySelectorAll("svg[data-range]")) {
    if (!(bar instanceof SVGElement)) continue;
    const path = (bar.dataset.range ?? "").toLowerCase();
    bars.set(path, [...(bars.get(path) ?? []), bar]);
  }
  if (!bars.size) return;
  onValues((values) => {
    for (const { path, value, q } of values) {
      for (const bar of bars.get(path.toLowerCase()) ?? []) draw(bar, value, q);
    }
  });
}
