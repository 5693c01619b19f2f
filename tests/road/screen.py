"""An operator's screen in a real Chromium that remembers everything it showed of one tag."""

from typing import Any, cast

from playwright.sync_api import Browser, Page

from tests.road.site import Site

_REMEMBER = """(path) => {
  const place = document.querySelector(`[data-live="${path}" i]`);
  const number = place.querySelector('.live-number');
  window.remembered = [];
  const look = () => {
    const now = [number.textContent.trim(), place.dataset.q];
    const last = window.remembered.at(-1);
    if (!last || last[0] !== now[0] || last[1] !== now[1]) window.remembered.push([...now, performance.now()]);
  };
  new MutationObserver(look).observe(place, {attributes: true, childList: true, characterData: true, subtree: true});
  look();
}"""


class Screen:
    """The tag page of `path`, seen by one of the cast. Console errors are kept, but those of a lost network."""

    def __init__(self, browser: Browser, site: Site, person: str = "omar", path: str = "works/north/counter") -> None:
        self._context = browser.new_context(viewport={"width": 1366, "height": 768})
        self._context.add_cookies([{"name": site.cookie, "value": site.sessions[person], "url": site.url}])
        self.page: Page = self._context.new_page()
        self.path = path
        self.console_errors: list[str] = []
        self.page.on("console", lambda m: self.console_errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.console_errors.append(str(e)))
        self.page.goto(f"{site.url}/tag/{path}/")
        self.page.evaluate(_REMEMBER, path)

    @property
    def quality(self) -> str:
        """good | uncertain | bad | stale, as styled."""
        return str(self.page.locator(f'[data-live="{self.path}"]').first.get_attribute("data-q"))

    @property
    def text(self) -> str:
        return (self.page.locator(f'[data-live="{self.path}"] .live-number').first.text_content() or "").strip()

    @property
    def number(self) -> int | None:
        text = self.text.replace(" ", "").replace(",", "").replace("\u202f", "")
        return int(text) if text.isdigit() else None

    @property
    def banner(self) -> str:
        """What the banner of the live link says; empty while it is hidden."""
        banner = self.page.locator("[data-live-banner]").first
        return (banner.text_content() or "").strip() if banner.is_visible() else ""

    def remembered(self) -> list[tuple[str, str, float]]:
        """Everything shown: (text, quality, ms since the page was opened), in order."""
        return [(t, q, ms) for t, q, ms in cast(list[list[Any]], self.page.evaluate("window.remembered"))]

    def numbers_shown(self) -> list[int]:
        texts = [text.replace(" ", "").replace(",", "").replace("\u202f", "") for text, _, _ in self.remembered()]
        return [int(text) for text in texts if text.isdigit()]

    def close(self) -> None:
        self._context.close()
