// Moves the pointer of a range bar. The server has drawn it; hmi/templatetags/pages.py computes the same position.
import { onValues } from "./values.js";

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
  const find = () => {
    bars.clear();
    for (const bar of document.querySelectorAll("svg[data-range]")) {
      if (!(bar instanceof SVGElement)) continue;
      const path = (bar.dataset.range ?? "").toLowerCase();
      bars.set(path, [...(bars.get(path) ?? []), bar]);
    }
  };
  find();
  document.addEventListener("htmx:afterSwap", find); // another page of a list of tags
  // A number can lose its quality without any news: the link dies before the first value has come. The bar follows it.
  const follow = (/** @type {Node} */ node) => {
    if (!(node instanceof HTMLElement) || node.dataset.live === undefined) return;
    for (const bar of bars.get(node.dataset.live.toLowerCase()) ?? []) bar.dataset.q = node.dataset.q;
  };
  document.querySelectorAll("[data-live]").forEach(follow);
  new MutationObserver((records) => records.forEach(({ target }) => follow(target))).observe(document.body, {
    attributeFilter: ["data-q"],
    subtree: true,
  });
  onValues((values) => {
    for (const { path, value, q } of values) {
      for (const bar of bars.get(path.toLowerCase()) ?? []) draw(bar, value, q);
    }
  });
}
