"""The clock of the whole machine jumps by an hour, back and forth: no live screen changes (SR 2.11)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bus import keys
from bus.client import connect_blocking
from tests.missing import missing
from tests.road.screen import Screen
from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file libfaketime reads the offset of the wall clock from; the monotonic clock is left alone."""
    if not LIBRARIES:
        missing("no libfaketime on this machine (Debian: apt-get install faketime)")
    file = tmp_path / "clock"
    file.write_text("+0\n")
    return file


@pytest.fixture
def site(tmp_path: Path, clock: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder)
    try:
        site.prepare()
        site.extra_env = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        site.start()
        yield site
    finally:
        site.stop()


@pytest.mark.parametrize("step", ["-3600", "+3600"])
def test_a_step_of_one_hour_leaves_a_live_screen_live(step: str, chromium: Browser, site: Site, clock: Path) -> None:
    screen = Screen(chromium, site)
    wait_until(lambda: screen.quality == "good" and screen.number is not None, 20, "the counter is live")
    wait_until(lambda: screen.banner == "", 20, "a poller that is slow to start has spoken")
    shown_before = len(screen.remembered())
    count_before = screen.number or 0
    clock.write_text(f"{step}\n")
    looks = []
    for _ in range(80):
        time.sleep(0.1)
        looks.append((screen.quality, screen.banner))
    # It may err on the old side for a moment on a machine that is busy, and is right again by itself.
    assert {quality for quality, _ in looks} <= {"good", "stale"}
    assert sum(look != ("good", "") for look in looks) <= 25
    assert looks[-20:] == [("good", "")] * 20
    assert (screen.number or 0) >= count_before + 30, "the counter went on"
    shown = screen.remembered()[shown_before:]
    assert {quality for _, quality, _ in shown} <= {"good", "stale"}
    numbers = screen.numbers_shown()
    assert numbers == sorted(numbers)
    screen.close()
    assert clock_step_was_noted(site)


def clock_step_was_noted(site: Site) -> bool:
    client = connect_blocking(site.redis_url, "test")
    try:
        return bool(client.xlen(keys.EVENTS))
    finally:
        client.close()
