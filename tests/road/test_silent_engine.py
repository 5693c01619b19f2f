"""The alarm engine is killed, and the process that watches it: its silence is told once, and once that it is over."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        site.prepare()
        site.start("valkey")
        wait_until(site.bus_answers, 10, "the bus answers")
        site.start("alarms", "jobs")
        wait_until(
            lambda: rows(site, "SELECT 1 FROM alarms_alarm WHERE name = 'alarms_silent'"), 30, "it has its alarms"
        )
        yield site
    finally:
        site.stop()


def rows(site: Site, query: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(site.folder / "config.sqlite3", timeout=10) as connection:
        found = connection.execute(query).fetchall()
        connection.commit()
    connection.close()
    return found


def journal(site: Site) -> list[str]:
    told = "SELECT event FROM alarms_journalentry WHERE path = 'isthmus:alarms_silent' ORDER BY id"
    return [event for (event,) in rows(site, told)]


def test_a_killed_engine_is_an_alarm_and_its_return_ends_it_whoever_is_killed_meanwhile(site: Site) -> None:
    rows(site, "UPDATE alarms_alarm SET on_delay_s = 1, off_delay_s = 0 WHERE name = 'alarms_silent'")
    site.kill("alarms")
    wait_until(lambda: journal(site), 20, "its silence is told", step_s=0.2)
    site.kill("jobs")
    site.start("jobs")
    wait_until(lambda: (site.folder / "jobs.log").read_text().count("jobs started") == 2, 20, "the watch is back")
    site.start("alarms")
    wait_until(lambda: len(journal(site)) > 1, 20, "its return is told", step_s=0.2)
    site.kill("jobs")
    site.kill("alarms")
    site.start("jobs")
    wait_until(lambda: len(journal(site)) > 2, 20, "it is told again", step_s=0.2)
    site.start("alarms")
    wait_until(lambda: len(journal(site)) > 3, 20, "and its return", step_s=0.2)
    assert journal(site) == ["alarm", "return", "alarm", "return"]
