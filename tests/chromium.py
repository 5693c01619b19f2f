"""A real Chromium for tests."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.missing import missing

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return found or missing("no Chromium (Debian: apt-get install chromium; or name one in the variable CHROMIUM)")


@pytest.fixture(scope="module")
def running_chromium() -> Iterator[Browser]:
    """One for all tests of a file, since a start takes more than a second of a core. Not for the whole run: the
    synchronous Playwright occupies the event loop of its thread, which other tests need.
    """
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def chromium(running_chromium: Browser) -> Iterator[Browser]:
    """Without a page, a cookie or a store of the test before."""
    yield running_chromium
    for context in running_chromium.contexts:
        context.close()
