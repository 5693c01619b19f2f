// What is refreshed every few seconds holds still while somebody presses a button, marks a text or has opened a list in
// it: a click that begins on one element and ends on its successor is lost.

let isPressed = false;
document.addEventListener("pointerdown", () => (isPressed = true));
for (const kind of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(kind, () => (isPressed = false));

/** @param {Element} part */
function isInUse(part) {
  if (isPressed || part.querySelector("input:focus, select:focus, textarea:focus")) return true;
  const marked = getSelection();
  return Boolean(marked && !marked.isCollapsed && marked.anchorNode && part.contains(marked.anchorNode));
}

for (const kind of ["htmx:beforeSwap", "htmx:oobBeforeSwap"]) {
  document.addEventListener(kind, (event) => {
    const { detail, target } = /** @type {CustomEvent} */ (event);
    const part = detail.target ?? target;
    const isAsked = detail.requestConfig && detail.requestConfig.verb !== "get"; // somebody's own doing is always shown
    if (part instanceof Element && !isAsked && isInUse(part)) detail.shouldSwap = false;
  });
}
