// The strip under the plot: a longer time up to now, and in it the piece that is shown. The piece is dragged, or a press
// beside it brings it there.

const TIMES = 10;

export class Brush {
  /** @param {import("./span.js").Span} span @param {import("./zone.js").Zone} zone */
  constructor(span, zone) {
    this.span = span;
    this.zone = zone;
    this.box = document.querySelector("[data-trend-brush]");
    this.piece = document.createElement("i");
    this.ends = [document.createElement("span"), document.createElement("span")];
    this.whole = { from: 0, to: 1 };
    this.grip = -1;
    if (!(this.box instanceof HTMLElement)) return;
    this.box.append(...this.ends, this.piece);
    this.box.append(this.ends[1]);
    this.#listen(this.box);
  }

  /** @param {HTMLElement} box */
  #listen(box) {
    const place = (/** @type {PointerEvent} */ event) => {
      const { left, width } = box.getBoundingClientRect();
      return this.whole.from + ((event.clientX - left) / (width || 1)) * (this.whole.to - this.whole.from);
    };
    box.addEventListener("pointerdown", (event) => {
      const at = place(event);
      const { from, to, length } = this.span;
      this.grip = at >= from && at <= to ? at - from : length / 2;
      box.setPointerCapture(event.pointerId);
      if (at < from || at > to) this.#bring(at);
    });
    box.addEventListener("pointermove", (event) => this.grip >= 0 && this.#bring(place(event)));
    for (const kind of ["pointerup", "pointercancel"]) {
      box.addEventListener(kind, () => {
        this.grip = -1;
        this.show();
      });
    }
  }

  /** @param {number} at */
  #bring(at) {
    const from = at - this.grip;
    const { length } = this.span;
    if (from + length >= this.span.now()) this.span.live();
    else this.span.show(from, from + length);
  }

  /** The whole stays as it is while somebody drags in it. */
  show() {
    const { from, to, length } = this.span;
    if (this.grip < 0) this.whole = { from: Math.min(Math.max(to, this.span.now()) - length * TIMES, from - length), to: Math.max(to, this.span.now()) };
    const whole = this.whole.to - this.whole.from;
    this.piece.style.left = `${Math.min(Math.max((from - this.whole.from) / whole, 0), 1) * 100}%`;
    this.piece.style.width = `${Math.min(length / whole, 1) * 100}%`;
    const begin = this.zone.clock(this.whole.from).slice(0, 16);
    if (this.ends[0].textContent !== begin) this.ends[0].textContent = begin;
  }
}
