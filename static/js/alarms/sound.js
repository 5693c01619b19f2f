// The alarm sound: a pattern for each priority, again and again until somebody silences or acknowledges.
//
// A browser lets a page sound only after somebody has clicked or typed in it. Until then the button says so, and the page
// does not pretend. Of several windows of one browser one sounds.

const GAIN = 0.25;
const EDGE_S = 0.008; // a tone that begins at once clicks
const LOCK = "isthmus-alarm-sound";

/** @typedef {{tones: [number, number, number][], pauseMs: number}} Pattern */

/** @returns {Record<string, Pattern>} */
function patterns() {
  return JSON.parse(document.getElementById("alarm-sounds")?.textContent ?? "{}");
}

export class Sound {
  constructor() {
    this.patterns = patterns();
    /** @type {AudioContext | null} */
    this.context = null;
    /** What calls now: a priority, or "0". */
    this.priority = "0";
    this.timer = 0;
    this.isOurs = false;
    this.changed = () => {};
    this.#open();
    this.#takeTurn();
    for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => void this.#resume(), { capture: true });
  }

  get isOn() {
    return this.context?.state === "running";
  }

  #open() {
    if (!("AudioContext" in window)) return;
    this.context = new AudioContext();
    this.context.onstatechange = () => {
      this.changed();
      this.#play();
    };
  }

  /** The window that sounds; when it closes, another one does. */
  #takeTurn() {
    if (!navigator.locks) {
      this.isOurs = true; // without locks (http beyond this machine) every window sounds
      return;
    }
    void navigator.locks.request(LOCK, () => {
      this.isOurs = true;
      this.#play();
      return new Promise(() => {});
    });
  }

  async #resume() {
    if (this.context?.state === "suspended") await this.context.resume().catch(() => {});
  }

  /** Somebody pressed the button: switch it on, and let it be heard that it is. */
  async enable() {
    await this.#resume();
    if (this.isOn && this.priority === "0") this.#tones([[660, 120, 40], [880, 120, 0]]);
  }

  /** @param {string} priority */
  call(priority) {
    if (priority === this.priority) return;
    this.priority = priority;
    this.#play();
  }

  /** @param {Element | null} button */
  show(button) {
    if (!(button instanceof HTMLElement)) return;
    const text = !this.context ? "No sound in this browser" : this.isOn ? "Sound is on" : "Sound is off: click";
    if (button.textContent !== text) button.textContent = text;
    button.dataset.isOn = String(this.isOn);
    button.title = this.isOn ? "Press to hear a short tone" : "The browser keeps pages silent until somebody has clicked in them";
  }

  #play() {
    clearTimeout(this.timer);
    const pattern = this.patterns[this.priority];
    if (!pattern || !this.isOn || !this.isOurs) return;
    const lengthMs = this.#tones(pattern.tones);
    this.timer = setTimeout(() => this.#play(), lengthMs + pattern.pauseMs);
  }

  /** @param {[number, number, number][]} tones @returns {number} how long they take, in ms */
  #tones(tones) {
    const context = this.context;
    if (!context) return 0;
    let at = context.currentTime + 0.02;
    const began = at;
    for (const [hz, ms, restMs] of tones) {
      const [tone, gain] = [context.createOscillator(), context.createGain()];
      const end = at + ms / 1000;
      tone.type = "triangle";
      tone.frequency.value = hz;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(GAIN, at + EDGE_S);
      gain.gain.setValueAtTime(GAIN, end - EDGE_S);
      gain.gain.linearRampToValueAtTime(0, end);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(end);
      at = end + restMs / 1000;
    }
    document.documentElement.dataset.alarmHeard = this.priority; // for tests, and for whoever wonders what it was
    return (at - began) * 1000;
  }
}
