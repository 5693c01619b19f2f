// Light and dark. The choice is a cookie, so that the server paints the first frame right: no flash, no script needed.

const YEAR_S = 365 * 24 * 3600;

/** @returns {"light" | "dark"} what is shown now */
function shown() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return system();
}

/** @returns {"light" | "dark"} */
function system() {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Choosing what the system has anyway forgets the choice: the page then follows the system again. */
function choose(/** @type {"light" | "dark"} */ theme) {
  const follows = theme === system();
  if (follows) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${follows ? "" : theme}; Path=/; Max-Age=${follows ? 0 : YEAR_S}; SameSite=Lax${secure}`;
  document.dispatchEvent(new CustomEvent("theme-changed"));
}

export function startTheme() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => choose(shown() === "dark" ? "light" : "dark"));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("theme-changed"));
  });
}
