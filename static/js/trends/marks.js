// Alarms and what people did, as marks on the time axis and as a list that everybody can read.

/** @typedef {{at: number, kind: string, priority: number, text: string, uuid: string}} Mark seconds */

const APART_PX = 18;
const SHAPES = ["", "M9 1 17 9 9 17 1 9Z", "M9 1 17.5 16H.5Z", "M9 1.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 1 1 0-15Z", "M2.5 2.5h13v13h-13Z"];
const DONE = "M3 15V11L11 3l4 4-8 8Z";
const SVG = "http://www.w3.org/2000/svg";

/** @param {Mark} mark */
function glyph({ kind, priority }) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 18 18");
  svg.setAttribute("width", "18");
  svg.setAttribute("height", "18");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", kind === "done" ? "" : `alarm-${priority}${kind === "return" ? " alarm-acked" : ""}`);
  path.setAttribute("d", kind === "done" ? DONE : SHAPES[priority] || SHAPES[4]);
  if (kind === "done") path.setAttribute("class", "trend-done");
  svg.append(path);
  return svg;
}

export class Marks {
  /** @param {import("./zone.js").Zone} zone @param {(at: number) => void} chosen */
  constructor(zone, chosen) {
    this.zone = zone;
    this.chosen = chosen;
    /** @type {Mark[]} */
    this.marks = [];
    /** What is placed now, in a word. */
    this.placed = "";
    this.layer = document.querySelector("[data-trend-marks]");
    this.list = document.querySelector("[data-trend-list]");
    this.count = document.querySelector("[data-trend-count]");
  }

  /** @param {import("./asking.js").Mark[]} rows @param {number} fromMs @param {boolean} isCut */
  take(rows, fromMs, isCut) {
    this.marks = rows.map(([ms, kind, priority, text, uuid]) => ({ at: (fromMs + ms) / 1000, kind, priority, text, uuid }));
    if (this.count) this.count.textContent = `${this.marks.length}${isCut ? ", the newest of them" : ""}`;
    this.list?.replaceChildren(...[...this.marks].reverse().map((mark) => this.#row(mark)));
  }

  /** @param {Mark} mark */
  #row(mark) {
    const [row, time, button] = [document.createElement("li"), document.createElement("time"), document.createElement("button")];
    time.dateTime = new Date(mark.at * 1000).toISOString();
    time.textContent = this.zone.said(mark.at * 1000);
    button.type = "button";
    button.textContent = mark.text;
    button.addEventListener("click", () => this.chosen(mark.at));
    row.append(time, glyph(mark), button);
    return row;
  }

  /** Marks that would cover each other become one, the most urgent on top. @param {uPlot} u */
  place(u) {
    if (!(this.layer instanceof HTMLElement)) return;
    const ratio = devicePixelRatio;
    const top = (u.bbox.top + u.bbox.height) / ratio;
    /** @type {{x: number, marks: Mark[]}[]} */
    const groups = [];
    for (const mark of this.marks) {
      const x = u.valToPos(mark.at, "x");
      if (x < 0 || x > u.bbox.width / ratio) continue;
      const last = groups[groups.length - 1];
      if (last && x - last.x < APART_PX) last.marks.push(mark);
      else groups.push({ x, marks: [mark] });
    }
    const key = groups.map(({ x, marks }) => `${Math.round(x)}:${marks.length}`).join() + `@${Math.round(top)}`;
    if (key === this.placed) return;
    this.placed = key;
    this.layer.replaceChildren(...groups.map((group) => this.#button(group, u.bbox.left / ratio, top)));
  }

  /** @param {{x: number, marks: Mark[]}} group @param {number} left @param {number} top */
  #button({ x, marks }, left, top) {
    const button = document.createElement("button");
    const rank = (/** @type {Mark} */ m) => (m.kind === "alarm" ? m.priority : m.kind === "return" ? 10 + m.priority : 20);
    const [first] = [...marks].sort((a, b) => rank(a) - rank(b));
    button.type = "button";
    button.className = "trend-mark";
    button.tabIndex = -1; // the list has them all, in an order that can be read
    button.title = marks.map((mark) => `${this.zone.said(mark.at * 1000)}  ${mark.text}`).slice(0, 12).join("\n");
    button.style.left = `${left + x}px`;
    button.style.top = `${top - 26}px`;
    button.append(glyph(first));
    button.addEventListener("click", () => this.chosen(first.at));
    return button;
  }
}
