// Ages and ends that count on: [data-since-ms] and [data-until-ms] hold moments of the server, in ms UTC.
import { formatAge } from "../live/format.js";
import { serverNow } from "../ui/clock.js";

/** Rounded up: nothing is over before it is. @param {number} leftMs */
function formatLeft(leftMs) {
  if (leftMs < 60_000) return `${Math.ceil(leftMs / 1000)} s`;
  const minutes = Math.ceil(leftMs / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {HTMLElement} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {ParentNode} root */
export function countOn(root = document) {
  const now = serverNow();
  for (const element of root.querySelectorAll("[data-since-ms]")) {
    if (!(element instanceof HTMLElement) || !element.dataset.sinceMs) continue;
    write(element, formatAge(Math.max(0, now - Number(element.dataset.sinceMs))));
  }
  for (const element of root.querySelectorAll("[data-until-ms]")) {
    if (!(element instanceof HTMLElement) || !element.dataset.untilMs) continue;
    const left = Number(element.dataset.untilMs) - now;
    write(element, left > 0 ? formatLeft(left) : (element.dataset.over ?? "0 s"));
  }
}
