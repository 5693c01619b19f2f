// A page that asks the server again and again is only as true as its newest answer. When none comes, it says of when it
// is, and does not look alive.
import { onLink } from "./values.js";

const TICK_MS = 500;
/** The page asks every 2 s. */
const PATIENCE_MS = 4500;

const page = document.querySelector("[data-answers]");
const notice = document.querySelector("[data-outdated]");
const until = document.querySelector("[data-outdated-since]");
let answeredAt = performance.now();

function look() {
  const isOld = performance.now() - answeredAt > PATIENCE_MS;
  if (!(page && notice instanceof HTMLElement) || notice.hidden === !isOld) return;
  const asOf = page.querySelector("[data-as-of]");
  if (until) until.textContent = asOf instanceof HTMLElement ? (asOf.dataset.asOf ?? "") : "";
  notice.hidden = !isOld;
  page.classList.toggle("quality-old", isOld);
}

/** What is shown says nothing of now, until the next answer. */
function doubt() {
  answeredAt = -Infinity;
  look();
}

page?.addEventListener("htmx:afterSwap", () => {
  answeredAt = performance.now();
  look();
});
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout", "htmx:swapError"]) page?.addEventListener(failure, doubt);
onLink((state) => state !== "live" && doubt());
setInterval(look, TICK_MS);
