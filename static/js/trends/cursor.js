// The table under a trend: what each pen was at the cursor, with its quality and the time of its sample.
import { formatValue, unitOf } from "../live/format.js";

const WORDS = ["Good", "Uncertain", "Bad"];
const NONE = "–";

/** @param {Element | null | undefined} cell @param {string} text */
function write(cell, text) {
  if (cell && cell.textContent !== text) cell.textContent = text;
}

export class CursorTable {
  /** @param {import("./lines.js").Line[]} lines @param {import("./zone.js").Zone} zone */
  constructor(lines, zone) {
    this.lines = lines;
    this.zone = zone;
    this.head = document.querySelector("[data-cursor-time]");
    /** @type {Map<string, Element>} */
    this.rows = new Map();
    for (const row of document.querySelectorAll("tr[data-pen]")) {
      if (row instanceof HTMLElement) this.rows.set((row.dataset.pen ?? "").toLowerCase(), row);
    }
  }

  /** @param {number | null} at seconds */
  show(at) {
    write(this.head, at === null ? "" : this.zone.said(at * 1000));
    for (const line of this.lines) {
      const row = this.rows.get(line.key);
      const found = at === null ? null : line.sampleAt(at);
      write(row?.querySelector("[data-cursor-value]"), found ? sayValue(line, found.value) : NONE);
      write(row?.querySelector("[data-cursor-quality]"), line.missing || (found ? WORDS[found.severity] : at === null ? NONE : "Not known"));
      write(row?.querySelector("[data-cursor-at]"), found ? this.zone.said(found.at * 1000).slice(5) : NONE);
    }
  }

  /** In one sentence, for whoever hears the page. @param {number} at seconds */
  sentence(at) {
    const values = this.lines.filter((line) => !line.look.hidden).map((line) => {
      const found = line.sampleAt(at);
      return `${line.look.label} ${found ? `${sayValue(line, found.value)}${found.severity ? `, ${WORDS[found.severity]}` : ""}` : "not known"}`;
    });
    return `${this.zone.said(at * 1000)}: ${values.join("; ")}`;
  }
}

/** The value with its unit. @param {import("./lines.js").Line} line @param {number | null} value */
export function sayValue({ look }, value) {
  return value === null ? "no value" : `${formatValue(value, look)} ${unitOf(value, look)}`.trim();
}
