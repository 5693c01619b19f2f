// The one place where our pages listen to live.js.

/** @typedef {{path: string, value: unknown, status: number, q: string, ageMs: number | null}} LiveValue */

const NO_COMMUNICATION = 0x408f; // Uncertain_NoCommunicationLastUsableValue (bus/quality.py): kept over a lost link

/**
 * @param {(values: LiveValue[]) => void} listener called with every change live.js shows, and first with what it shows
 *   already: the values may be quicker than the script that asks for them
 */
export function onValues(listener) {
  document.addEventListener("isthmus:values", (event) => listener(/** @type {CustomEvent<LiveValue[]>} */ (event).detail));
  document.dispatchEvent(new CustomEvent("isthmus:listen", { detail: listener }));
}

/** @param {(state: "live" | "stale" | "offline") => void} listener */
export function onLink(listener) {
  document.addEventListener("isthmus:link", (event) => listener(/** @type {CustomEvent} */ (event).detail.state));
}

/** Is it no value of now, but the last one there was? @param {LiveValue} live */
export function isKept({ status, q }) {
  return q === "stale" || status >>> 16 === NO_COMMUNICATION;
}
