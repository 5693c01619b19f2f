// Hands on the plot: wheel, drag with Shift, one finger, two fingers, keys. A drag without Shift selects (uPlot does it).

/** @typedef {import("./span.js").Span} Span */

const WHEEL = 0.0015;
const TAP_PX = 8;

/** @param {HTMLElement} box @param {Span} span @param {() => DOMRect} plot where the lines are
 * @param {(at: number) => void} tapped called with the time of a click or a tap */
export function startGestures(box, span, plot, tapped) {
  const part = (/** @type {number} */ x) => Math.min(Math.max((x - plot().left) / (plot().width || 1), 0), 1);
  /** @type {Map<number, number>} */
  const held = new Map();
  /** Where the hands were when one came or went. @type {{from: number, length: number, xs: number[]} | null} */
  let grip = null;
  let [startX, startY, moved] = [0, 0, 0];

  const grasp = () => (grip = held.size ? { from: span.from, length: span.length, xs: [...held.values()] } : null);

  box.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 16 : 1;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) span.pan(((event.deltaX || event.deltaY) * unit) / (plot().width || 1));
      else span.zoom(Math.exp(Math.max(Math.min(event.deltaY * unit * WHEEL, 1), -1)), part(event.clientX));
    },
    { passive: false },
  );
  box.addEventListener("pointerdown", (event) => {
    [startX, startY, moved] = [event.clientX, event.clientY, 0];
    if (event.pointerType === "mouse" && !event.shiftKey && event.button !== 1) return;
    held.set(event.pointerId, event.clientX);
    if (event.pointerType === "mouse") box.setPointerCapture(event.pointerId);
    grasp();
  });
  box.addEventListener("pointermove", (event) => {
    moved = Math.max(moved, Math.hypot(event.clientX - startX, event.clientY - startY));
    if (!held.has(event.pointerId) || !grip) return;
    held.set(event.pointerId, event.clientX);
    if (moved > TAP_PX) follow([...held.values()], grip);
  });
  /** @param {number[]} xs @param {{from: number, length: number, xs: number[]}} grip */
  function follow(xs, { from, length, xs: before }) {
    const width = plot().width || 1;
    const centre = (/** @type {number[]} */ list) => list.reduce((a, b) => a + b, 0) / list.length;
    const apart = (/** @type {number[]} */ list) => (list.length < 2 ? 1 : Math.max(Math.abs(list[0] - list[1]), 24));
    const longer = apart(before) / apart(xs);
    const at = from + ((centre(before) - plot().left) / width) * length;
    const begin = at - ((centre(xs) - plot().left) / width) * length * longer;
    span.show(begin, begin + length * longer);
  }
  const release = (/** @type {PointerEvent} */ event) => {
    const isTap = event.type === "pointerup" && moved <= TAP_PX && event.button === 0 && plot().top <= event.clientY && event.clientY <= plot().bottom;
    held.delete(event.pointerId);
    grasp();
    if (isTap && !event.shiftKey) tapped(span.from + part(event.clientX) * span.length);
  };
  box.addEventListener("pointerup", release);
  box.addEventListener("pointercancel", release);
}

/** @param {HTMLElement} box @param {Span} span @param {(part: number) => void} moveCursor @param {() => void} dropCursor */
export function startKeys(box, span, moveCursor, dropCursor) {
  /** @type {Object<string, () => void>} */
  const keys = {
    ArrowLeft: () => span.pan(-0.1), ArrowRight: () => span.pan(0.1), PageUp: () => span.pan(-0.9), PageDown: () => span.pan(0.9),
    "+": () => span.zoom(0.5), "=": () => span.zoom(0.5), "-": () => span.zoom(2), End: () => span.live(),
    ",": () => moveCursor(-0.01), ".": () => moveCursor(0.01), Escape: dropCursor,
  };
  box.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
}
