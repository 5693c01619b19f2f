"""What an operator sees: a value comes, changes, goes stale when the server dies, and comes back (HMI-06, UA-05)."""

import pytest
from playwright.sync_api import Browser, Page

from bus import quality
from tests.browser.conftest import LiveServer
from tests.road.site import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LEVEL = "works/north/level"


def place(page: Page, path: str = LEVEL) -> tuple[str, str]:
    """(number, quality) as shown."""
    found = page.locator(f'[data-live="{path}"]').first
    number = (found.locator(".live-number").text_content() or "").strip()
    return number, str(found.get_attribute("data-q"))


def banner(page: Page) -> str:
    found = page.locator("[data-live-banner]").first
    return (found.text_content() or "").strip() if found.is_visible() else ""


def test_a_value_comes_and_changes_without_a_reload(chromium: Browser, server: LiveServer) -> None:
    poller = server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    poller.set(server.id_of(LEVEL), 2.5)
    wait_until(lambda: place(page) == ("2.50", "good"), 3, "the new value")
    poller.set(server.id_of(LEVEL), 2.5, quality.UNCERTAIN_NO_COMMUNICATION)
    wait_until(lambda: place(page) == ("2.50", "uncertain"), 3, "the mark of a lost device")
    poller.set(server.id_of(LEVEL), None, quality.BAD_SENSOR_FAILURE)
    wait_until(lambda: place(page) == ("–", "bad"), 3, "a bad value is no value")
    assert banner(page) == ""
    assert errors == []
