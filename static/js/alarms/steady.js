// Whoever presses has seen what stood there a moment ago. In a flood rows move under the finger: a press on what has moved,
// come or changed just now could mean another alarm. It is refused, and says so.
import { say } from "./said.js";

export const TOO_NEW_MS = 400;
const MOVED = "The list has just moved: press again.";
const CHANGED = "This alarm has just changed. Look at it, then press again.";
/** Each acts on one alarm: a row of a list, or the forms on an alarm's own page. */
const PLACES = ".alarm-row, .alarm-mutes tbody tr, .alarm-do";
const CONTROLS = 'button, input[type="checkbox"], a.button';

/** @typedef {{top: number, what: string}} Stand Where a place is on the screen, and what it offers. */

/** @type {Map<string, Stand>} */
let before = new Map();
/** When a place moved, came or changed. @type {Map<string, number>} */
const movedAt = new Map();
/** When the page itself put something else under the focus. @type {WeakMap<Element, number>} */
const unseenSince = new WeakMap();
/** When the pointer went down for the click that comes. @type {number | null} */
let pressedAt = null;

/** @param {Element} place */
function keyOf(place) {
  if (place.matches(".alarm-do")) return "do";
  const on = place.querySelector('input[name="on"]');
  return place.id || `${place.closest("section")?.id}/${on instanceof HTMLInputElement ? on.value.split(":")[0] : ""}`;
}

/** The occurrences it acts on, and what can be pressed. A tick, or a word being written, is the person's own. @param {Element} place */
function whatOf(place) {
  const parts = [place.getAttribute("data-v") ?? ""];
  for (const one of place.querySelectorAll('input[name="on"], button, a.button')) {
    parts.push(one instanceof HTMLInputElement ? one.value : `${one.textContent}${one.hasAttribute("disabled")}`);
  }
  return parts.join("\n");
}

/** @returns {Map<string, Stand>} */
function standing() {
  /** @type {Map<string, Stand>} */
  const found = new Map();
  for (const place of document.querySelectorAll(PLACES)) {
    found.set(keyOf(place), { top: place.getBoundingClientRect().top, what: whatOf(place) });
  }
  return found;
}

/** @param {number} one @param {number} other */
const isSameTop = (one, other) => Math.abs(one - other) < 1;

function compare() {
  const now = performance.now();
  const [old, fresh] = [before, standing()];
  /** @type {string[]} */
  const onlyMoved = [];
  for (const [key, at] of movedAt) if (now - at >= TOO_NEW_MS) movedAt.delete(key);
  for (const [key, { top, what }] of fresh) {
    const known = old.get(key);
    if (known && known.what === what && isSameTop(known.top, top)) continue;
    if (known?.what === what && !movedAt.has(key)) onlyMoved.push(key);
    movedAt.set(key, now);
  }
  if (onlyMoved.length) requestAnimationFrame(() => requestAnimationFrame(() => forgive(onlyMoved, old)));
}

/** A page that is scrolled keeps what is in sight where it is, a frame later: that has not moved. @param {string[]} keys @param {Map<string, Stand>} old */
function forgive(keys, old) {
  const fresh = standing();
  for (const key of keys) {
    const [was, is] = [old.get(key), fresh.get(key)];
    if (was && is && was.what === is.what && isSameTop(was.top, is.top)) movedAt.delete(key);
  }
}

/** @param {EventTarget | null} target */
function placeOf(target) {
  return target instanceof Element && target.closest(CONTROLS) ? target.closest(PLACES) : null;
}

/** @param {Event} event @param {string} text */
function refuse(event, text) {
  event.preventDefault();
  event.stopImmediatePropagation();
  say(text);
}

/** A press by keys has no place, it means what has the focus (see isUnseen). @param {MouseEvent} event */
function guard(event) {
  const place = placeOf(event.target);
  const at = pressedAt ?? performance.now();
  pressedAt = null;
  if (!place) return;
  if (!event.detail) {
    if (isUnseen(place)) refuse(event, CHANGED);
  } else if (at - (movedAt.get(keyOf(place)) ?? -Infinity) < TOO_NEW_MS) {
    refuse(event, place.matches(".alarm-do") ? CHANGED : MOVED);
  }
}

/** The focus is now where nobody has put it, or the alarm there has come again. @param {Element | null | undefined} place */
export function noteUnseen(place) {
  if (place) unseenSince.set(place, performance.now());
}

/** @param {Element} place */
export function isUnseen(place) {
  return performance.now() - (unseenSince.get(place) ?? -Infinity) < TOO_NEW_MS;
}

export const sayChanged = () => say(CHANGED);
export const sayMoved = () => say(MOVED);

/** @param {Event} event */
const isOfPart = ({ target }) => target instanceof Element && target.matches("[data-alarm-part]");

export function watchForMoves() {
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isOfPart(event)) before = standing();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (isOfPart(event)) compare();
  });
  document.addEventListener("pointerdown", () => (pressedAt = performance.now()), { capture: true });
  document.addEventListener("click", guard, { capture: true });
}
