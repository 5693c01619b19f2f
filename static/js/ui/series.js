// The points of a trend, without any drawing. Times in seconds of the server; y is null where no value can be trusted.
import { isKept } from "./values.js";

const KEEP_S = 3600;
const FIRST_VIEW_S = 60;
const MARGIN = 0.05;

/** @typedef {{openedAt: number, xs: number[], ys: (number | null)[], last: number | null}} Series */

/** @param {number} openedAt @returns {Series} */
export function newSeries(openedAt) {
  return { openedAt, xs: [], ys: [], last: null };
}

/**
 * What a live value means on a trend: its number, or null. A value that is old (stale, or kept over a lost link) is no
 * point in time, however good it looks.
 * @param {import("./values.js").LiveValue} live
 */
export function reading(live) {
  const { value, q } = live;
  if (q === "bad" || isKept(live)) return null;
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" ? value : null;
}

/** Adds a point; one that is not after the last is dropped, points older than an hour go. @param {Series} series @param {number} x @param {number | null} y */
export function addPoint(series, x, y) {
  series.last = y;
  if (series.xs.length && x <= series.xs[series.xs.length - 1]) return;
  series.xs.push(x);
  series.ys.push(y);
  const first = series.xs.findIndex((at) => at >= x - KEEP_S);
  if (first > 0) {
    series.xs.splice(0, first);
    series.ys.splice(0, first);
  }
}

/** The stretches of time without a value, as [from, to]. @param {Series} series @returns {[number, number][]} */
export function gaps({ xs, ys }) {
  /** @type {[number, number][]} */
  const found = [];
  let from = -1;
  for (let i = 0; i <= xs.length; i += 1) {
    const isGap = i < xs.length && ys[i] === null;
    if (isGap && from < 0) from = i;
    if (!isGap && from >= 0) {
      found.push([xs[Math.max(0, from - 1)], xs[Math.min(i, xs.length - 1)]]);
      from = -1;
    }
  }
  return found;
}

export const range = {
  /** From the opening of the page to now, at least a minute, at most the hour that is kept. @param {Series} series @returns {[number, number]} */
  x({ openedAt, xs }) {
    const now = xs.length ? xs[xs.length - 1] : openedAt;
    const start = Math.max(openedAt, now - KEEP_S);
    return [start, Math.max(now, start + FIRST_VIEW_S)];
  },

  /**
   * The range of the tag where it has one: a trend that scales itself makes noise look like an event (HMI-15).
   * @param {DOMStringMap} tag @param {number[]} states @param {number | null} min @param {number | null} max @returns {[number, number]}
   */
  y({ low, high }, states, min, max) {
    if (states.length) return [Math.min(...states) - 0.25, Math.max(...states) + 0.25];
    const [a, b] = [low ? Number(low) : min ?? 0, high ? Number(high) : max ?? 1];
    const margin = (b - a || Math.abs(a) || 1) * MARGIN;
    return [low ? Math.min(a, min ?? a) : a - margin, high ? Math.max(b, max ?? b) : b + margin];
  },
};
