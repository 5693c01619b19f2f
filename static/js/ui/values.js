// The one place where pages listen to live.js.

/** @typedef {{path: string, value: unknown, status: number, q: string, ageMs: number | null}} LiveValue */

/** @param {(values: LiveValue[]) => void} listener called with every change live.js shows */
export function onValues(listener) {
  document.addEventListener("live:values", (event) => listener(/** @type {CustomEvent<LiveValue[]>} */ (event).detail));
}
