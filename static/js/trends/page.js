// The trends page: the parts around one plot, and what passes between them.
import { serverNow } from "../ui/clock.js";
import { Address } from "./address.js";
import { Asking } from "./asking.js";
import { Brush } from "./brush.js";
import { Chart } from "./chart.js";
import { CursorTable } from "./cursor.js";
import { startFeed } from "./feed.js";
import { startGestures, startKeys } from "./gestures.js";
import { Line } from "./lines.js";
import { Marks } from "./marks.js";
import { Span } from "./span.js";
import { Zone } from "./zone.js";

const POINTS = 2000;
/** So many points come live before history is asked for fewer that say the same. */
const MOST_POINTS = 3 * POINTS;

/** @param {HTMLElement} root @param {HTMLElement} box */
function start(root, box) {
  const { zone: name = "UTC", lines: source = "", fromMs, toMs, cursorMs } = root.dataset;
  const zone = new Zone(name);
  const looks = /** @type {import("./lines.js").Look[]} */ (JSON.parse(document.getElementById("trend-looks")?.textContent ?? '{"pens":[]}').pens);
  const lines = looks.map((look) => new Line(look));
  const paths = looks.map((look) => look.path);
  /** Where the cursor was set, in seconds. @type {number | null} */
  let set = cursorMs === undefined ? null : Number(cursorMs) / 1000;
  /** Where a mouse is now. @type {number | null} */
  let hovered = null;
  let [sentence, isDue, hasAnswer] = ["", false, false];

  const span = new Span({ from: Number(fromMs), to: Number(toMs), follows: root.dataset.follows !== undefined, now: serverNow, changed });
  const table = new CursorTable(lines, zone);
  const marks = new Marks(zone, (at) => {
    if (at * 1000 < span.from || at * 1000 > span.to) span.show(at * 1000 - span.length / 2, at * 1000 + span.length / 2);
    setCursor(at);
  });
  const chart = new Chart(box, lines, zone, {
    range: () => [span.from / 1000, span.to / 1000],
    drawn: () => {
      marks.place(chart.u);
      if (hasAnswer) performance.mark("trend-drawn"); // asked for by the measurement in docs/performance.md
      hasAnswer = false;
    },
    selected: (from, to) => span.show(from * 1000, to * 1000),
    moved: (at) => {
      hovered = at;
      table.show(hovered ?? set);
    },
    marks: () => marks.marks,
    cursor: () => set,
  });
  const brush = new Brush(span, zone);
  const address = new Address(span, zone, () => (set === null ? null : Math.round(set * 1000)));
  const asking = new Asking(source, take, say);
  const [said, status] = [root.querySelector("[data-trend-said]"), root.querySelector("[data-trend-status]")];

  /** Draw at the next frame, once however much has changed. @param {boolean} hasPoints */
  function draw(hasPoints) {
    if (hasPoints) isDue = true;
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      if (isDue) chart.show();
      else chart.move();
      isDue = false;
      brush.show();
      tell();
    });
  }
  let frame = 0;

  function changed() {
    draw(false);
    ask();
    address.write();
    for (const link of root.querySelectorAll("[data-span]")) {
      if (link instanceof HTMLElement && span.follows && Number(link.dataset.span) === Math.round(span.length)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    root.querySelector('[data-do="live"]')?.setAttribute("aria-pressed", String(span.follows));
  }

  /** @param {number} [wait] */
  function ask(wait) {
    asking.ask(() => ({ from: span.from, to: span.to }), paths, POINTS, wait);
  }

  /** @param {import("./asking.js").Answer} answer */
  function take(answer) {
    say(answer.sentence);
    for (const sent of answer.pens) lines.find((line) => line.key === sent.path.toLowerCase())?.take(sent, answer.from_ms);
    if (answer.sentence && !answer.pens.some((pen) => pen.t?.length)) return draw(true);
    marks.take(answer.marks ?? [], answer.from_ms, answer.marks_cut ?? false);
    hasAnswer = true;
    draw(true);
    table.show(hovered ?? set);
  }

  /** @param {string} text */
  function say(text) {
    sentence = text;
    tell();
  }

  function tell() {
    const levels = [...new Set(lines.map((line) => line.level).filter((level) => level && level !== "samples"))];
    const text = `${zone.said(span.from)} to ${zone.said(span.to)} ${zone.name}${levels.length ? `, drawn of ${levels.join(" and ")}` : ""}. ${sentence}`;
    if (said && said.textContent !== text) said.textContent = text;
    for (const [part, ms] of /** @type {[string, number][]} */ ([["from", span.from], ["to", span.to]])) {
      const field = root.querySelector(`[data-window="${part}"]`);
      if (field instanceof HTMLInputElement && document.activeElement !== field) field.value = zone.iso(Math.round(ms / 1000) * 1000).replace("T", " ");
    }
  }

  /** @param {number | null} at */
  function setCursor(at) {
    set = at;
    table.show(set);
    if (status) status.textContent = at === null ? "" : table.sentence(at);
    chart.u.redraw(false);
    address.write();
  }

  startFeed(lines, {
    moved: (isTick) => {
      const hasMoved = isTick && span.tick();
      if (document.visibilityState !== "visible" || !(hasMoved || span.follows)) return;
      for (const line of lines) line.trim((span.from - span.length) / 1000);
      if (lines.some((line) => line.t.length > MOST_POINTS)) ask();
      draw(true);
    },
    missed: () => ask(), // it stands in history
  });
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && span.follows && changed());

  startGestures(box, span, () => chart.u.over.getBoundingClientRect(), (ms) => setCursor(ms / 1000));
  startKeys(box, span, (part) => setCursor(Math.min(Math.max((set ?? (span.from + span.to) / 2000) + (part * span.length) / 1000, span.from / 1000), span.to / 1000)), () => setCursor(null));
  startSteps(root, span);
  ask(0);
  table.show(set);
  brush.show();
}

/** @param {HTMLElement} root @param {Span} span */
function startSteps(root, span) {
  /** @type {Object<string, () => void>} */
  const acts = { back: () => span.pan(-0.5), on: () => span.pan(0.5), out: () => span.zoom(2), in: () => span.zoom(0.5), live: () => span.live() };
  for (const button of root.querySelectorAll("[data-do]")) {
    if (button instanceof HTMLElement) button.addEventListener("click", () => acts[button.dataset.do ?? ""]?.());
  }
  for (const link of root.querySelectorAll("a[data-span]")) {
    link.addEventListener("click", (event) => {
      if (!(event instanceof MouseEvent && link instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      span.live(Number(link.dataset.span));
    });
  }
  const steps = root.querySelector(".trend-steps");
  if (steps instanceof HTMLElement) steps.hidden = false;
}

const root = document.getElementById("trends");
const box = document.querySelector("[data-trend-canvas]");
if (root && box instanceof HTMLElement) start(root, box);
