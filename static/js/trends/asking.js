// Fetching lines: not while somebody still moves, and never an older answer after a newer question.

/** @typedef {[number, string, number, string, string]} Mark ms after from, kind, priority, text, uuid of the alarm */
/** @typedef {{from_ms: number, to_ms: number, now_ms: number, sentence: string, pens: import("./lines.js").Sent[],
 *   marks?: Mark[], marks_cut?: boolean}} Answer */

const WAIT_MS = 150;
const AGAIN_MS = 5000;
const PATIENCE_MS = 20_000;

export class Asking {
  /** @param {string} address @param {(answer: Answer) => void} answered @param {(sentence: string) => void} failed */
  constructor(address, answered, failed) {
    this.address = address;
    this.answered = answered;
    this.failed = failed;
    /** @type {AbortController | null} */
    this.running = null;
    this.timer = 0;
  }

  /** Ask soon; what was asked before is not wanted any more.
   * @param {() => {from: number, to: number}} of @param {string[]} paths @param {number} points @param {number} wait */
  ask(of, paths, points, wait = WAIT_MS) {
    clearTimeout(this.timer);
    this.running?.abort();
    this.timer = setTimeout(() => void this.#fetch(of, paths, points), wait);
  }

  /** @param {() => {from: number, to: number}} of @param {string[]} paths @param {number} points */
  async #fetch(of, paths, points) {
    const { from, to } = of();
    const asked = new URLSearchParams([...paths.map((path) => ["pen", path]), ["from", String(Math.round(from))], ["to", String(Math.round(to))], ["points", String(points)], ["marks", "1"]]);
    const mine = (this.running = new AbortController());
    const late = setTimeout(() => mine.abort("late"), PATIENCE_MS);
    try {
      const response = await fetch(`${this.address}?${asked}`, { signal: mine.signal, cache: "no-store", redirect: "error" });
      const answer = await response.json();
      if (!response.ok) this.failed(answer.sentence ?? "The server refused the question.");
      else this.answered(answer);
      if (answer.sentence && response.ok) this.ask(of, paths, points, AGAIN_MS);
    } catch {
      if (this.running !== mine || (mine.signal.aborted && mine.signal.reason !== "late")) return; // a newer question is on its way
      this.failed("History cannot be asked now. It is asked again every few seconds.");
      this.ask(of, paths, points, AGAIN_MS);
    } finally {
      clearTimeout(late);
    }
  }
}
