// Menus are <details>: they open without us. We close them on Escape and when somebody goes elsewhere.

/** @returns {HTMLDetailsElement[]} */
function open() {
  return [...document.querySelectorAll("details[data-menu][open]")].map((menu) => /** @type {HTMLDetailsElement} */ (menu));
}

export function startMenus() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      if (menu.contains(document.activeElement)) menu.querySelector("summary")?.focus();
    }
  });
  for (const kind of ["click", "focusin"]) {
    document.addEventListener(kind, (event) => {
      for (const menu of open()) if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
    });
  }
}
