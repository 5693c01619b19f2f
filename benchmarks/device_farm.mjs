// A field of Modbus TCP devices in one process, for the benchmarks. It notes at the device's end of the wire when each
// register was read, so that what the poller says of itself is not needed to judge it.
//
//   node device_farm.mjs --devices 50 --floats 100 --words 100 --period 1000
//
// Holding and input registers of a device: `floats` float32 (ABCD) from address 0, then `words` uint16. With every tick
// all of them change: float j is tick + j / 4, word k is tick + k. Prints {"ports": [...]} when all listen; then one
// JSON command a line on stdin, one JSON answer a line on stdout:
//   {"do": "mark"}                          begin a window
//   {"do": "report", "except": [3]}         what was read in the window, and how regularly
//   {"do": "answers", "device": 0}          [[tick, wall ms of the first answer that carried it], ...]
//   {"do": "hang", "device": 3, "on": true} accept connections and requests, answer nothing; false: answer again
import net from "node:net";
import readline from "node:readline";
import { parseArgs } from "node:util";

const text = (value) => ({ type: "string", default: String(value) });
const { values: given } = parseArgs({
  options: { devices: text(50), floats: text(100), words: text(100), period: text(1000) },
});
const FLOATS = Number(given.floats);
const WORDS = Number(given.words);
const PERIOD_MS = Number(given.period);
const REGISTERS = 2 * FLOATS + WORDS;

let tick = 0;
const nowMs = () => performance.timeOrigin + performance.now();

class Device {
  constructor() {
    this.image = Buffer.alloc(2 * REGISTERS);
    this.readAt = new Float64Array(REGISTERS);
    this.isHung = false;
    this.answers = [];
    this.mark();
  }

  mark() {
    this.requests = 0;
    this.gaps = []; // [gap in ms, registers]
    this.seen = new Uint8Array(REGISTERS);
  }

  change() {
    for (let j = 0; j < FLOATS; j++) this.image.writeFloatBE(tick + j / 4, 4 * j);
    for (let k = 0; k < WORDS; k++) this.image.writeUInt16BE((tick + k) & 0xffff, 4 * FLOATS + 2 * k);
  }

  /** Note a read of `count` registers from `start`; neighbours with the same past are one entry. */
  note(start, count) {
    const now = nowMs();
    this.requests++;
    let run = 0;
    for (let i = start; i < start + count; i++) {
      run++;
      const isLastOfRun = i + 1 === start + count || this.readAt[i + 1] !== this.readAt[i];
      if (isLastOfRun) {
        if (this.readAt[i] > 0) this.gaps.push([now - this.readAt[i], run]);
        run = 0;
      }
      this.seen[i] = 1;
    }
    this.readAt.fill(now, start, start + count);
    if (start === 0 && this.answers.at(-1)?.[0] !== tick) this.answers.push([tick, now]);
    if (this.answers.length > 2000) this.answers.splice(0, 1000);
  }
}

const devices = Array.from({ length: Number(given.devices) }, () => new Device());

/** The answer to one request PDU (function code, address, count). Exceptions: 1 not known, 2 beyond the last address. */
function answer(device, pdu) {
  const code = pdu[0];
  if (code !== 3 && code !== 4) return Buffer.from([code | 0x80, 1]);
  const start = pdu.readUInt16BE(1);
  const count = pdu.readUInt16BE(3);
  if (count < 1 || count > 125 || start + count > REGISTERS) return Buffer.from([code | 0x80, 2]);
  device.note(start, count);
  return Buffer.concat([Buffer.from([code, 2 * count]), device.image.subarray(2 * start, 2 * (start + count))]);
}

function serve(device, socket) {
  let held = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    held = held.length ? Buffer.concat([held, chunk]) : chunk;
    while (held.length >= 7) {
      const length = held.readUInt16BE(4);
      if (held.length < 6 + length) return;
      const request = held.subarray(0, 6 + length);
      held = held.subarray(6 + length);
      if (device.isHung) continue;
      const pdu = answer(device, request.subarray(7));
      const head = Buffer.from(request.subarray(0, 7));
      head.writeUInt16BE(pdu.length + 1, 4);
      socket.write(Buffer.concat([head, pdu]));
    }
  });
}

function percentile(sorted, total, share) {
  let below = 0;
  for (const [gap, registers] of sorted) {
    below += registers;
    if (below >= share * total) return gap;
  }
  return null;
}

/** Gaps between two reads of the same register; `missed`: gaps of more than one and a half `scan` ms. */
function report({ except = [], scan = 1000 }) {
  const chosen = devices.filter((_, index) => !except.includes(index));
  const gaps = chosen.flatMap((device) => device.gaps).sort((a, b) => a[0] - b[0]);
  const total = gaps.reduce((sum, [, registers]) => sum + registers, 0);
  return {
    requests: chosen.reduce((sum, device) => sum + device.requests, 0),
    reads: total,
    registers: chosen.length * REGISTERS,
    unread: chosen.reduce((sum, device) => sum + device.seen.filter((seen) => !seen).length, 0),
    missed: gaps.reduce((sum, [gap, registers]) => sum + (gap > 1.5 * scan ? registers : 0), 0),
    p50: percentile(gaps, total, 0.5),
    p99: percentile(gaps, total, 0.99),
    max: gaps.at(-1)?.[0] ?? null,
  };
}

const commands = {
  mark: () => devices.forEach((device) => device.mark()) ?? {},
  report,
  answers: ({ device }) => ({ answers: devices[device].answers }),
  hang: ({ device, on }) => ((devices[device].isHung = on), { at: nowMs() }),
};

/** Ticks stand on the wall clock's multiples of the period, however late the timer was. */
function onTick() {
  tick++;
  devices.forEach((device) => device.change());
  setTimeout(onTick, PERIOD_MS - (Date.now() % PERIOD_MS));
}

const listen = (device) =>
  new Promise((resolve, reject) => {
    const server = net.createServer((socket) => serve(device, socket));
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });

onTick();
console.log(JSON.stringify({ ports: await Promise.all(devices.map(listen)) }));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  console.log(JSON.stringify(commands[command.do](command)));
}).on("close", () => process.exit(0));
