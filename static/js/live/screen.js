// The elements of the page that show live values. Text is touched only when it changes, and a number twice a second
// at most; quality at once. Elements that come later (htmx, other scripts) are found by themselves.

import { formatAge, looksGood } from "./format.js";
import { keyOf } from "./model.js";

/** @typedef {import("./model.js").Shown} Shown */
/** @typedef {import("./format.js").Quality} Quality */

const REDRAW_MS = 500;
const KINDS = ["live", "liveAge", "liveWord", "liveSentence"];
const SELECTOR = "[data-live],[data-live-age],[data-live-word],[data-live-sentence]";

/** @typedef {{values: HTMLElement[], ages: HTMLElement[], words: HTMLElement[], sentences: HTMLElement[],
 *   drawnAt: number, text: string}} Place */

/** @param {Element | null} element @param {string} text */
function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export class Screen {
  /** @param {() => void} onOtherPaths called when the page shows other tags than before */
  constructor(onOtherPaths) {
    /** @type {Map<string, Place>} */
    this.places = new Map();
    this.onOtherPaths = onOtherPaths;
    this.isScanDue = false;
    new MutationObserver((records) => this.#mutated(records)).observe(document.body, { childList: true, subtree: true });
    this.scan();
  }

  /** Each path once, in lower case. */
  get paths() {
    return [...this.places.keys()];
  }

  /** @param {MutationRecord[]} records */
  #mutated(records) {
    const isElement = (/** @type {Node} */ node) => node.nodeType === Node.ELEMENT_NODE;
    if (this.isScanDue || !records.some((r) => [...r.addedNodes, ...r.removedNodes].some(isElement))) return;
    this.isScanDue = true;
    queueMicrotask(() => {
      this.isScanDue = false;
      this.scan();
    });
  }

  /** Find every place again. */
  scan() {
    const before = this.places;
    this.places = new Map();
    for (const element of document.querySelectorAll(SELECTOR)) {
      if (element instanceof HTMLElement) this.#add(element, before);
    }
    if (before.size !== this.places.size || this.paths.some((key) => !before.has(key))) this.onOtherPaths();
  }

  /** @param {HTMLElement} element @param {Map<string, Place>} before */
  #add(element, before) {
    const kind = KINDS.find((name) => element.dataset[name] !== undefined) ?? "live";
    const key = keyOf(element.dataset[kind] ?? "");
    let place = this.places.get(key);
    if (!place) {
      place = { values: [], ages: [], words: [], sentences: [], drawnAt: before.get(key)?.drawnAt ?? -Infinity, text: "" };
      this.places.set(key, place);
    }
    const list = { live: place.values, liveAge: place.ages, liveWord: place.words, liveSentence: place.sentences };
    list[/** @type {keyof typeof list} */ (kind)].push(element);
  }

  /** @param {string} key @param {Shown} shown @param {number} now */
  draw(key, shown, now) {
    const place = this.places.get(key);
    if (!place) return;
    const isNumberDue = now - place.drawnAt >= REDRAW_MS;
    let isDrawn = false;
    for (const element of place.values) {
      paint(element, shown.quality);
      const number = element.querySelector(".live-number");
      if (number && number.textContent !== shown.text && isNumberDue) {
        number.textContent = shown.text;
        isDrawn = true;
      }
      if (number?.textContent === shown.text) write(element.querySelector(".live-unit"), shown.unit);
    }
    if (isDrawn) place.drawnAt = now;
    for (const element of place.ages) write(element, formatAge(shown.ageMs));
    this.#drawWords(place, shown.quality);
  }

  /** No value is known, but its quality is: the screen is dead, or the tag is refused. @param {string} key
   * @param {Quality} quality @param {{onlyGood: boolean}} options */
  mark(key, quality, { onlyGood }) {
    const place = this.places.get(key);
    if (!place) return;
    const isMarked = (/** @type {HTMLElement} */ e) => !onlyGood || looksGood(e.dataset.q);
    for (const element of place.values.filter(isMarked)) {
      paint(element, quality);
      if (!onlyGood) write(element.querySelector(".live-number"), "–");
      if (!onlyGood) write(element.querySelector(".live-unit"), "");
    }
    if (!onlyGood || place.words.every(isMarked)) this.#drawWords(place, quality);
    if (!onlyGood) for (const element of place.ages) write(element, "–");
  }

  /** @param {Place} place @param {Quality} quality */
  #drawWords(place, quality) {
    for (const element of place.words) {
      write(element, quality.word);
      if (element.dataset.q !== quality.q) element.dataset.q = quality.q;
      if (element.title !== quality.sentence) element.title = quality.sentence;
    }
    for (const element of place.sentences) write(element, quality.sentence);
  }
}

/** @param {HTMLElement} element @param {Quality} quality */
function paint(element, quality) {
  if (element.dataset.q === quality.q && element.title === quality.sentence) return;
  element.dataset.q = quality.q;
  element.title = quality.sentence;
  const glyph = element.querySelector(".live-glyph");
  write(glyph, quality.glyph);
  if (quality.glyph) {
    glyph?.setAttribute("role", "img");
    glyph?.setAttribute("aria-label", quality.word);
  } else {
    glyph?.removeAttribute("role");
    glyph?.removeAttribute("aria-label");
  }
}
