// The address of the page holds what it shows; the links and forms on it go on from there.
import { spanText } from "./span.js";

const WAIT_MS = 300;

export class Address {
  /** @param {import("./span.js").Span} span @param {import("./zone.js").Zone} zone @param {() => number | null} cursor ms */
  constructor(span, zone, cursor) {
    this.span = span;
    this.zone = zone;
    this.cursor = cursor;
    this.timer = 0;
    document.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("submit", (event) => this.#submitted(event), true);
  }

  /** @param {string[]} pens as they stand in an address */
  query(pens) {
    const { from, to, length, follows } = this.span;
    const said = pens.map((pen) => `pen=${pen}`);
    if (follows) said.push(`span=${spanText(Math.round(length / 1000) * 1000)}`);
    else said.push(`from=${encodeURIComponent(this.zone.iso(Math.round(from)))}`, `to=${encodeURIComponent(this.zone.iso(Math.round(to)))}`);
    const at = this.cursor();
    if (at !== null) said.push(`at=${encodeURIComponent(this.zone.iso(Math.round(at)))}`);
    return said.join("&");
  }

  get pens() {
    return new URLSearchParams(location.search).getAll("pen");
  }

  /** Soon: a drag is one change. */
  write() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", `?${this.query(this.pens)}`), WAIT_MS);
  }

  /** Links that change pens were made when the page was: the time is that of now. @param {MouseEvent} event */
  #clicked(event) {
    const link = event.target instanceof Element ? event.target.closest("a[data-pens], a[data-export]") : null;
    if (!(link instanceof HTMLAnchorElement)) return;
    if (link.dataset.export !== undefined) {
      const asked = new URL(link.href);
      asked.searchParams.set("from", new Date(this.span.from).toISOString());
      asked.searchParams.set("to", new Date(this.span.to).toISOString());
      link.href = asked.href;
      return;
    }
    const pens = new URL(link.href).searchParams.getAll("pen");
    link.href = `?${this.query(pens)}`;
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const state = form.querySelector("[data-state]");
    if (state instanceof HTMLInputElement) state.value = this.query(this.pens);
    const path = form.dataset.ends;
    if (path === undefined) return;
    event.preventDefault();
    const given = new FormData(form);
    const [low, high] = [given.get("low"), given.get("high")].map((text) => Number(String(text).replace(",", ".")));
    const isSet = Number.isFinite(low) && Number.isFinite(high) && low < high && given.get("low") !== "" && given.get("high") !== "";
    const field = form.elements.namedItem("high");
    if (!isSet) {
      if (field instanceof HTMLInputElement) field.setCustomValidity("Two numbers, the first less than the second.");
      if (field instanceof HTMLInputElement) field.reportValidity();
      if (field instanceof HTMLInputElement) field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
      return;
    }
    location.assign(`?${this.query(this.pens.map((pen) => withEnds(pen, path, low, high)))}`);
  }
}

/** @param {string} pen @param {string} path @param {number} low @param {number} high */
function withEnds(pen, path, low, high) {
  const [own, ...words] = pen.split("~");
  if (own.toLowerCase() !== path.toLowerCase()) return pen;
  const kept = words.filter((word) => word === "hide" || word === "own");
  return [own, ...kept, `${low}..${high}`].join("~");
}
