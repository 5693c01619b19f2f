"""The road breaks at each of its stations: the screen says so within 3 s, nothing old follows something new, and
everything comes back by itself (HMI-06, UA-05)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bus import keys
from bus.client import connect_blocking
from tests.road.screen import Screen
from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LIMIT_S = 3.0
"""Within this the screen is honest; the poll of the test and the browser's tick are allowed half a second on top."""
SLACK_S = 0.5


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        site.prepare()
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture
def screen(chromium: Browser, site: Site) -> Iterator[Screen]:
    screen = Screen(chromium, site)
    wait_until(lambda: screen.quality == "good" and screen.number is not None, 20, "the counter is live")
    yield screen
    screen.close()


def wait_until_live(screen: Screen, site: Site, timeout_s: float, what: str) -> None:
    """Until a count is shown, as good, that the device had not reached before this call."""
    count = site.device.count
    wait_until(lambda: screen.quality == "good" and (screen.number or 0) > count, timeout_s, what)


def assert_never_an_older_value_after_a_newer(screen: Screen) -> None:
    shown = screen.numbers_shown()
    assert len(shown) >= 2
    assert shown == sorted(shown)


def test_a_register_change_reaches_the_browser(screen: Screen, site: Site) -> None:
    wait_until_live(screen, site, 5, "a count newer than this moment is shown")
    assert screen.console_errors == []


@pytest.mark.slow
def test_a_stopped_device_is_marked_within_the_limit_and_comes_back_by_itself(screen: Screen, site: Site) -> None:
    site.device.stop()
    wait_until(lambda: screen.quality != "good", 2.0 + SLACK_S, "the value of the dead device is marked")
    kept = screen.number
    assert kept is not None, "the last value stays visible"
    time.sleep(5)
    assert screen.quality != "good"
    site.device.start()
    wait_until_live(screen, site, 2.0 + SLACK_S, "live again after the device is back")
    assert_never_an_older_value_after_a_newer(screen)


@pytest.mark.slow
def test_redis_killed_for_30_s(screen: Screen, site: Site) -> None:
    site.kill("valkey")
    wait_until(lambda: screen.quality != "good", LIMIT_S + SLACK_S, "values are marked without Redis")
    wait_until(lambda: screen.banner, LIMIT_S, "the banner says that live data stopped")
    time.sleep(27)
    assert screen.quality != "good"
    site.start("valkey")
    wait_until_live(screen, site, 10, "live again after Redis is back")
    wait_until(lambda: not screen.banner, 5, "the banner is gone")
    assert_never_an_older_value_after_a_newer(screen)
    assert site.processes["poller"].poll() is None, "the poller waited instead of ending"
    assert site.processes["web"].poll() is None, "the web process waited instead of ending"


@pytest.mark.slow
def test_redis_that_lost_all_its_data_starts_a_new_epoch(screen: Screen, site: Site) -> None:
    client = connect_blocking(site.redis_url, "test")
    epoch = int(client.get(keys.EPOCH) or 0)
    site.kill("valkey")
    for name in (site.folder / "valkey").rglob("*"):
        if name.is_file() or name.is_socket():
            name.unlink()
    site.start("valkey")
    wait_until(site.bus_answers, 5, "the empty Redis answers")
    wait_until(lambda: int(client.get(keys.EPOCH) or 0) > epoch, 10, "a new epoch begins")
    wait_until_live(screen, site, 10, "live again on an empty Redis")
    client.close()
    assert_never_an_older_value_after_a_newer(screen)


@pytest.mark.slow
def test_poller_killed(screen: Screen, site: Site) -> None:
    site.kill("poller")
    wait_until(lambda: screen.quality != "good", LIMIT_S + SLACK_S, "values are marked without a poller")
    site.start("poller")
    wait_until_live(screen, site, 12, "live again with a new poller")
    assert_never_an_older_value_after_a_newer(screen)


@pytest.mark.slow
def test_web_killed(screen: Screen, site: Site) -> None:
    site.kill("web")
    wait_until(lambda: screen.quality != "good", LIMIT_S + SLACK_S, "values are marked without a web process")
    wait_until(lambda: screen.banner, LIMIT_S, "the banner says that the connection is lost")
    site.start("web")
    wait_until_live(screen, site, 15, "the same page is live again")
    wait_until(lambda: not screen.banner, 5, "the banner is gone")
    assert_never_an_older_value_after_a_newer(screen)


@pytest.mark.slow
def test_every_entry_stands_in_the_stream_once_and_in_order(screen: Screen, site: Site) -> None:
    """Redis restarts twice with its data kept: the sequence of each scan group has no double and never falls."""
    for _ in range(2):
        time.sleep(2)
        site.kill("valkey")
        time.sleep(1)
        site.start("valkey")
        wait_until_live(screen, site, 10, "live again")
    blocks = site.blocks_on_the_bus()
    for group in {block.group for block in blocks}:
        seqs = [block.seq for block in blocks if block.group == group]
        assert seqs == sorted(set(seqs))
