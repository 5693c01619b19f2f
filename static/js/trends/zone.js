// Times by the clock of the plant, whatever zone the browser is in. A time the clock says twice carries its offset.

const HOUR_MS = 3_600_000;
const PARTS = /** @type {const} */ ({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export class Zone {
  /** @param {string} name an IANA time zone */
  constructor(name) {
    this.name = name;
    this.format = new Intl.DateTimeFormat("sv-SE", { ...PARTS, hourCycle: "h23", timeZone: name });
  }

  /** 2026-10-25 02:30:00. @param {number} ms */
  clock(ms) {
    return this.format.format(ms);
  }

  /** Minutes the clock is ahead of UTC. @param {number} ms */
  offset(ms) {
    const whole = Math.floor(ms / 1000) * 1000;
    return Math.round((Date.parse(`${this.clock(whole).replace(" ", "T")}Z`) - whole) / 60_000);
  }

  /** +02:00. @param {number} ms */
  offsetText(ms) {
    const minutes = this.offset(ms);
    const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  }

  /** Does the clock say this time twice? By half an hour on Lord Howe, by an hour elsewhere. @param {number} ms */
  isTwice(ms) {
    const here = this.clock(ms);
    return [-1, -0.5, 0.5, 1].some((hours) => this.clock(ms + hours * HOUR_MS) === here);
  }

  /** For people: with the offset only where it is needed. @param {number} ms */
  said(ms) {
    return this.isTwice(ms) ? `${this.clock(ms)} ${this.offsetText(ms)}` : this.clock(ms);
  }

  /** For an address; hmi/screens/trend_state.py reads it. @param {number} ms */
  iso(ms) {
    const text = this.clock(ms).replace(" ", "T");
    const rest = ms % 1000 ? `.${String(ms % 1000).padStart(3, "0")}` : "";
    return `${text}${rest}${this.isTwice(ms) ? this.offsetText(ms) : ""}`;
  }

  /**
   * What stands under the axis: as much as tells the marks apart; the day with the first mark and where it changes.
   * @param {number[]} splits in seconds @param {number} step in seconds
   */
  axis(splits, step) {
    let day = "";
    return splits.map((s) => {
      const text = this.clock(s * 1000);
      const today = text.slice(0, 10);
      const time = step >= 86_400 ? "" : text.slice(11, step < 60 ? 19 : 16) + (this.isTwice(s * 1000) ? ` ${this.offsetText(s * 1000)}` : "");
      const said = today === day ? time : `${time}\n${today}`.trim();
      day = today;
      return said;
    });
  }
}
