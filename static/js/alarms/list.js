// The alarm list: choosing rows, acting on them, walking through them with keys. What is shown comes from the server.
import { startKeyed } from "./keyed.js";
import { TOO_NEW_MS, isUnseen, noteUnseen, sayChanged, sayMoved } from "./steady.js";

/** @returns {HTMLElement | null} */
const list = () => document.querySelector("[data-alarm-list]");
const bar = document.getElementById("alarm-acts");
const tools = document.getElementById("alarm-tools");
/** @returns {HTMLInputElement[]} */
const boxes = () => [...document.querySelectorAll('[data-alarm-body] input[name="on"]')].map((box) => /** @type {HTMLInputElement} */ (box));
/** @returns {HTMLElement[]} */
const rows = () => [...document.querySelectorAll(".alarm-row")].map((row) => /** @type {HTMLElement} */ (row));

/** Each occurrence that is shown, and since when. @type {Map<string, number>} */
const shownSince = new Map();

/** @param {number} now */
function noteShown(now) {
  const shown = new Set(boxes().map((box) => box.value));
  for (const on of shownSince.keys()) if (!shown.has(on)) shownSince.delete(on);
  for (const on of shown) if (!shownSince.has(on)) shownSince.set(on, now);
}

/** "All shown" means what was shown when somebody decided to press. @param {Event} event */
function leaveOutUnseen(event) {
  const { parameters } = /** @type {CustomEvent} */ (event).detail;
  if (!parameters.all_visible) return;
  const since = performance.now() - TOO_NEW_MS;
  const seen = String(parameters.visible).split(",").filter((on) => (shownSince.get(on) ?? Infinity) <= since);
  parameters.visible = seen.join(",");
  if (seen.length) return;
  event.preventDefault();
  sayMoved();
}

/** A row that comes again with the same occurrence stays chosen; a newer one has to be looked at. @param {Element} before @param {Element} after */
function keepChoice(before, after) {
  const [old, fresh] = [before, after].map((row) => row.querySelector('input[name="on"]'));
  if (!(old instanceof HTMLInputElement && fresh instanceof HTMLInputElement)) return;
  fresh.checked = old.checked && old.value === fresh.value;
  if (old.value !== fresh.value) noteUnseen(after);
}

function count() {
  const all = boxes();
  const picked = all.filter((box) => box.checked);
  for (const element of document.querySelectorAll("[data-picked]")) element.textContent = String(picked.length);
  for (const button of document.querySelectorAll("[data-picked-act]")) if (button instanceof HTMLButtonElement) button.disabled = !picked.length;
  bar?.toggleAttribute("data-has-picked", picked.length > 0);
  const said = document.querySelector("[data-acknowledgeable]");
  const open = said instanceof HTMLElement ? (said.dataset.acknowledgeable ?? "0") : "0";
  for (const element of document.querySelectorAll("[data-open]")) element.textContent = open;
  for (const button of document.querySelectorAll("[data-all-act]")) if (button instanceof HTMLButtonElement) button.disabled = open === "0";
  const head = document.querySelector("[data-pick-all]");
  if (head instanceof HTMLInputElement) {
    head.checked = all.length > 0 && picked.length === all.length;
    head.indeterminate = picked.length > 0 && picked.length < all.length;
  }
  for (const box of all) box.closest("tr")?.setAttribute("aria-selected", String(box.checked));
  if (!rows().some((row) => row.tabIndex === 0)) rows().slice(0, 1).forEach((row) => (row.tabIndex = 0));
}

/** Act on one row. The source has hx-sync "queue all": of presses that come quickly none is lost. @param {HTMLElement} row @param {string} what */
function act(row, what) {
  const on = row.querySelector('input[name="on"]');
  const { htmx } = /** @type {any} */ (window);
  const token = bar?.querySelector('input[name="csrfmiddlewaretoken"]');
  if (!(on instanceof HTMLInputElement && bar instanceof HTMLFormElement && token instanceof HTMLInputElement)) return;
  const base = new URL(bar.action).pathname.replace(/[^/]+\/$/, "");
  void htmx.ajax("POST", `${base}${what}/`, { source: "#alarm-said", target: "#alarm-said", values: { on: on.value, csrfmiddlewaretoken: token.value } });
}

/** @param {HTMLElement | undefined} row */
function go(row) {
  if (!row) return;
  for (const other of rows()) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "F7") {
    event.preventDefault();
    go(rows()[0]);
    return;
  }
  const row = document.activeElement;
  if (!(row instanceof HTMLElement && row.matches(".alarm-row"))) return;
  const all = rows();
  const at = all.indexOf(row);
  const acts = {
    ArrowDown: () => go(all[at + 1]),
    ArrowUp: () => go(all[at - 1]),
    " ": () => row.querySelector("input")?.click(),
    Enter: () => row.querySelector("a")?.click(),
    a: () => row.querySelector('[data-row-act="acknowledge"]') && act(row, "acknowledge"),
  }[event.key];
  if (!acts) return;
  event.preventDefault();
  if ([" ", "a"].includes(event.key) && isUnseen(row)) sayChanged();
  else acts();
}

/** Another question begins with the first rows again. @param {string} limit */
function ask(limit) {
  const field = document.querySelector('input[name="limit"]');
  if (field instanceof HTMLInputElement) field.value = limit;
  list()?.dispatchEvent(new CustomEvent("isthmus:asked"));
}

/** Enter in a field presses the button beside it, not the first one of the whole bar. @param {KeyboardEvent} event */
function enter(event) {
  const { target } = event;
  if (event.key !== "Enter" || !(target instanceof HTMLInputElement)) return;
  const part = target.closest(".alarm-bar-form, .alarm-bar-part");
  const button = part?.querySelector("button");
  if (!button) return;
  event.preventDefault();
  button.click();
}

function start() {
  startKeyed(keepChoice, noteUnseen);
  let typing = 0;
  tools?.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => ask("100"), 250);
  });
  tools?.addEventListener("submit", (event) => {
    event.preventDefault();
    ask("100");
  });
  document.addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLInputElement)) return;
    if (target.matches("[data-pick-all]")) for (const box of boxes()) box.checked = target.checked;
    if (target.matches('[data-pick-all], [name="on"]')) count();
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("[data-row-act]");
    const row = button?.closest(".alarm-row");
    if (button instanceof HTMLElement && row instanceof HTMLElement) act(row, button.dataset.rowAct ?? "");
    const more = event.target.closest("[data-more]");
    if (more instanceof HTMLElement) {
      event.preventDefault();
      ask(more.dataset.more ?? "100");
    }
  });
  document.addEventListener("keydown", key);
  bar?.addEventListener("keydown", enter);
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    if (target !== list()) return;
    noteShown(performance.now());
    count();
  });
  bar?.addEventListener("htmx:configRequest", leaveOutUnseen);
  // What was done is chosen no more; what was refused is said, and can be chosen again. Where nothing was done, as without
  // a reason, all stays as it was filled in.
  bar?.addEventListener("htmx:afterRequest", (event) => {
    if (!(/** @type {CustomEvent} */ (event).detail.successful) || document.querySelector("[data-nothing-done]")) return;
    for (const box of boxes()) box.checked = false;
    for (const menu of bar.querySelectorAll("details[open]")) menu.removeAttribute("open");
    for (const field of bar.querySelectorAll('input[type="text"]')) if (field instanceof HTMLInputElement) field.value = "";
    count();
  });
  noteShown(-Infinity);
  count();
}

start();
