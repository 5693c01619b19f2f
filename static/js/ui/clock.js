// The clock of the plant: the server's time in the plant's zone. The browser's own clock is only used to count on.

const ASK_AGAIN_MS = 10 * 60 * 1000;
const JUMP_MS = 2000;

/** Server time minus this browser's clock, in ms. */
let offsetMs = 0;

/** The server's time now, in ms. */
export function serverNow() {
  return Date.now() + offsetMs;
}

/** @param {string} zone an IANA time zone */
function formatter(zone) {
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return new Intl.DateTimeFormat("sv-SE", /** @type {Intl.DateTimeFormatOptions} */ ({ ...parts, timeZone: zone }));
}

/** Ask the server for its time; half of the way there and back is taken off. An answer that does not come changes nothing. */
async function ask(/** @type {string} */ source) {
  try {
    const before = performance.now();
    const answer = await fetch(source, { cache: "no-store", redirect: "error" });
    if (!answer.ok) return;
    const { now_ms: nowMs } = await answer.json();
    offsetMs = nowMs + (performance.now() - before) / 2 - Date.now();
  } catch {
    // The server is away: the strip beside the clock says so.
  }
}

export function startClock() {
  const clock = document.querySelector("[data-clock]");
  if (!(clock instanceof HTMLElement)) return;
  const { zone = "UTC", nowMs = "", source = "" } = clock.dataset;
  const format = formatter(zone);
  offsetMs = Number(nowMs) + performance.now() - (firstByteMs()) - Date.now();
  let expected = Date.now();
  let askedAt = performance.now();

  const tick = () => {
    const jumped = Math.abs(Date.now() - expected) > JUMP_MS; // slept, or somebody set the browser's clock
    if (jumped || performance.now() - askedAt > ASK_AGAIN_MS) {
      askedAt = performance.now();
      void ask(source);
    }
    const now = serverNow();
    const text = format.format(now);
    if (clock.textContent !== text) clock.textContent = text;
    const wait = 1000 - (((now % 1000) + 1000) % 1000);
    expected = Date.now() + wait;
    setTimeout(tick, wait);
  };
  tick();
}

/** When the page began to arrive, on the clock of performance.now(): the server wrote its time just before. */
function firstByteMs() {
  const [entry] = performance.getEntriesByType("navigation");
  return entry instanceof PerformanceNavigationTiming ? entry.responseStart : performance.now();
}
