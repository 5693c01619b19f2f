// Live values of a page: finds them, subscribes once with all of them, keeps them up to date, and says when they are not.
//
// Other modules listen to document: "isthmus:values" (detail: [{path, value, status, q, ageMs}] of what changed) and
// "isthmus:alarm-news" (detail: {no, revision, evaluated}: alarms have changed) and
// "isthmus:link" (detail: {state: "live" | "stale" | "offline", sentence}). Who comes late sends "isthmus:listen" (detail:
// a function) and is told what is shown already. The protocol stands in docs/live.md.

import { Banner } from "./live/banner.js";
import { QualityTable } from "./live/format.js";
import { Link } from "./live/link.js";
import { Model } from "./live/model.js";
import { Receipts } from "./live/receipts.js";
import { Screen } from "./live/screen.js";

const TICK_MS = 250;

class Live {
  /** @param {QualityTable} table */
  constructor(table) {
    this.model = new Model(table, performance.now());
    this.banner = new Banner();
    /** What was told of each path: its status. @type {Map<string, number>} */
    this.told = new Map();
    this.needsLogin = false;
    this.isFull = false;
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`;
    this.link = new Link(url, {
      opened: () => this.#opened(),
      message: (message) => this.#take(message),
      loginNeeded: () => this.#loginNeeded(),
    });
    this.receipts = new Receipts((seq) => this.link.send({ type: "ack", seq }));
    this.screen = new Screen(() => this.#subscribe());
    this.link.open();
    document.addEventListener("isthmus:listen", (event) => this.#tell(/** @type {CustomEvent} */ (event).detail));
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener("visibilitychange", () => this.#tick());
  }

  #opened() {
    this.receipts.forget();
    this.model.opened(performance.now());
    this.#subscribe();
  }

  #subscribe() {
    if (!this.link.isOpen) return;
    this.model.askedAt = performance.now();
    this.link.send({ type: "subscribe", paths: this.screen.paths });
  }

  #loginNeeded() {
    this.needsLogin = true;
    this.#tick();
  }

  /** @param {any} message */
  #take(message) {
    const now = performance.now();
    if (message.type === "error") {
      console.warn(`live: ${message.code}: ${message.detail}`);
      this.isFull = message.code === "too_many_sockets";
      return; // a refusal is no sign that values come
    }
    this.model.heardAt = now;
    if (message.type !== "hello") this.link.succeeded();
    if (message.type === "frame") {
      if (message.ages) this.model.beat(message.ages, now);
      const tags = this.model.frame(message, now);
      this.#show(tags.map((tag) => tag.path.toLowerCase()), now, true);
      this.receipts.applied(message.seq, now);
    } else if (message.type === "beat") {
      this.receipts.look(now);
      this.model.beat(message, now);
    } else if (message.type === "alarms") {
      document.dispatchEvent(new CustomEvent("isthmus:alarm-news", { detail: message }));
    } else if (message.type === "subscribed") {
      this.model.subscribed(message);
      this.told.clear();
      this.isFull = false;
    }
  }

  /** @param {string[]} keys @param {number} now @param {boolean} isNews whether the values themselves are new */
  #show(keys, now, isNews) {
    const detail = [];
    for (const key of keys) {
      const shown = this.model.shown(key, now);
      if (!shown) {
        this.#showUnknown(key, now);
        continue;
      }
      this.screen.draw(key, shown, now);
      if (isNews || this.told.get(key) !== shown.status) {
        this.told.set(key, shown.status);
        detail.push(told(shown));
      }
    }
    if (detail.length) document.dispatchEvent(new CustomEvent("isthmus:values", { detail }));
  }

  /** @param {(values: object[]) => void} listener */
  #tell(listener) {
    const now = performance.now();
    const shown = this.screen.paths.map((key) => this.model.shown(key, now)).filter((each) => each !== undefined);
    if (shown.length) listener(shown.map(told));
  }

  /** What the server has painted stays, until it is too old or refused. @param {string} key @param {number} now */
  #showUnknown(key, now) {
    const { table, refused } = this.model;
    const reason = refused.get(key);
    if (reason !== undefined) {
      this.screen.mark(key, { ...table.severities[2], word: "Not available", sentence: reason }, { onlyGood: false });
    } else if (this.needsLogin || this.model.isDead(now) || this.model.isUnanswered(now)) {
      this.screen.mark(key, table.of(table.stale), { onlyGood: true });
    }
  }

  #tick() {
    const now = performance.now();
    this.link.check(now);
    if (this.needsLogin) this.model.heardAt = -Infinity;
    this.banner.say(this.#cause(now));
    this.banner.show();
    this.#show(this.screen.paths, now, false);
  }

  /** @param {number} now */
  #cause(now) {
    if (this.needsLogin) return "login";
    if (this.model.isSilent(now)) return this.isFull ? "full" : "server";
    if (this.model.isUnanswered(now)) return "refused";
    if (this.model.isBeatLate(now)) return this.model.isDead(now) ? "server" : (this.banner.cause ?? "live");
    if (this.model.isBusSilent(now)) return "bus";
    return this.model.isPollerSilent(now) ? "poller" : "live";
  }
}

/** What other modules are told of a value. @param {NonNullable<ReturnType<Model["shown"]>>} shown */
function told({ path, value, status, ageMs, quality }) {
  return { path, value, status, q: quality.q, ageMs };
}

const raw = document.getElementById("quality-table")?.textContent;
if (raw) new Live(new QualityTable(JSON.parse(raw)));
