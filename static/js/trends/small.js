// The small trend of one tag on other pages: the last hour, or what the page says, going on with the time. More of it
// stands on the trends page, where the link beside it leads.
import { serverNow } from "../ui/clock.js";
import { Asking } from "./asking.js";
import { Chart } from "./chart.js";
import { sayValue } from "./cursor.js";
import { startFeed } from "./feed.js";
import { Line } from "./lines.js";
import { Span } from "./span.js";
import { Zone } from "./zone.js";

const POINTS = 1000;
/** What is known of a short time only is not drawn as a dot at the edge; but over no less than this. */
const FIRST_S = 60;
const MOST_POINTS = 6 * POINTS;

/** @param {HTMLElement} root @param {HTMLElement} box */
function start(root, box) {
  const { look = "{}", lines: source = "", zone: name = "UTC", spanMs = "3600000" } = root.dataset;
  const zone = new Zone(name);
  const line = new Line(JSON.parse(look));
  const note = root.querySelector("[data-small-said]");
  let [sentence, frame] = ["", 0];
  /** @type {{at: number, kind: string}[]} */
  let marks = [];
  const span = new Span({ from: serverNow() - Number(spanMs), to: serverNow(), follows: true, now: serverNow, changed: () => {} });
  const chart = new Chart(box, [line], zone, {
    range: () => [Math.max(span.from / 1000, Math.min(line.t[0] ?? Infinity, span.to / 1000 - FIRST_S)), span.to / 1000],
    drawn: () => {},
    selected: () => {},
    moved: (at) => {
      const found = at === null ? null : line.sampleAt(at);
      write(at === null ? sentence : `${zone.said(at * 1000)}: ${found ? sayValue(line, found.value) : "not known"}`);
    },
    marks: () => marks,
    cursor: () => null,
  });
  const write = (/** @type {string} */ text) => note && note.textContent !== text && (note.textContent = text);
  const asking = new Asking(
    source,
    (answer) => {
      const [sent] = answer.pens;
      if (sent && (!answer.sentence || sent.t?.length)) line.take(sent, answer.from_ms);
      marks = (answer.marks ?? []).map(([ms, kind]) => ({ at: (answer.from_ms + ms) / 1000, kind }));
      failed(answer.sentence);
      draw();
    },
    failed,
  );
  const ask = () => asking.ask(() => ({ from: span.from, to: span.to }), [line.look.path], POINTS, 0);

  /** @param {string} text */
  function failed(text) {
    sentence = text || line.missing;
    write(sentence);
  }

  function draw() {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      chart.show();
    });
  }

  startFeed([line], {
    moved: () => {
      span.tick();
      line.trim(span.from / 1000);
      if (line.t.length > MOST_POINTS) ask();
      if (document.visibilityState === "visible") draw();
    },
    missed: ask,
  });
  ask();
}

for (const root of document.querySelectorAll("[data-small-trend]")) {
  const box = root.querySelector("[data-trend-canvas]");
  if (root instanceof HTMLElement && box instanceof HTMLElement) start(root, box);
}
