// Many browsers in one process, for the benchmarks: raw WebSockets that subscribe and acknowledge as our own page does. A
// frame that many get alike is parsed once, so that reading one does not make the next one look late; every row of
// every browser is judged all the same.
//
// First line on stdin: {"port", "origin", "path", "cookies": [...], "sets": [[tag path, ...], ...], "sockets", "base",
// "ack": "read" | "never" | "blind"}. Socket i takes cookie i and set i, both modulo. "never": stops reading once it is
// subscribed. "blind": stops reading but goes on acknowledging. Prints {"ready": n} when all are subscribed. Then one
// JSON command a line: {"do": "mark"} begins a window, {"do": "report"} ends it.
// A numeric value is taken for the wall clock at publishing, in ms since `base`: latency is arrival - base - value, and
// a smaller value of a tag after a larger one is an older value after a newer.
import crypto from "node:crypto";
import net from "node:net";
import readline from "node:readline";

const nowMs = () => performance.timeOrigin + performance.now();

let config;
let lastArrival = 0;
let lastFrame = { payload: Buffer.alloc(0) };
const places = new Map(); // tag id -> place in a browser's memory of newest values
let stats;

function mark() {
  const histogram = new Uint32Array(100_000); // of 0.1 ms
  stats = { frames: 0, beats: 0, bytes: 0, rows: 0, older: 0, notGood: 0, errors: 0, histogram };
}

/** A masked client frame (RFC 6455 section 5.2); payloads here are shorter than 64 KiB or take the long form. */
function masked(opcode, payload) {
  const mask = crypto.randomBytes(4);
  const n = payload.length;
  const head = n < 126 ? Buffer.alloc(2) : n < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (n < 126 ? n : n < 65536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(n, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(n), 2);
  const body = Buffer.allocUnsafe(n);
  for (let i = 0; i < n; i++) body[i] = payload[i] ^ mask[i & 3];
  return Buffer.concat([head, mask, body]);
}

class Browser {
  constructor(index, onReady) {
    this.held = [];
    this.size = 0;
    this.isOpen = false;
    this.lone = null;
    this.loneSince = 0;
    this.newest = new Float64Array(256);
    this.onReady = onReady;
    this.paths = config.sets[index % config.sets.length];
    this.socket = net.connect(config.port, "127.0.0.1", () => this.#handshake(index));
    this.socket.setNoDelay(true);
    this.socket.on("error", (error) => this.#failed(error.message));
    this.socket.on("close", () => this.#failed("closed by the server"));
    this.socket.on("data", (chunk) => this.#onData(chunk));
  }

  #failed(reason) {
    stats.errors++;
    stats.reason = reason;
  }

  #handshake(index) {
    const cookie = config.cookies.length ? [`Cookie: ${config.cookies[index % config.cookies.length]}`] : [];
    const lines = [
      `GET ${config.path} HTTP/1.1`,
      `Host: 127.0.0.1:${config.port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString("base64")}`,
      "Sec-WebSocket-Version: 13",
      `Origin: ${config.origin}`,
      ...cookie,
    ];
    this.socket.write(lines.join("\r\n") + "\r\n\r\n");
  }

  send(message) {
    this.socket.write(masked(1, Buffer.from(JSON.stringify(message))));
  }

  #onData(chunk) {
    lastArrival = nowMs();
    this.held.push(chunk);
    this.size += chunk.length;
    if (this.needed && this.size < this.needed) return;
    let all = this.held.length === 1 ? chunk : Buffer.concat(this.held);
    if (!this.isOpen) {
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) return;
      const status = all.subarray(0, 12).toString();
      if (!status.endsWith("101")) return this.#failed(`refused: ${status}`);
      this.isOpen = true;
      this.send({ type: "subscribe", paths: this.paths });
      all = all.subarray(end + 4);
    }
    all = this.#takeFrames(all);
    this.held = all.length ? [all] : [];
    this.size = all.length;
  }

  /** Handle every whole frame at the start of `all`; returns what is left. */
  #takeFrames(all) {
    this.needed = 0;
    while (all.length >= 2) {
      const short = all[1] & 0x7f;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (all.length < start) break;
      const length = short < 126 ? short : short === 126 ? all.readUInt16BE(2) : Number(all.readBigUInt64BE(2));
      if (all.length < start + length) {
        this.needed = start + length;
        break;
      }
      this.#onFrame(all[0] & 0x0f, all.subarray(start, start + length));
      all = all.subarray(start + length);
    }
    return all;
  }

  #onFrame(opcode, payload) {
    if (opcode === 9) return this.socket.write(masked(10, payload));
    if (opcode !== 1) return;
    stats.bytes += payload.length;
    const head = payload.toString("latin1", 0, 48);
    const frame = /^\{"type": ?"frame", ?"seq": ?(\d+)/.exec(head);
    if (frame) {
      stats.frames++;
      this.#acknowledge(Number(frame[1]));
      this.#look(lastArrival, parsed(payload));
    } else if (head.startsWith('{"type":"beat"') || head.startsWith('{"type": "beat"')) {
      stats.beats++;
      if (this.lone !== null && nowMs() - this.loneSince >= 1000) this.#acknowledge(this.lone);
    } else this.#onOther(JSON.parse(payload.toString()));
  }

  /** As static/js/live/receipts.js: every second frame, and a lone one with the next heartbeat but one. */
  #acknowledge(seq) {
    if (this.lone === null) {
      this.lone = seq;
      this.loneSince = nowMs();
    } else {
      this.lone = null;
      this.send({ type: "ack", seq });
    }
  }

  #onOther(message) {
    if (message.type === "error") this.#failed(`${message.code}: ${message.detail}`);
    if (message.type !== "subscribed") return;
    if (message.refused.length) this.#failed(`refused ${message.refused.length}: ${JSON.stringify(message.refused[0])}`);
    if (config.ack !== "read") this.#stopReading();
    this.onReady();
  }

  #stopReading() {
    this.socket.pause();
    let seq = 0;
    if (config.ack === "blind") setInterval(() => this.send({ type: "ack", seq: ++seq }), 200).unref();
  }

  #look(arrival, { places, values, highest, notGood }) {
    if (highest >= this.newest.length) {
      const grown = new Float64Array(2 * highest + 1);
      grown.set(this.newest);
      this.newest = grown;
    }
    stats.rows += values.length;
    stats.notGood += notGood;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (Number.isNaN(value)) continue;
      if (value < this.newest[places[i]]) stats.older++;
      this.newest[places[i]] = value;
      const tenths = Math.max(0, Math.round(10 * (arrival - config.base - value)));
      stats.histogram[Math.min(tenths, stats.histogram.length - 1)]++;
    }
  }
}

/** The rows of a frame as columns; a value that is not a number is NaN. */
function parsed(payload) {
  if (lastFrame.payload.equals(payload)) return lastFrame;
  const { rows } = JSON.parse(payload.toString());
  lastFrame = {
    payload: Buffer.from(payload),
    places: Int32Array.from(rows, ([tag]) => places.get(tag) ?? places.set(tag, places.size).get(tag)),
    values: Float64Array.from(rows, ([, value]) => (typeof value === "number" ? value : NaN)),
    notGood: rows.filter(([, , status]) => status !== 0).length,
  };
  lastFrame.highest = lastFrame.places.reduce((most, place) => Math.max(most, place), 0);
  return lastFrame;
}

function percentile(histogram, share) {
  const total = histogram.reduce((sum, n) => sum + n, 0);
  let below = 0;
  for (let i = 0; i < histogram.length; i++) {
    below += histogram[i];
    if (total && below >= share * total) return i / 10;
  }
  return null;
}

function report() {
  const { histogram, ...rest } = stats;
  return { ...rest, p50: percentile(histogram, 0.5), p99: percentile(histogram, 0.99), max: percentile(histogram, 1) };
}

const commands = {
  mark: () => (mark(), {}),
  report,
};

/** A hub is asked by twenty browsers at a time: one by one would be slow, all at once would be a flood. */
async function openAll() {
  const all = [];
  for (let i = 0; i < config.sockets; i++) {
    const ready = new Promise((resolve) => new Browser(i, resolve));
    all.push(ready);
    if (i % 20 === 19) await ready;
  }
  await Promise.all(all);
  console.log(JSON.stringify({ ready: all.length }));
}

mark();
const input = readline.createInterface({ input: process.stdin });
input.on("line", async (line) => {
  const message = JSON.parse(line);
  if (message.do) return console.log(JSON.stringify(commands[message.do]()));
  config = message;
  await openAll();
});
input.on("close", () => process.exit(0));
