// What a live value is as a point of a small line.
import { isKept } from "./values.js";

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
