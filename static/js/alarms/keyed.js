// hx-swap="keyed": what is the same stays, so that what somebody points at, has chosen or reads does not move or vanish.
//
// Elements with data-keyed are walked into; their children are told apart by data-key. A child with the same data-v, or
// with the same text and attributes where it has none, is left alone; the others are replaced.

/** @typedef {(before: Element, after: Element) => void} Replaced */
/** @typedef {(place: Element) => void} Landed */

/** @param {Element} before @param {Element} after */
function isSame(before, after) {
  const [old, fresh] = [before.getAttribute("data-v"), after.getAttribute("data-v")];
  return old !== null && fresh !== null ? old === fresh : before.isEqualNode(after);
}

/** The part of an element that had the focus, found again in its successor. @param {Element} before @param {Element} after */
function keepFocus(before, after) {
  const active = document.activeElement;
  if (!active || !before.contains(active)) return () => {};
  const place = [...before.querySelectorAll("a, button, input")].indexOf(active);
  return () => {
    const found = place < 0 ? after : [...after.querySelectorAll("a, button, input")][place];
    if (found instanceof HTMLElement && found.tagName === active.tagName) found.focus({ preventScroll: true });
    else if (after instanceof HTMLElement) after.focus({ preventScroll: true });
  };
}

/** @param {Element} before @param {Element} after @param {Element[]} made @param {Replaced} replaced @param {Landed} landed */
function patch(before, after, made, replaced, landed) {
  /** @type {Map<string, Element>} */
  const known = new Map([...before.children].map((child) => [child.getAttribute("data-key") ?? "", child]));
  /** @type {Element | null} */
  let last = null;
  for (const fresh of [...after.children]) {
    const key = fresh.getAttribute("data-key") ?? "";
    const old = known.get(key);
    known.delete(key);
    let kept = fresh;
    if (old?.hasAttribute("data-keyed") && fresh.hasAttribute("data-keyed")) {
      kept = old;
      patch(old, fresh, made, replaced, landed);
    } else if (old && isSame(old, fresh)) kept = old;
    else {
      made.push(fresh);
      if (old) {
        const focus = keepFocus(old, fresh);
        replaced(old, fresh);
        old.replaceWith(fresh);
        focus();
      }
    }
    /** @type {Element | null} */
    const next = last ? last.nextElementSibling : before.firstElementChild;
    if (next !== kept) before.insertBefore(kept, next);
    last = kept;
  }
  for (const gone of known.values()) remove(gone, landed);
}

/** Who had the focus in what is gone goes on beside it. @param {Element} gone @param {Landed} landed */
function remove(gone, landed) {
  const beside = gone.contains(document.activeElement) ? (gone.nextElementSibling ?? gone.previousElementSibling) : null;
  gone.remove();
  if (!(beside instanceof HTMLElement)) return;
  beside.focus({ preventScroll: true });
  landed(beside);
}

/**
 * @param {Replaced} replaced told of each element that takes the place of an older one, before it does
 * @param {Landed} landed told of what has the focus because that which had it is gone
 */
export function startKeyed(replaced, landed) {
  const { htmx } = /** @type {any} */ (window);
  htmx.defineExtension("keyed", {
    isInlineSwap: () => false,
    /** @param {string} style @param {Element} target @param {ParentNode} fragment */
    handleSwap(style, target, fragment) {
      if (style !== "keyed") return false;
      const [before, after] = [target.firstElementChild, fragment.firstElementChild];
      if (!before || !after) return false;
      /** @type {Element[]} */
      const made = [];
      patch(before, after, made, replaced, landed);
      return made;
    },
  });
}
