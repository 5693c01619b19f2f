// Values, ages and qualities as text: the same as hmi/presentation.py, proved by tests/browser/test_live_format.py.

/** @typedef {number | string | boolean | null} Value */
/** @typedef {{q: string, glyph: string, word: string, sentence: string}} Quality */
/** @typedef {[string, string, string, string]} Row */
/** @typedef {{codes: Object<string, Row>, severities: Row[], stale: number, noValue: string}} RawTable */
/** @typedef {{unit: string, decimals: number, labels: Object<string, string>}} Look */

const MAX_EXACT = 2 ** 53;
const LIMIT_BITS = 0x300;
const CODE_BITS = 0xffff0000;
const NO_VALUE = "–";
/** Looks of statuses that are Good (hmi/presentation.py). */
const GOOD_LOOKS = new Set(["good", "forced", "limited"]);

/** The table of statuses as the page carries it. */
export class QualityTable {
  /** @param {RawTable} raw */
  constructor(raw) {
    this.stale = raw.stale;
    /** @type {Map<number, Quality>} */
    this.rows = new Map(Object.entries(raw.codes).map(([code, row]) => [Number(code), named(row)]));
    this.severities = raw.severities.map(named);
  }

  /** The row of any status: with its limit bits, else without them, else by severity. @param {number} status */
  of(status) {
    const exact = this.rows.get((status & (CODE_BITS | LIMIT_BITS)) >>> 0);
    return exact ?? this.rows.get((status & CODE_BITS) >>> 0) ?? this.severities[severity(status)];
  }

  /** The status to show: Good that is too old is not Good any more. @param {number} status @param {boolean} isOld */
  effective(status, isOld) {
    return isOld && severity(status) === 0 ? this.stale : status;
  }
}

/** @param {Row} row @returns {Quality} */
function named([q, glyph, word, sentence]) {
  return { q, glyph, word, sentence };
}

/** Does a value that looks so claim to be Good? @param {string | undefined} q */
export function looksGood(q) {
  return q !== undefined && GOOD_LOOKS.has(q);
}

/** 0 Good, 1 Uncertain, 2 Bad. @param {number} status */
export function severity(status) {
  return Math.min(status >>> 30, 2);
}

/** @param {Value} value @param {Look} look */
export function formatValue(value, { decimals, labels }) {
  if (value === null) return NO_VALUE;
  if (typeof value === "string") return value;
  if (!Number.isFinite(Number(value))) return NO_VALUE;
  return stateOf(value, labels) ?? formatNumber(Number(value), decimals);
}

/** The unit, where there is a number it belongs to. @param {Value} value @param {Look} look */
export function unitOf(value, { unit, labels }) {
  const isNumber = typeof value === "string" ? /^-?\d{16,}$/.test(value) : value !== null;
  return isNumber && stateOf(value, labels) === undefined ? unit : "";
}

/** @param {Value} value @param {Object<string, string>} labels */
function stateOf(value, labels) {
  const number = typeof value === "string" ? NaN : Number(value);
  const key = String(number + 0);
  return Number.isInteger(number) && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** @param {number} value @param {number} decimals */
function formatNumber(value, decimals) {
  const text = Math.abs(value) > MAX_EXACT ? value.toExponential(decimals) : value.toFixed(decimals);
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

/** "< 1 s", "12 s", "3 min", "5 h", "2 d". @param {number | null} ageMs */
export function formatAge(ageMs) {
  if (ageMs === null) return NO_VALUE;
  if (ageMs < 1000) return "< 1 s";
  if (ageMs < 60_000) return `${Math.floor(ageMs / 1000)} s`;
  if (ageMs < 3_600_000) return `${Math.floor(ageMs / 60_000)} min`;
  if (ageMs < 172_800_000) return `${Math.floor(ageMs / 3_600_000)} h`;
  return `${Math.floor(ageMs / 86_400_000)} d`;
}
