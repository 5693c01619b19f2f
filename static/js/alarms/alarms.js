// What every page does about alarms: the line under the header stays true, says when it is not, sounds, and has its keys.
import { onLink } from "../ui/values.js";
import { countOn } from "./ages.js";
import { closeLater, say } from "./said.js";
import { Sound } from "./sound.js";
import { TOO_NEW_MS, watchForMoves } from "./steady.js";

const AGAIN_MS = 1000;
/** A screen reader is told of a new alarm on top so often at most. */
const SPEAK_MS = 3000;

/** @typedef {{no: number, revision: number, evaluated: boolean | null}} News */

const line = document.getElementById("alarm-line");
const said = document.getElementById("alarm-said");
const spoken = document.getElementById("alarm-spoken");
const sound = new Sound();
/** @type {News | null} */
let news = null;
/** What the parts of the page were last asked for: not what the line shows, which may be newer than the list beside it. */
let askedFor = "";
let isOutdated = false;
let isOffline = false;
let topSince = -Infinity;
let shownTop = "";
let spokenAt = -Infinity;

/** @returns {HTMLElement | null} */
const banner = () => document.querySelector("[data-alarm-banner]");
const ask = () => document.dispatchEvent(new CustomEvent("isthmus:alarms"));

/** @param {string | number | undefined} no @param {string | number | undefined} revision */
const numbers = (no, revision) => `${no} ${revision}`;

/** What the socket knows is newer than what the page was given. */
function tellTroubles() {
  const at = banner();
  if (!at) return;
  const engine = at.querySelector('[data-alarm-trouble="engine"]');
  const outdated = at.querySelector('[data-alarm-trouble="outdated"]');
  const isEvaluated = news?.evaluated ?? at.dataset.evaluated === "true";
  if (engine instanceof HTMLElement) engine.hidden = isEvaluated || isOutdated || isOffline;
  if (!(outdated instanceof HTMLElement)) return;
  outdated.hidden = !isOutdated && !isOffline;
  const asOf = outdated.querySelector("[data-alarm-as-of]");
  if (asOf) asOf.textContent = clockText(Number(at.dataset.atMs));
  document.documentElement.toggleAttribute("data-alarms-old", !outdated.hidden);
}

/** @param {number} ms */
function clockText(ms) {
  const clock = document.querySelector("[data-clock]");
  const zone = clock instanceof HTMLElement ? clock.dataset.zone : "UTC";
  const moment = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone, timeZoneName: "short" };
  return new Intl.DateTimeFormat("sv-SE", /** @type {Intl.DateTimeFormatOptions} */ (moment)).format(ms);
}

function shown() {
  const at = banner();
  if (!at) return;
  if (at.dataset.top !== shownTop) {
    shownTop = at.dataset.top ?? "";
    topSince = performance.now();
  }
  sound.call(at.dataset.sound ?? "0");
  sound.show(at.querySelector("[data-alarm-sound]"));
  tellTroubles();
  countOn();
}

function speak() {
  const text = banner()?.dataset.spoken ?? "";
  if (!spoken || spoken.textContent === text || performance.now() - spokenAt < SPEAK_MS) return;
  spokenAt = performance.now();
  spoken.textContent = text;
}

/** Whoever presses while the line changes has not seen what they would acknowledge. @param {Event} event */
function guard(event) {
  const { target } = event;
  if (!(target instanceof Element) || !target.closest("[data-banner-ack]")) return;
  if (performance.now() - topSince >= TOO_NEW_MS) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  say("The line has changed just now. Look at it, then press again.");
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.repeat) return;
  const button = { F8: "[data-banner-silence]", F9: "[data-banner-ack]" }[event.key];
  if (!button) return;
  event.preventDefault();
  const found = document.querySelector(button);
  if (found instanceof HTMLButtonElement) found.click();
}

function start() {
  document.addEventListener("isthmus:alarm-news", (event) => {
    news = /** @type {CustomEvent<News>} */ (event).detail;
    const told = numbers(news?.no, news?.revision);
    if (told !== askedFor) {
      askedFor = told;
      ask();
    }
    tellTroubles();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    const isPart = detail.target instanceof Element && detail.target.matches("[data-alarm-part]");
    if (!isPart) return;
    // The login page, or another page the server led to, is no part of this one.
    if (!detail.xhr.responseURL || !new URL(detail.xhr.responseURL).pathname.startsWith("/accounts/")) return;
    detail.shouldSwap = false;
    isOutdated = true;
    tellTroubles();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event;
    if (target === said) closeLater();
    if (!(target instanceof Element) || !target.matches("[data-alarm-part]")) return;
    if (target === line) {
      isOutdated = false;
      shown();
    } else countOn(target);
  });
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      const part = detail.elt;
      if (detail.requestConfig?.verb !== "get") {
        if (detail.target === said) say(refusal(detail.xhr?.status));
      } else if (part instanceof Element && part.matches("[data-alarm-part]")) {
        isOutdated = true;
        tellTroubles();
        setTimeout(() => part.dispatchEvent(new CustomEvent("isthmus:again")), AGAIN_MS);
      }
    });
  }
  document.addEventListener("click", guard, { capture: true });
  watchForMoves();
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("[data-said-close]")) said?.replaceChildren();
    if (target instanceof Element && target.closest("[data-alarm-sound]")) void sound.enable();
  });
  document.addEventListener("keydown", key);
  onLink((state) => {
    isOffline = state === "offline";
    tellTroubles();
  });
  sound.changed = () => sound.show(document.querySelector("[data-alarm-sound]"));
  setInterval(() => {
    countOn();
    speak();
  }, 1000);
  askedFor = numbers(banner()?.dataset.no, banner()?.dataset.revision);
  shown();
}

/** @param {number | undefined} status */
function refusal(status) {
  if (!status) return "The server does not answer. It is not certain that this was done: look at the list, then try again.";
  if (status === 403) return "This was not done: you may not do this here. An administrator can grant the right.";
  return `This was not done: the server answered with an error (${status}). Try again, or reload the page.`;
}

if (line) start();

