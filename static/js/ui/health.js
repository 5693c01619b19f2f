// A summary never claims more than the values beside it: "all 7 good" and "connected" come from the server every few
// seconds; when a shown value is worse than they say, or nothing is live any more, they say so at once.
import { onLink } from "./values.js";

/** Asks htmx to fetch the summaries now (hx-trigger of the pages). */
const DOUBT = "isthmus:doubt";

/** @typedef {{path: string, q: string}} Shown */

/** What the page shows: each tag once, with its quality. @returns {Shown[]} */
function shownValues() {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const element of document.querySelectorAll("main [data-live]:not([data-off])")) {
    if (element instanceof HTMLElement) found.set((element.dataset.live ?? "").toLowerCase(), element.dataset.q ?? "");
  }
  return [...found].map(([path, q]) => ({ path, q }));
}

/**
 * What is to be said in place of the server's counts; empty while they can be right.
 * @param {{good: number, forced: number, uncertain: number, bad: number}} said @param {Shown[]} shown of the area @param {boolean} isLive
 */
export function doubtOf(said, shown, isLive) {
  if (!isLive && said.good + said.forced > 0) return "not live";
  const marked = shown.filter(({ q }) => q !== "good" && q !== "limited").length;
  const forced = shown.filter(({ q }) => q === "forced").length;
  const bad = shown.filter(({ q }) => q === "bad").length;
  if (bad <= said.bad && marked - forced <= said.uncertain + said.bad && forced <= said.forced) return "";
  return marked > forced ? `${marked - forced} of ${shown.length} shown not good` : `${forced} of ${shown.length} shown set by hand`;
}

/** @param {HTMLElement} line @param {string} doubt */
function write(line, doubt) {
  const [said, other] = line.children;
  const words = line.querySelector("[data-doubt]");
  if (!(said instanceof HTMLElement && other instanceof HTMLElement && words)) return;
  if (words.textContent !== doubt) words.textContent = doubt;
  said.hidden = doubt !== "";
  other.hidden = doubt === "";
}

/** @param {string | undefined} text */
const count = (text) => Number(text ?? 0);

export function startHealth() {
  const lines = () => [...document.querySelectorAll("[data-health]")].filter((line) => line instanceof HTMLElement);
  const places = new Set(lines().map((line) => line.parentElement));
  if (!places.size) return;
  let isLive = true;
  let asked = "";
  const look = () => {
    const shown = shownValues();
    const doubts = lines().map((line) => {
      const { health = "", good, forced, uncertain, bad } = line.dataset;
      const said = { good: count(good), forced: count(forced), uncertain: count(uncertain), bad: count(bad) };
      const doubt = doubtOf(said, shown.filter(({ path }) => path.startsWith(`${health}/`)), isLive);
      write(line, doubt);
      return doubt;
    });
    const now = doubts.join("|");
    const isNew = now !== asked && doubts.some(Boolean);
    asked = now;
    if (isNew && isLive) document.dispatchEvent(new CustomEvent(DOUBT));
  };
  onLink((state) => {
    isLive = state === "live";
    look();
  });
  const main = document.querySelector("main");
  if (main) new MutationObserver(look).observe(main, { subtree: true, attributeFilter: ["data-q"] });
  const swapped = new MutationObserver(look);
  for (const place of places) if (place) swapped.observe(place, { childList: true });
  look();
}
