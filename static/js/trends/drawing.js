// What is drawn besides the lines: what is not Good, limits, the number of each pen at its end, the cursor that was set.

/** @typedef {import("./lines.js").Line} Line */

export const DASHES = [[], [9, 4], [3, 3], [12, 3, 3, 3], [16, 5], [], [6, 3, 2, 3, 2, 3], [5, 5]];
export const WIDTHS = [2, 2, 2, 2, 2, 1.25, 2, 1.25];
const LANE_PX = 8;
const HATCH_PX = 6;

/** The colour a class has now, as a canvas needs it. @param {HTMLElement} box @param {string} name */
export function colourOf(box, name) {
  const probe = document.createElement("i");
  probe.className = name;
  probe.hidden = true;
  box.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** @param {CanvasRenderingContext2D} context @param {string} colour @param {boolean} isDense */
function hatch(context, colour, isDense) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = (isDense ? HATCH_PX : HATCH_PX * 2) * devicePixelRatio;
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

/**
 * Each pen with something that is not Good has a lane at the foot of the plot; a pen alone has the whole height.
 * @param {uPlot} u @param {Line[]} lines @param {{gap: string, bad: string, unsure: string}} colours
 */
export function drawSpans(u, lines, colours) {
  const { left, top, width, height } = u.bbox;
  const isAlone = lines.filter(({ look }) => !look.hidden).length === 1;
  const fills = isAlone ? [hatch(u.ctx, colours.gap, false), hatch(u.ctx, colours.gap, true)] : [hatch(u.ctx, colours.unsure, false), hatch(u.ctx, colours.bad, true)];
  const marked = lines.filter((line) => !line.look.hidden && line.spans.length);
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  u.ctx.font = `600 ${11 * devicePixelRatio}px ${getComputedStyle(u.root).fontFamily}`;
  u.ctx.textAlign = "right";
  marked.forEach((line, place) => {
    const lane = LANE_PX * devicePixelRatio;
    const [y, tall] = isAlone ? [top, height] : [top + height - (place + 1) * (lane + 3 * devicePixelRatio), lane];
    for (const [from, to, severity] of line.spans) {
      const [a, b] = [u.valToPos(from, "x", true), u.valToPos(to, "x", true)];
      if (b < left || a > left + width) continue;
      u.ctx.fillStyle = fills[severity - 1] ?? fills[1];
      u.ctx.fillRect(a, y, Math.max(b - a, devicePixelRatio), tall);
      if (isAlone) continue;
      u.ctx.strokeStyle = severity > 1 ? colours.bad : colours.unsure;
      u.ctx.strokeRect(a, y, Math.max(b - a, devicePixelRatio), tall);
      u.ctx.fillStyle = u.ctx.strokeStyle;
      u.ctx.fillText(String(line.look.number), Math.max(a, left + lane) - devicePixelRatio * 3, y + lane);
    }
  });
  u.ctx.restore();
}

/** Limits of alarms, thin and dotted, with their kind. @param {uPlot} u @param {Line[]} lines @param {string} ink */
export function drawLimits(u, lines, ink) {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.font = `${11 * devicePixelRatio}px ${getComputedStyle(u.root).fontFamily}`;
  u.ctx.textAlign = "right";
  for (const line of lines) {
    if (line.look.hidden) continue;
    for (const limit of line.limits) {
      const y = u.valToPos(limit.at, scaleOf(line.look), true);
      if (!(y >= top && y <= top + height)) continue;
      u.ctx.strokeStyle = u.ctx.fillStyle = ink;
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      u.ctx.beginPath();
      u.ctx.moveTo(left, y);
      u.ctx.lineTo(left + width, y);
      u.ctx.stroke();
      u.ctx.fillText(lines.length > 1 ? `${line.look.number} ${limit.kind}` : limit.kind, left + width - 24 * devicePixelRatio, y - 3 * devicePixelRatio);
    }
  }
  u.ctx.restore();
}

/** The number of each pen where its line ends: told apart without colour. @param {uPlot} u @param {Line[]} lines
 * @param {string[]} colours @param {string} ground */
export function drawNumbers(u, lines, colours, ground) {
  const { left, top, width, height } = u.bbox;
  const size = 13 * devicePixelRatio;
  u.ctx.save();
  u.ctx.font = `600 ${size}px ${getComputedStyle(u.root).fontFamily}`;
  u.ctx.textAlign = "right";
  u.ctx.textBaseline = "middle";
  if (lines.length < 2) return u.ctx.restore();
  /** @type {number[]} */
  const taken = [];
  for (const line of lines) {
    if (line.look.hidden) continue;
    const max = u.scales.x.max ?? 0;
    let i = line.t.length - 1;
    while (i >= 0 && (line.t[i] > max || line.v[i] === null)) i -= 1;
    const value = line.v[i];
    if (i < 0 || value === null || line.t[i] < (u.scales.x.min ?? 0)) continue;
    let y = Math.min(Math.max(u.valToPos(value, scaleOf(line.look), true), top + size / 2), top + height - size / 2);
    while (taken.some((other) => Math.abs(other - y) < size)) y -= size;
    taken.push(y);
    const x = Math.min(u.valToPos(line.t[i], "x", true), left + width) - 4 * devicePixelRatio;
    u.ctx.lineWidth = 4 * devicePixelRatio;
    u.ctx.strokeStyle = ground;
    u.ctx.strokeText(String(line.look.number), x, y);
    u.ctx.fillStyle = colours[line.look.number - 1];
    u.ctx.fillText(String(line.look.number), x, y);
  }
  u.ctx.restore();
}

/** An upright line. @param {uPlot} u @param {number | null} at seconds @param {string} colour @param {number[]} dash */
export function drawUpright(u, at, colour, dash) {
  const { left, top, width, height } = u.bbox;
  const x = at === null ? -1 : u.valToPos(at, "x", true);
  if (!(x >= left && x <= left + width)) return;
  u.ctx.save();
  u.ctx.strokeStyle = colour;
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash(dash.map((n) => n * devicePixelRatio));
  u.ctx.beginPath();
  u.ctx.moveTo(x, top);
  u.ctx.lineTo(x, top + height);
  u.ctx.stroke();
  u.ctx.restore();
}

/** Pens of one unit share an axis, unless one wants its own. States never share. @param {import("./lines.js").Look} look */
export function scaleOf(look) {
  const isState = Object.keys(look.labels).length > 0;
  return look.own || isState || look.ends ? `pen ${look.number}` : `unit ${look.unit}`;
}
