// Says which frames have been applied: every second one at once, a lone one a second later. Half the messages, and the
// server still has no more than two frames on the way.

const LONE_MS = 1000;

export class Receipts {
  /** @param {(seq: number) => void} acknowledge */
  constructor(acknowledge) {
    this.acknowledge = acknowledge;
    /** The newest frame that was applied and not acknowledged. @type {number | null} */
    this.seq = null;
    this.since = 0;
  }

  /** Another socket: what the old one brought is of no interest. */
  forget() {
    this.seq = null;
  }

  /** A frame is applied. @param {number} seq @param {number} now */
  applied(seq, now) {
    const isSecond = this.seq !== null;
    if (!isSecond) this.since = now;
    this.seq = seq;
    if (isSecond) this.#send();
  }

  /** Call it now and then. @param {number} now */
  look(now) {
    if (this.seq !== null && now - this.since >= LONE_MS) this.#send();
  }

  #send() {
    if (this.seq !== null) this.acknowledge(this.seq);
    this.seq = null;
  }
}
