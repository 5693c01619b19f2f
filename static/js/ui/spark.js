// The small lines beside numbers go on: every five seconds each gets one more point, or a gap where nothing was measured.
// The server draws them the same way (hmi/screens/sparks.py). Points that this page could not see are never made up: after
// a pause (a sleeping computer, a hidden page) the lines are asked of the server anew.
import { looksGood } from "../live/format.js";
import { reading } from "./series.js";
import { onValues } from "./values.js";

const STEP_MS = 5000;
const DEPTH = 120;
const HEIGHT = 100;
const MARGIN = 6;
/** So many steps late, the points between them are not known here. */
const PATIENCE = 3;
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {(number | null)[]} Slots one value for each of DEPTH steps, the newest last; null: a gap */

/** The slots of a line that is drawn already. @param {string[]} lines @param {number} low @param {number} high @returns {Slots} */
export function slotsOf(lines, low, high) {
  /** @type {Slots} */
  const slots = Array(DEPTH).fill(null);
  for (const line of lines) {
    const points = line.split(" ").map((point) => point.split(",").map(Number));
    points.forEach(([x, y], i) => {
      const value = low + ((HEIGHT - MARGIN - y) / (HEIGHT - 2 * MARGIN)) * (high - low);
      const until = i + 1 < points.length ? Math.max(x, points[i + 1][0] - 1) : x;
      for (let at = Math.max(0, x); at <= until && at < DEPTH; at += 1) slots[at] = value; // left out between: one height
    });
  }
  return slots;
}

/** What is drawn for these slots. @param {Slots} slots @param {number} least @returns {{lines: string[], low: number, high: number}} */
export function linesOf(slots, least) {
  const numbers = slots.filter((value) => value !== null);
  const [min, max] = numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, least];
  const short = Math.max(0, least - (max - min)) / 2;
  const [low, high] = [min - short, max + short];
  /** @type {[number, number][][]} */
  const lines = [];
  slots.forEach((value, x) => {
    if (value === null) return;
    if (x === 0 || slots[x - 1] === null) lines.push([]);
    const y = Math.round(HEIGHT - MARGIN - ((HEIGHT - 2 * MARGIN) * (value - low)) / (high - low || 1));
    lines[lines.length - 1].push([x, y]);
  });
  return { lines: lines.map(textOf), low, high };
}

/** Only the corners; one point alone is a dot. @param {[number, number][]} line */
function textOf(line) {
  const corners = line.filter(([, y], i) => !(i > 0 && i < line.length - 1 && line[i - 1][1] === y && line[i + 1][1] === y));
  return (corners.length === 1 ? [...corners, ...corners] : corners).map((point) => point.join(",")).join(" ");
}

/** @param {SVGElement} svg @param {string[]} lines */
function draw(svg, lines) {
  while (svg.children.length > lines.length) svg.lastElementChild?.remove();
  while (svg.children.length < lines.length) svg.append(document.createElementNS(SVG, "polyline"));
  lines.forEach((line, i) => svg.children[i].setAttribute("points", line));
}

/** @param {ParentNode} root @returns {SVGElement[]} */
const sparksOf = (root) => [...root.querySelectorAll("svg[data-spark]")].filter((svg) => svg instanceof SVGElement);

/** Paths whose number may be used as it is shown now: a screen that dies marks its numbers without any news. */
function usablePaths() {
  /** @type {Set<string>} */
  const found = new Set();
  for (const element of document.querySelectorAll("[data-live]")) {
    const { live = "", q = "" } = element instanceof HTMLElement ? element.dataset : {};
    if (looksGood(q) || q === "uncertain") found.add(live.toLowerCase());
  }
  return found;
}

class Sparks {
  constructor() {
    /** @type {Map<SVGElement, Slots>} */
    this.slots = new Map();
    /** What each path shows now. @type {Map<string, number | null>} */
    this.now = new Map();
    this.movedAt = performance.now();
    this.find();
  }

  /** New lines come with a swap, others are gone. */
  find() {
    const before = this.slots;
    this.slots = new Map();
    for (const svg of sparksOf(document)) this.slots.set(svg, before.get(svg) ?? this.#read(svg));
  }

  /** @param {SVGElement} svg */
  #read(svg) {
    const lines = [...svg.children].map((line) => line.getAttribute("points") ?? "");
    return slotsOf(lines, Number(svg.dataset.low), Number(svg.dataset.high));
  }

  /** One step on, or the server is asked where too many were missed. @param {number} now */
  tick(now) {
    const steps = Math.floor((now - this.movedAt) / STEP_MS);
    if (steps < 1) return;
    this.movedAt += steps * STEP_MS;
    const usable = usablePaths();
    for (const [svg, slots] of this.slots) this.#move(svg, slots, steps, usable);
    if (steps >= PATIENCE) void this.#askAgain();
  }

  /** @param {SVGElement} svg @param {Slots} slots @param {number} steps @param {Set<string>} usable */
  #move(svg, slots, steps, usable) {
    const path = (svg.dataset.spark ?? "").toLowerCase();
    const missed = Array(Math.min(steps, DEPTH) - 1).fill(null);
    slots.push(...missed, usable.has(path) ? (this.now.get(path) ?? null) : null);
    slots.splice(0, slots.length - DEPTH);
    draw(svg, linesOf(slots, Number(svg.dataset.least)).lines);
  }

  async #askAgain() {
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = new Map(sparksOf(page).map((svg) => [svg.dataset.spark, svg]));
      for (const svg of this.slots.keys()) {
        const other = fresh.get(svg.dataset.spark);
        if (!other) continue;
        const slots = this.#read(other);
        this.slots.set(svg, slots);
        draw(svg, linesOf(slots, Number(svg.dataset.least)).lines);
      }
    } catch {
      // The server is away: the lines keep their gap, and the strip above says why.
    }
  }
}

export function startSparks() {
  const sparks = new Sparks();
  document.addEventListener("htmx:afterSwap", () => sparks.find());
  onValues((values) => {
    for (const value of values) sparks.now.set(value.path.toLowerCase(), reading(value));
  });
  setInterval(() => sparks.tick(performance.now()), 1000);
  document.addEventListener("visibilitychange", () => sparks.tick(performance.now()));
}
