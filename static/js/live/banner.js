// One sentence for the whole screen: is what you see live? Shown in [data-live-banner], told as "isthmus:link".

/** @typedef {"live" | "stale" | "offline"} State */

const SENTENCES = {
  live: "",
  server: "The server does not answer. What you see is out of date. Trying again by itself.",
  full: "Too many live screens are open. What you see is out of date. Close some; this one tries again by itself.",
  login: "You are no longer logged in. What you see is out of date.",
  bus: "The server has lost its live values (Redis). What you see is out of date. It comes back by itself.",
  refused: "The server does not send the values of this page: it may show too many. What you see is out of date.",
  poller: "The poller is not running: no device is being read. Values grow old.",
};

/** @typedef {keyof typeof SENTENCES} Cause */

/** @type {Object<Cause, State>} */
const STATES = { live: "live", server: "offline", full: "offline", refused: "stale", login: "offline", bus: "stale", poller: "stale" };

export class Banner {
  constructor() {
    /** @type {Cause | null} */
    this.cause = null;
  }

  /** @param {Cause} cause */
  say(cause) {
    if (cause === this.cause) return;
    this.cause = cause;
    const detail = { state: STATES[cause], sentence: SENTENCES[cause] };
    this.show();
    document.dispatchEvent(new CustomEvent("isthmus:link", { detail }));
  }

  /** Also for a banner that came later than the news. */
  show() {
    const cause = this.cause;
    if (cause === null) return;
    for (const element of document.querySelectorAll("[data-live-banner]")) {
      if (!(element instanceof HTMLElement) || element.dataset.cause === cause) continue;
      element.dataset.cause = cause;
      element.dataset.state = STATES[cause];
      element.textContent = SENTENCES[cause];
      if (cause === "login") element.append(" ", loginLink());
      element.hidden = cause === "live";
    }
  }
}

/** This very page asks for the login and comes back. */
function loginLink() {
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = "Log in again";
  return link;
}
