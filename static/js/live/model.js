// What this page knows: tags, their newest values, and how old everything is by its own monotonic clock. No DOM.

import { formatValue, unitOf } from "./format.js";

/** @typedef {import("./format.js").Value} Value */
/** @typedef {import("./format.js").Quality} Quality */
/** @typedef {{path: string, id: number, group: string, limit_ms: number} & import("./format.js").Look} Tag */
/** @typedef {{value: Value, status: number, ageMs: number | null, at: number, text: string, unit: string}} Held */
/** @typedef {{path: string, value: Value, status: number, quality: Quality, ageMs: number | null, text: string,
 *   unit: string}} Shown */

/** A heartbeat older than this says nothing about now: the server, or the way to it, is gone. */
const SILENCE_MS = 2500;
/** Heartbeats come each second. */
const BEAT_LATE_MS = 1500;
/** The same for the bus and for the poller, by what the heartbeats say of them. */
const BUS_LIMIT_MS = 2500;
const POLLER_LIMIT_MS = 3000;

/** @param {string} path */
export function keyOf(path) {
  return path.toLowerCase();
}

export class Model {
  /** @param {import("./format.js").QualityTable} table @param {number} now the page has just come from the server */
  constructor(table, now) {
    this.table = table;
    /** @type {Map<string, Tag>} */
    this.tags = new Map();
    /** @type {Map<string, string>} */
    this.refused = new Map();
    /** @type {Map<number, Held>} */
    this.values = new Map();
    /** @type {Map<number, Tag>} */
    this.byId = new Map();
    /** @type {Map<string, number | null>} */
    this.groupAges = new Map();
    this.openedAt = now;
    this.heardAt = now;
    this.beatAt = now;
    this.seq = -1;
    /** When the newest subscription was asked for that has not been answered. @type {number | null} */
    this.askedAt = null;
    /** @type {number | null} */
    this.busAge = null;
    /** @type {number | null} */
    this.pollerAge = null;
  }

  /** A new connection: it numbers its frames anew, and nothing of the old one says how things stand now.
   * @param {number} now */
  opened(now) {
    this.seq = -1;
    this.openedAt = this.beatAt = now;
    this.busAge = this.pollerAge = null;
    this.groupAges.clear();
    this.values.clear();
  }

  /** @param {{tags: Tag[], refused: {path: string, reason: string}[]}} message */
  subscribed({ tags, refused }) {
    this.askedAt = null;
    this.tags = new Map(tags.map((tag) => [keyOf(tag.path), tag]));
    this.byId = new Map(tags.map((tag) => [tag.id, tag]));
    this.refused = new Map(refused.map(({ path, reason }) => [keyOf(path), reason]));
    for (const id of this.values.keys()) if (!this.byId.has(id)) this.values.delete(id);
  }

  /**
   * Take a frame. Returns the tags it changed; none for a frame that is older than one already taken.
   * @param {{seq: number, rows: [number, Value, number, number | null][]}} message @param {number} now
   * @returns {Tag[]}
   */
  frame({ seq, rows }, now) {
    if (seq <= this.seq) return [];
    this.seq = seq;
    const changed = [];
    for (const [id, value, status, ageMs] of rows) {
      const tag = this.byId.get(id);
      if (!tag) continue;
      this.values.set(id, { value, status, ageMs, at: now, text: formatValue(value, tag), unit: unitOf(value, tag) });
      changed.push(tag);
    }
    return changed;
  }

  /**
   * @param {{bus_age_ms: number | null, poller_age_ms: number | null, groups: Object<string, number | null>}} message
   * @param {number} now
   */
  beat(message, now) {
    this.beatAt = now;
    this.busAge = message.bus_age_ms;
    this.pollerAge = message.poller_age_ms;
    this.groupAges = new Map(Object.entries(message.groups));
  }

  /** Is the server silent? @param {number} now */
  isSilent(now) {
    return now - this.heardAt > SILENCE_MS;
  }

  /** Has a heartbeat failed to come? Then what it said of bus and poller is no evidence against them. @param {number} now */
  isBeatLate(now) {
    return now - this.beatAt > BEAT_LATE_MS;
  }

  /** Does the bus, or the poller, live? Unknown counts from the moment the link opened. @param {number} now */
  isBusSilent(now) {
    return this.#age(this.busAge, now) > BUS_LIMIT_MS;
  }

  /** @param {number} now */
  isPollerSilent(now) {
    return this.#age(this.pollerAge, now) > POLLER_LIMIT_MS;
  }

  /** @param {number | null} age @param {number} now */
  #age(age, now) {
    return age === null ? now - this.openedAt : age + now - this.beatAt;
  }

  /** A subscription that is not answered leaves what the server has painted, and that grows old. @param {number} now */
  isUnanswered(now) {
    return this.askedAt !== null && now - this.askedAt > SILENCE_MS;
  }

  /** The whole screen is out of date, whatever single values say. @param {number} now */
  isDead(now) {
    return this.isSilent(now) || this.isBusSilent(now);
  }

  /** What to show for a path; undefined while nothing is known. @param {string} key @param {number} now */
  shown(key, now) {
    const tag = this.tags.get(key);
    const held = tag && this.values.get(tag.id);
    if (!tag || !held) return undefined;
    const groupAge = this.groupAges.get(tag.group);
    if (groupAge === undefined) return undefined; // its first heartbeat is on the way: not yet known how old it is
    const age = groupAge === null ? null : groupAge + now - this.beatAt;
    const ownAge = held.ageMs === null ? age : held.ageMs + now - held.at;
    // A group without age has never been read by a poller that lives: its values came late, nobody knows how late.
    // What was entered by hand holds until something newer is entered: only the word that it does may grow old.
    const oldest = tag.group.startsWith("manual:") ? age : Math.max(age ?? 0, ownAge ?? 0);
    const isOld = this.isDead(now) || age === null || (oldest ?? 0) > tag.limit_ms;
    const status = this.table.effective(held.status, isOld);
    return {
      path: tag.path,
      value: held.value,
      status,
      quality: this.table.of(status),
      ageMs: held.value === null ? null : ownAge,
      text: held.text,
      unit: held.unit,
    };
  }
}
