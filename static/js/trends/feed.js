// What comes live goes into the lines of a trend, each second once more as "still so".
import { serverNow } from "../ui/clock.js";
import { onLink, onValues } from "../ui/values.js";

const TICK_MS = 1000;
/** A value that comes says how long ago it was taken; more than this is no time of a sample, but of a wait. */
const LATE_MS = 5000;

/** @typedef {{value: number | null, severity: number}} Held */

/**
 * What a live value is on a line. One that the page does not hear any more is none: what was missed stands in history.
 * @param {import("../ui/values.js").LiveValue} live @returns {Held}
 */
export function held({ value, status, q }) {
  if (q === "stale") return { value: null, severity: 2 };
  const severity = Math.min(status >>> 30, 2);
  const number = typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : null;
  return { value: severity === 2 ? null : number, severity };
}

/**
 * @param {import("./lines.js").Line[]} lines @param {{moved: (isTick: boolean) => void, missed: () => void}} say `moved`: the lines
 *   have other points; `missed`: the link was away, so something may be missing
 */
export function startFeed(lines, say) {
  /** @type {Map<string, Held>} */
  const newest = new Map();
  let isLive = true;
  onValues((values) => {
    const now = serverNow() / 1000;
    let isOurs = false;
    for (const live of values) {
      const line = lines.find(({ key }) => key === live.path.toLowerCase());
      if (!line) continue;
      isOurs = true;
      const { value, severity } = held(live);
      const before = newest.get(line.key);
      newest.set(line.key, { value, severity });
      const at = severity || live.ageMs === null || live.ageMs > LATE_MS ? now : now - live.ageMs / 1000;
      line.put(at, value, severity, !before || before.value !== value || before.severity !== severity);
    }
    if (isOurs) say.moved(false);
  });
  setInterval(() => {
    const now = serverNow() / 1000;
    for (const line of isLive ? lines : []) {
      const still = newest.get(line.key);
      if (still) line.put(now, still.value, still.severity, false);
    }
    say.moved(true);
  }, TICK_MS);
  onLink((state) => {
    const wasLive = isLive;
    isLive = state === "live";
    if (isLive && !wasLive) say.missed();
  });
}
