// The socket: opens it, opens it again when it is gone, and notices when it is silent. Knows nothing about values.

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
const CONNECT_MS = 6000;
/** So long without a word although the socket is open: it is dead and does not know it. */
const SILENT_MS = 6000;
const LOGIN_NEEDED = 4401;

/** How long to wait before try n (0, 1, ...), never all browsers at once. @param {number} n @param {() => number} random */
function retryDelay(n, random = Math.random) {
  const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (n + 1));
  return RETRY_FIRST_MS + random() * (longest - RETRY_FIRST_MS);
}

export class Link {
  /**
   * @param {string} url
   * @param {{opened: () => void, message: (message: any) => void, loginNeeded: () => void}} listener
   */
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.tries = 0;
    this.heardAt = 0;
    this.startedAt = 0;
    this.timer = 0;
    this.isEnded = false;
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("pageshow", () => this.hurry());
    document.addEventListener("visibilitychange", () => !document.hidden && this.hurry());
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    clearTimeout(this.timer);
    this.timer = 0;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.startedAt = this.heardAt = performance.now();
    socket.onopen = () => this.socket === socket && this.listener.opened();
    socket.onmessage = ({ data }) => this.socket === socket && this.#heard(data);
    socket.onclose = ({ code }) => this.socket === socket && this.#closed(code);
  }

  /** @param {object} message */
  send(message) {
    if (this.isOpen) this.socket?.send(JSON.stringify(message));
  }

  /** Look whether the socket still lives; call it now and then. @param {number} now */
  check(now) {
    if (!this.socket) return;
    const limit = this.isOpen ? SILENT_MS : CONNECT_MS;
    if (now - this.heardAt > limit) this.#drop();
  }

  /** Values come: the next loss is a new one. A refusal is no reason to try again faster. */
  succeeded() {
    this.tries = 0;
  }

  /** The network is back, or somebody looks again: do not wait for the next try. */
  hurry() {
    if (this.isEnded) return;
    if (this.timer) {
      this.tries = 0;
      this.open();
    } else this.check(performance.now() + SILENT_MS / 2);
  }

  /** @param {string} data */
  #heard(data) {
    this.heardAt = performance.now();
    this.listener.message(JSON.parse(data));
  }

  /** A dead socket may take minutes to close: forget it. */
  #drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.#retry();
  }

  /** @param {number} code */
  #closed(code) {
    this.socket = null;
    if (code === LOGIN_NEEDED) {
      this.isEnded = true;
      this.listener.loginNeeded();
    } else this.#retry();
  }

  #retry() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), retryDelay(this.tries++));
  }
}
