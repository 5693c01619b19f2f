// Moves the pointer of a range bar. The server has drawn it; hmi/templatetags/pages.py computes the same position.
import { onLink, onValues } from "./values.js";

/** @param {unknown} value @param {number} low @param {number} high @param {number} width @returns {number | null} 0 to width; null without a number */
function pointerPosition(value, low, high, width) {
  if (typeof value !== "number") return null;
  return Math.round(Math.min(Math.max((value - low) / (high - low), 0), 1) * width * 10) / 10;
}

/** @param {SVGElement} bar @param {unknown} value @param {string} q */
function draw(bar, value, q) {
  const x = pointerPosition(value, Number(bar.dataset.low), Number(bar.dataset.high), Number(bar.dataset.width));
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
  onLink((state) => {
    if (state !== "offline") return; // live.js tells of each value when it is back
    for (const bar of [...bars.values()].flat()) if (bar.dataset.q === "good") bar.dataset.q = "stale";
  });
  onValues((values) => {
    for (const { path, value, q } of values) {
      for (const bar of bars.get(path.toLowerCase()) ?? []) draw(bar, value, q);
    }
  });
}
