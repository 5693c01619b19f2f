// The time a trend shows: it follows the clock, or stands still. No DOM; all times in ms of the server.

export const SHORTEST_MS = 1000;
export const LONGEST_MS = 20 * 366 * 86_400_000;
/** How far past now one may look, as a part of the time that is shown. */
const AHEAD = 0.05;

export class Span {
  /** @param {{from: number, to: number, follows: boolean, now: () => number, changed: () => void}} given */
  constructor({ from, to, follows, now, changed }) {
    this.from = from;
    this.to = to;
    this.follows = follows;
    this.now = now;
    this.changed = changed;
  }

  get length() {
    return this.to - this.from;
  }

  /** The clock has gone on. Returns whether what is shown has moved. */
  tick() {
    if (!this.follows) return false;
    const length = this.length;
    this.to = this.now();
    this.from = this.to - length;
    return true;
  }

  /** Follow the clock, with the time that is shown or another. @param {number} length */
  live(length = this.length) {
    this.follows = true;
    this.to = this.now();
    this.from = this.to - Math.min(Math.max(length, SHORTEST_MS), LONGEST_MS);
    this.changed();
  }

  /** Stand still; what lies ahead of now is not gone into. @param {number} from @param {number} to */
  show(from, to) {
    const length = Math.min(Math.max(to - from, SHORTEST_MS), LONGEST_MS);
    const last = this.now() + length * AHEAD;
    this.to = Math.round(Math.min(from + length, last));
    this.from = Math.round(this.to - length);
    this.follows = false;
    this.changed();
  }

  /** By a part of what is shown; into the future is back to following. @param {number} part */
  pan(part) {
    const by = this.length * part;
    if (by > 0 && this.to + by >= this.now()) return this.live();
    this.show(this.from + by, this.to + by);
  }

  /** `factor` times as long, around a place from 0 (left) to 1. At the right edge following goes on.
   * @param {number} factor @param {number} around */
  zoom(factor, around = this.follows ? 1 : 0.5) {
    const length = Math.min(Math.max(this.length * factor, SHORTEST_MS), LONGEST_MS);
    if (this.follows && around > 0.9) return this.live(length);
    const at = this.from + this.length * around;
    const from = at - length * around;
    if (factor > 1 && from + length > this.now() + length * AHEAD) return this.show(this.now() - length, this.now());
    this.show(from, from + length);
  }
}

/** 8h, as hmi/screens/trend_state.py writes it. @param {number} ms */
export function spanText(ms) {
  for (const [unit, size] of /** @type {[string, number][]} */ ([["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]])) {
    if (ms % size === 0 && (unit !== "d" || ms > size)) return `${ms / size}${unit}`;
  }
  return `${Math.max(1, Math.round(ms / 1000))}s`;
}
