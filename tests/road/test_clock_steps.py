"""The clock of the whole machine jumps by an hour, back and forth: no live screen changes (SR 2.11)."""

import mmap
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bus import keys
from bus.client import connect_blocking
from tests.missing import need
from tests.road.screen import Screen
from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

SHIFTED_CLOCK = Path(__file__).with_name("shifted_clock.c")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("clock") / "shifted_clock.so"
    compiler = need("cc", "gcc libc6-dev")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", built, SHIFTED_CLOCK, "-ldl"], check=True)
    return built


Step = Callable[[int], None]
"""Sets the wall clock of every process of the site so many seconds off, all at once."""


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[tuple[Path, Step]]:
    """The file the processes look at, and what sets it."""
    file = tmp_path / "clock"
    file.write_bytes(bytes(8))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 8) as mapped:
        yield file, lambda offset_s: struct.pack_into("=q", mapped, 0, offset_s)


@pytest.fixture
def site(tmp_path: Path, library: Path, clock: tuple[Path, Step]) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder)
    try:
        site.prepare()
        site.extra_env = {"LD_PRELOAD": str(library), "ISTHMUS_TEST_CLOCK": str(clock[0])}
        site.start()
        yield site
    finally:
        site.stop()


@pytest.mark.parametrize("offset_s", [-3600, 3600])
def test_a_step_of_one_hour_changes_no_live_screen(
    offset_s: int, chromium: Browser, site: Site, clock: tuple[Path, Step]
) -> None:
    screen = Screen(chromium, site)
    wait_until(lambda: screen.quality == "good" and screen.number is not None, 20, "the counter is live")
    wait_until(lambda: screen.banner == "", 20, "a poller that is slow to start has spoken")
    shown_before = len(screen.remembered())
    count_before = screen.number or 0
    _, step = clock
    step(offset_s)
    for _ in range(80):
        time.sleep(0.1)
        assert (screen.quality, screen.banner) == ("good", "")
    assert abs(bus_clock(site) - time.time() - offset_s) < 60, "the bus has the new time as well"
    assert (screen.number or 0) >= count_before + 30, "the counter went on"
    assert {quality for _, quality, _ in screen.remembered()[shown_before:]} <= {"good"}
    numbers = screen.numbers_shown()
    assert numbers == sorted(numbers)
    screen.close()
    assert clock_step_was_noted(site)


def bus_clock(site: Site) -> float:
    client = connect_blocking(site.redis_url, "test")
    try:
        seconds, _ = client.time()
        return float(seconds)
    finally:
        client.close()


def clock_step_was_noted(site: Site) -> bool:
    client = connect_blocking(site.redis_url, "test")
    try:
        return bool(client.xlen(keys.EVENTS))
    finally:
        client.close()
