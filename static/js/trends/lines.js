// The points of all pens: what history gave, and what has come live since. No DOM. Times in seconds of the server.
import uPlot from "../../uplot/uPlot.esm.js";

/** @typedef {{path: string, label: string, unit: string, decimals: number, labels: Object<string, string>, stepped: boolean,
 *   range: [number, number] | null, number: number, hidden: boolean, own: boolean, fit: boolean,
 *   ends: [number, number] | null}} Look */
/** @typedef {{at: number, priority: number, kind: string, text: string}} Limit */
/** @typedef {[number, number, number]} Bad from, to, 1 Uncertain or 2 Bad */
/** @typedef {{path: string, missing?: string, level: string, t: number[], v: (number | null)[], spans: Bad[], limits: Limit[],
 *   ends?: number | null}} Sent */

/** Between two scans a value stands: its rise begins no earlier than this before it. */
const HELD_S = 1;

export class Line {
  /** @param {Look} look */
  constructor(look) {
    this.look = look;
    this.key = look.path.toLowerCase();
    /** @type {number[]} */
    this.t = [];
    /** @type {(number | null)[]} */
    this.v = [];
    /** @type {Bad[]} */
    this.spans = [];
    /** @type {Limit[]} */
    this.limits = [];
    this.level = "";
    this.missing = "";
    /** Severity of the newest live value; null: nothing has come live. @type {number | null} */
    this.severity = null;
  }

  /** What history says of a window. What came live after it is kept. @param {Sent} sent @param {number} fromMs */
  take(sent, fromMs) {
    this.missing = sent.missing ?? "";
    if (this.missing) return;
    const t = sent.t.map((ms) => (fromMs + ms) / 1000);
    const spans = sent.spans.map(([a, b, severity]) => /** @type {Bad} */ ([(fromMs + a) / 1000, (fromMs + b) / 1000, severity]));
    const last = t.length ? t[t.length - 1] : fromMs / 1000;
    const at = this.t.findIndex((s) => s > last);
    const isLater = this.severity !== null && at >= 0;
    this.t = isLater ? [...t, ...this.t.slice(at)] : t;
    this.v = isLater ? [...sent.v, ...this.v.slice(at)] : sent.v;
    this.spans = isLater ? [...spans, ...this.spans.filter(([from]) => from > last)] : spans;
    this.level = sent.level;
    this.limits = sent.limits;
  }

  /** A live value, or the same one still. @param {number} at @param {number | null} value null where it is Bad
   * @param {number} severity @param {boolean} isNews */
  put(at, value, severity, isNews) {
    const n = this.t.length;
    const last = n ? this.t[n - 1] : -Infinity;
    const before = n ? this.v[n - 1] : null;
    if (at <= last) {
      if (isNews && this.severity !== null) this.v[n - 1] = value;
    } else if (!isNews && this.isHead) {
      this.t[n - 1] = at; // the last point is only "still so": it moves on
    } else {
      if (isNews && before !== null && at - last > HELD_S) this.#add(value === null || this.look.stepped ? at - 0.001 : at - HELD_S, before);
      this.#add(at, value);
    }
    this.isHead = !isNews;
    this.#mark(at, severity);
    this.severity = severity;
  }

  /** @param {number} at @param {number | null} value */
  #add(at, value) {
    this.t.push(at);
    this.v.push(value);
  }

  /** @param {number} at @param {number} severity */
  #mark(at, severity) {
    const last = this.spans[this.spans.length - 1];
    const goesOn = this.severity !== null && this.severity === severity && last && last[2] === severity;
    if (severity === 0) {
      if (last && this.severity && last[1] < at) last[1] = at;
    } else if (goesOn) last[1] = at;
    else this.spans.push([at, at, severity]);
  }

  /** Points before this time are not shown any more; one stays, by which the line enters. @param {number} from */
  trim(from) {
    let n = 0;
    while (n + 1 < this.t.length && this.t[n + 1] < from) n += 1;
    if (n < 500) return;
    this.t.splice(0, n);
    this.v.splice(0, n);
    this.spans = this.spans.filter(([, to]) => to >= from);
  }

  /** The sample that holds at a time: the newest not after it. @param {number} at seconds
   * @returns {{at: number, value: number | null, severity: number} | null} null: nothing is known */
  sampleAt(at) {
    let [low, high] = [0, this.t.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[middle] <= at) low = middle + 1;
      else high = middle;
    }
    if (!low || (low === this.t.length && at > this.t[low - 1] + 2)) return null;
    const span = this.spans.find(([from, to]) => from <= at && at < to);
    const value = this.v[low - 1];
    return { at: this.t[low - 1], value, severity: span ? span[2] : value === null ? 2 : 0 };
  }
}

/** uPlot.join: a break reaches to the neighbours of its own line, not to the next point of any other. */
const EXPAND = 2;

/** As uPlot draws them: one column of times for all. undefined: this pen has no point here; null: its line breaks.
 * @param {Line[]} lines @returns {uPlot.AlignedData} */
export function aligned(lines) {
  const shown = lines.map((line) => /** @type {uPlot.AlignedData} */ ([line.t, line.v]));
  if (shown.length < 2) return shown[0] ?? [[]];
  return uPlot.join(shown, shown.map(() => [0, EXPAND]));
}
