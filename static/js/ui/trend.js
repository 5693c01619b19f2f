// The trend of one tag since its page was opened. Every value live.js shows is kept for an hour; where there is none to
// trust, the line has a gap and the gap is hatched.
import uPlot from "../../uplot/uPlot.esm.js";
import { serverNow } from "./clock.js";
import { addPoint, gaps, newSeries, range, reading } from "./series.js";
import { onValues } from "./values.js";

const TICK_MS = 1000;
const PATIENCE_MS = 3000; // until the first value has come, nothing is known: neither a value nor a gap
const HATCH_PX = 6;

/** The colour a class has now, as the canvas needs it. @param {HTMLElement} box @param {string} name */
function colourOf(box, name) {
  const probe = document.createElement("i");
  probe.className = name;
  probe.hidden = true;
  box.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** @param {CanvasRenderingContext2D} context @param {string} colour */
function hatch(context, colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = HATCH_PX * devicePixelRatio;
  const pen = tile.getContext("2d");
  if (!pen) return colour;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5 * devicePixelRatio;
  pen.beginPath();
  for (const shift of [-1, 0, 1]) {
    pen.moveTo((shift - 0.5) * tile.width, tile.height * 1.5);
    pen.lineTo((shift + 1.5) * tile.width, tile.height * -0.5);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat") ?? colour;
}

/** @param {HTMLElement} box @param {import("./series.js").Series} series */
function plot(box, series) {
  const { zone = "UTC", unit = "", decimals = "1", title = "", labels = "{}" } = box.dataset;
  /** @type {Record<string, string>} */
  const words = JSON.parse(labels);
  const said = (/** @type {number | null} */ y) => (y === null ? "–" : words[String(y)] ?? `${y.toFixed(Number(decimals))} ${unit}`);
  const [line, ink, grid, gap] = ["trend-line", "trend-axis", "trend-grid", "quality-gap"].map((name) => colourOf(box, name));
  const font = `12px ${getComputedStyle(box).fontFamily}`;
  const axis = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const time = new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium", timeZone: zone });
  const states = Object.keys(words).map(Number).sort((a, b) => a - b);
  return new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight - 28,
      cursor: { drag: { x: false, y: false }, points: { size: 8 } },
      tzDate: (/** @type {number} */ s) => uPlot.tzDate(new Date(s * 1000), zone),
      scales: { x: { range: () => range.x(series) }, y: { range: (_, min, max) => range.y(box.dataset, states, min, max) } },
      axes: [
        { ...axis, size: 32, space: 96, values: (_, seconds) => seconds.map((s) => time.format(s * 1000)) },
        {
          ...axis,
          size: states.length ? 96 : 52,
          ...(unit && !states.length ? { label: unit, labelFont: font, labelSize: 20, labelGap: 0 } : {}),
          ...(states.length ? { splits: () => states, values: (_, ys) => ys.map((y) => words[String(y)] ?? "") } : {}),
        },
      ],
      series: [
        { label: "Time", value: (_, s) => (s === null ? "–" : time.format(s * 1000)) },
        { label: title, stroke: line, width: 2, points: { show: false }, paths: states.length ? uPlot.paths.stepped?.({ align: 1 }) : undefined, value: (_, y) => said(y) },
      ],
      hooks: {
        drawAxes: [
          (u) => {
            u.ctx.save();
            u.ctx.fillStyle = hatch(u.ctx, gap);
            for (const [from, to] of gaps(series)) {
              const [left, right] = [u.valToPos(from, "x", true), u.valToPos(to, "x", true)];
              u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
            }
            u.ctx.restore();
          },
        ],
      },
    },
    [series.xs, series.ys],
    box,
  );
}

/** @param {HTMLElement} box */
function startTrend(box) {
  const path = (box.dataset.trend ?? "").toLowerCase();
  const series = newSeries(serverNow() / 1000);
  let chart = plot(box, series);
  let isHeard = false;
  setTimeout(() => (isHeard = true), PATIENCE_MS);
  const redraw = () => {
    if (document.visibilityState === "visible") chart.setData([series.xs, series.ys]);
  };
  onValues((values) => {
    for (const value of values) {
      if (value.path.toLowerCase() !== path) continue;
      isHeard = true;
      addPoint(series, serverNow() / 1000, reading(value));
    }
  });
  setInterval(() => {
    if (!isHeard) return;
    addPoint(series, serverNow() / 1000, series.last);
    redraw();
  }, TICK_MS);
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: box.clientHeight - 28 })).observe(box);
  document.addEventListener("theme-changed", () => {
    chart.destroy();
    chart = plot(box, series);
  });
}

for (const box of document.querySelectorAll("[data-trend]")) if (box instanceof HTMLElement) startTrend(box);
