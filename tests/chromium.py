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


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """One per test: the synchronous Playwright occupies the event loop of its thread, which other tests need."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
