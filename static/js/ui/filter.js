// Filter and order of the tag list. The server sends the list by name; without this script it simply stays so.

const RANK = new Map([["bad", 0], ["stale", 1], ["uncertain", 2], ["forced", 3], ["limited", 4], ["good", 5]]);

/** @param {HTMLElement} row */
function rank(row) {
  const live = row.querySelector("[data-live]");
  return RANK.get(live instanceof HTMLElement ? live.dataset.q ?? "" : "") ?? 0;
}

/** @type {Record<string, (a: HTMLElement, b: HTMLElement) => number>} */
const ORDERS = {
  title: (a, b) => (a.dataset.find ?? "").localeCompare(b.dataset.find ?? "", undefined, { numeric: true }),
  name: (a, b) => (a.dataset.name ?? "").localeCompare(b.dataset.name ?? "", undefined, { numeric: true }),
  quality: (a, b) => rank(a) - rank(b),
};

export function startFilter() {
  const tools = document.querySelector("[data-filter-tools]");
  const list = document.querySelector("[data-filter-rows]");
  const input = document.querySelector("[data-filter-input]");
  const order = document.querySelector("[data-sort-input]");
  if (!(tools instanceof HTMLElement && list && input instanceof HTMLInputElement && order instanceof HTMLSelectElement)) return;
  const count = document.querySelector("[data-filter-count]");
  const none = document.querySelector("[data-filter-none]");
  const rows = [...list.children].map((row) => /** @type {HTMLElement} */ (row));
  tools.hidden = false;

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const find = row.dataset.find ?? "";
      const fits = words.every((word) => find.includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      if (fits) shown += 1;
    }
    if (count) count.textContent = words.length ? `${shown} of ${rows.length}` : "";
    if (none instanceof HTMLElement) none.hidden = shown > 0;
  };
  const sort = () => list.append(...[...rows].sort(ORDERS[order.value] ?? ORDERS.name));

  input.addEventListener("input", filter);
  order.addEventListener("change", sort);
  if (input.value) filter(); // the browser has kept the words over a reload
  if (order.value !== "name") sort();
}
