"""A served Isthmus for browser tests: web process and Valkey of its own, a poller without devices, people logged in."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.pretend_poller import PollerInAThread
from tests.road.site import Site, wait_until


class LiveServer:
    """The site with `works` and the cast. `poller` publishes what a test sets."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self.poller: PollerInAThread | None = None

    def start(self) -> None:
        self.site.prepare()
        self.site.start("valkey")
        self.start_web()

    def start_web(self) -> None:
        self.site.processes["web"] = self.site._spawn("web")
        wait_until(self.is_up, 30, "the web process answers")

    def is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.site.port), 1):
                return True
        except OSError:
            return False

    @property
    def tags(self) -> dict[str, tuple[int, str]]:
        return self.site.tags

    @property
    def url(self) -> str:
        return self.site.url

    def id_of(self, path: str) -> int:
        return self.tags[path][0]

    def poll(self, **values: float) -> PollerInAThread:
        """Start a poller that gives every tag the value 0, or the one named by the last part of its path."""
        groups: dict[str, dict[int, tuple[float, int]]] = {}
        for path, (tag, group) in self.tags.items():
            groups.setdefault(group, {})[tag] = values.get(path.rpartition("/")[2], 0), 0
        self.stop_polling()
        self.poller = PollerInAThread(self.site.redis_url, groups)  # type: ignore[arg-type]  # dicts are invariant
        return self.poller

    def stop_polling(self) -> None:
        if self.poller is not None:
            self.poller.stop()
            self.poller = None

    def log_in(self, browser: Browser, person: str = "vera") -> BrowserContext:
        """A browser context in which one of the cast is logged in."""
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        cookie = {"name": self.site.cookie, "value": self.site.sessions[person], "url": self.url}
        context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict of Playwright
        return context

    def open(self, browser: Browser, path: str, person: str = "vera") -> Page:
        page = self.log_in(browser, person).new_page()
        page.goto(f"{self.url}{path}")
        return page


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("served"))
    try:
        server.start()
        yield server
    finally:
        server.stop_polling()
        server.site.stop()


@pytest.fixture
def server(served: LiveServer) -> Iterator[LiveServer]:
    """The served site with a web process that runs, whatever the test before did."""
    if not served.is_up():
        served.start_web()
    yield served
    served.stop_polling()
