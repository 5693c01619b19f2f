// The plot itself: uPlot with an axis for each unit, the plant's clock under it, and our drawing on it.
import uPlot from "../../uplot/uPlot.esm.js";
import { DASHES, WIDTHS, colourOf, drawLimits, drawNumbers, drawSpans, drawUpright, scaleOf } from "./drawing.js";
import { aligned } from "./lines.js";

/** @typedef {import("./lines.js").Line} Line */

const MARGIN = 0.05;
const AXIS_PX = 56;
const STATE_AXIS_PX = 88;
/** An axis for each so many px of the width; one there is always. */
const ROOM_PX = 260;

/**
 * The ends of an axis: as somebody set them, else the ranges of its tags, widened where a value lies beyond: a trend that
 * scales itself makes noise look like an event (HMI-15). Only who asks for it gets an axis that fits what is seen.
 * @param {import("./lines.js").Look[]} looks of the pens on it @param {number | null} min @param {number | null} max of what is seen
 * @returns {[number, number]}
 */
export function endsOf(looks, min, max) {
  const states = looks.flatMap((look) => Object.keys(look.labels).map(Number));
  if (states.length) return [Math.min(...states) - 0.25, Math.max(...states) + 0.25];
  if (looks[0]?.ends) return looks[0].ends;
  const isFit = looks.some((look) => look.fit);
  const ranges = isFit ? [] : looks.flatMap((look) => look.range ?? []);
  const held = ranges.length ? [Math.min(...ranges), Math.max(...ranges)] : null;
  const seen = min === null || max === null ? (held ?? [0, 1]) : [min, max];
  const margin = (seen[1] - seen[0] || Math.abs(seen[0]) * 0.02 || 1) * MARGIN;
  if (!held) return [seen[0] - margin, seen[1] + margin];
  return [seen[0] < held[0] ? seen[0] - margin : held[0], seen[1] > held[1] ? seen[1] + margin : held[1]];
}

export class Chart {
  /** @param {HTMLElement} box @param {Line[]} lines @param {import("./zone.js").Zone} zone
   * @param {{range: () => [number, number], drawn: () => void, selected: (from: number, to: number) => void,
   *   moved: (at: number | null) => void, marks: () => {at: number, kind: string}[], cursor: () => number | null}} say */
  constructor(box, lines, zone, say) {
    this.box = box;
    this.lines = lines;
    this.zone = zone;
    this.say = say;
    this.u = this.#made();
    new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = box;
      if (width && height && (width !== this.u.width || height !== this.u.height)) this.again();
    }).observe(box);
    document.addEventListener("theme-changed", () => this.again());
  }

  /** Built anew: another theme, another width. */
  again() {
    this.u.destroy();
    this.u = this.#made();
  }

  /** The points are other ones, or the time has moved. */
  show() {
    const [min, max] = this.say.range();
    this.u.batch(() => {
      this.u.setData(aligned(this.lines), false);
      this.u.setScale("x", { min, max });
    });
  }

  /** The same points at another time. */
  move() {
    const [min, max] = this.say.range();
    this.u.setScale("x", { min, max });
  }

  #made() {
    const { box, lines } = this;
    const named = (/** @type {string} */ name) => colourOf(box, name);
    const colours = {
      ink: named("trend-axis"), grid: named("trend-grid"), ground: named("trend-ground"), gap: named("quality-gap"), bad: named("quality-lane"),
      unsure: named("quality-unsure"), pens: DASHES.map((_, i) => named(`pen-colour-${i + 1}`)),
    };
    const font = `12px ${getComputedStyle(box).fontFamily}`;
    const looks = lines.map((line) => line.look);
    const scales = [...new Set(looks.map(scaleOf))];
    const of = (/** @type {string} */ scale) => looks.filter((look) => scaleOf(look) === scale);
    /** @type {uPlot.Scales} */
    const ranges = { x: { time: true, auto: false, range: () => this.say.range() } };
    for (const scale of scales) ranges[scale] = { auto: true, range: (_, min, max) => endsOf(of(scale).filter((l) => !l.hidden || of(scale).length === 1), min, max) };
    const room = Math.max(1, Math.floor(box.clientWidth / ROOM_PX));
    const drawn = scales.filter((scale) => of(scale).some((look) => !look.hidden)).slice(0, room);
    return new uPlot(
      {
        width: Math.max(box.clientWidth, 100),
        height: Math.max(box.clientHeight, 100),
        padding: [10, null, null, null],
        legend: { show: false },
        cursor: {
          y: false,
          points: { show: false },
          drag: { x: true, y: false, setScale: false, dist: 6 },
          bind: { dblclick: () => () => null, mousedown: (_, __, handler) => (e) => (e.shiftKey || e.button ? null : handler(e)) },
        },
        tzDate: (/** @type {number} */ s) => uPlot.tzDate(new Date(s * 1000), this.zone.name),
        scales: ranges,
        axes: [
          { stroke: colours.ink, font, size: 44, space: 88, grid: { stroke: colours.grid, width: 1 }, ticks: { stroke: colours.grid, size: 4 },
            values: (_, splits, __, ___, step) => this.zone.axis(splits, step) },
          ...drawn.map((scale, i) => axis(scale, of(scale), i, colours, font, lines.length > 1)),
        ],
        series: [
          {},
          ...lines.map(({ look }) => ({
            label: look.label, scale: scaleOf(look), show: !look.hidden, stroke: colours.pens[look.number - 1],
            width: WIDTHS[look.number - 1], dash: DASHES[look.number - 1], points: { show: false },
            paths: look.stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined,
          })),
        ],
        hooks: {
          drawClear: [(u) => u.ctx.setLineDash([])],
          drawAxes: [
            (u) => {
              drawSpans(u, lines, colours);
              drawLimits(u, lines, colours.ink);
              for (const mark of this.say.marks()) drawUpright(u, mark.at, colours.ink, mark.kind === "alarm" ? [] : [1, 4]);
            },
          ],
          draw: [
            (u) => {
              drawNumbers(u, lines, colours.pens, colours.ground);
              drawUpright(u, this.say.cursor(), colours.ink, [4, 2]);
              this.say.drawn();
            },
          ],
          setSelect: [
            (u) => {
              const { left, width } = u.select;
              if (width > 6) this.say.selected(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
          setCursor: [(u) => this.say.moved((u.cursor.left ?? -1) < 0 ? null : u.posToVal(u.cursor.left ?? 0, "x"))],
        },
      },
      aligned(lines),
      box,
    );
  }
}

/** @param {string} scale @param {import("./lines.js").Look[]} looks @param {number} i @param {{ink: string, grid: string, pens: string[]}} colours
 * @param {string} font @param {boolean} isNumbered @returns {uPlot.Axis} */
function axis(scale, looks, i, colours, font, isNumbered) {
  const states = Object.entries(looks[0].labels).map(([state, word]) => /** @type {[number, string]} */ ([Number(state), word]));
  const isAlone = looks.length === 1 && isNumbered;
  const stroke = isAlone ? colours.pens[looks[0].number - 1] : colours.ink;
  const numbers = isNumbered ? looks.map((look) => look.number).join(" ") : "";
  const label = { label: `${numbers}  ${looks[0].unit}`.trim(), labelFont: `600 ${font}`, labelSize: 20, labelGap: 0 };
  return {
    scale, side: i % 2 ? 1 : 3, stroke, font, size: states.length ? STATE_AXIS_PX : AXIS_PX, ticks: { show: false }, ...label,
    grid: { show: i === 0, stroke: colours.grid, width: 1 },
    ...(states.length
      ? { splits: () => states.map(([state]) => state), values: (/** @type {uPlot} */ _, /** @type {number[]} */ ys) => ys.map((y) => states.find(([state]) => state === y)?.[1] ?? "") }
      : {}),
  };
}
