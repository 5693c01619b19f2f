"""What people set by hand and totals, when processes are killed: nothing is lost, counted twice, or let go late."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.actions import Actor
from bus.client import connect_blocking
from bus.latest import read_latest_blocking
from bus.quality import GOOD, GOOD_LOCAL_OVERRIDE
from tests.road.site import ROOT, Site, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PER_S = 100.0
"""What is totalled: a register of the device that stays as it is."""
WRITTEN_S = 10.0
"""Totals stand in the database at least so often."""
BY = Actor.system("test")


def prepare_by_hand() -> None:
    """Run inside the site: a total of the flow, a sample kept by hand, a forced level."""
    from django.db import transaction

    from devices.interventions import enter_value, substitute
    from devices.models import Kind, Tag, TagInput
    from plant.revisions import bump

    with transaction.atomic():
        flow, level = Tag.objects.get(name="flow"), Tag.objects.get(name="level")
        volume = Tag.objects.create(
            area=flow.area, name="volume", kind=Kind.DERIVED, function="total", expression="q", data_type="float64",
            per_s=1.0, scan_ms=200,
        )  # fmt: skip
        TagInput.objects.create(derived=volume, name="q", source=flow)
        sample = Tag.objects.create(area=level.area, name="sample", kind=Kind.MANUAL, data_type="float64")
        bump("test", "a total and a sample")
    now = timezone.now()
    enter_value(BY, sample, 0.4, now - timedelta(days=1))
    substitute(BY, level, 2.5, "the sensor is cleaned", now + timedelta(hours=1))
    print(json.dumps({t.name: [t.pk, f"{t.kind}:{t.scan_ms}"] for t in (volume, sample)} | {"level": [level.pk, ""]}))


class Bus:
    """What stands on the bus of a site now."""

    def __init__(self, site: Site, tags: dict[str, Any]) -> None:
        self._site, self._tags = site, tags

    def row(self, name: str) -> tuple[Any, int] | None:
        tag = self._tags[name][0]
        client = connect_blocking(self._site.redis_url, "test")
        try:
            blocks = read_latest_blocking(client).values()
        finally:
            client.close()
        for block in blocks:
            if tag in block.ids:
                i = list(block.ids).index(tag)
                return block.values[i], block.statuses[i]
        return None

    def total(self) -> float:
        found = self.row("volume")
        assert found is not None
        return float(found[0])


def in_site(site: Site, script: str) -> str:
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=site.env, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        site.prepare()
        site.device.bank.set_holding_registers(2, [round(PER_S / 0.1)])
        yield site
    finally:
        site.stop()


@pytest.fixture
def bus(site: Site) -> Bus:
    tags = json.loads(in_site(site, "from tests.road.test_set_by_hand_survives import prepare_by_hand as p; p()"))
    site.start("valkey", "poller", "jobs")
    bus = Bus(site, tags)
    wait_until(site.bus_answers, 10, "the bus answers")
    wait_until(lambda: (bus.row("volume") or (None, 1))[1] == GOOD and bus.total() > 0, 20, "the total counts")
    return bus


def assert_all_holds(bus: Bus) -> None:
    wait_until(lambda: bus.row("level") == (2.5, GOOD_LOCAL_OVERRIDE), 10, "the forced value is forced again")
    wait_until(lambda: bus.row("sample") == (0.4, GOOD), 10, "the sample is there again")


def assert_the_total_goes_on(site: Site, bus: Bus, before: float) -> None:
    """From where it stood; the time in which nobody polled is not added."""
    started = time.monotonic()
    site.start("poller")
    wait_until(lambda: bus.total() > before and (bus.row("volume") or (0, 1))[1] == GOOD, 20, "the total goes on")
    assert before < bus.total() <= before + PER_S * (time.monotonic() - started)


def test_with_the_bus_kept_a_killed_poller_loses_and_doubles_nothing_of_a_total(site: Site, bus: Bus) -> None:
    assert_all_holds(bus)
    for _ in range(2):
        time.sleep(1.5)
        site.kill("poller")
        assert_the_total_goes_on(site, bus, bus.total())
    assert_all_holds(bus)


def test_with_the_bus_emptied_a_killed_poller_loses_some_seconds_of_a_total_at_most(site: Site, bus: Bus) -> None:
    wait_until(lambda: stored(site) > 0, 2 * WRITTEN_S, "the total stands in the database")
    before = bus.total()
    site.kill("poller")
    site.kill("valkey")
    before = max(before, stored(site))
    for name in (site.folder / "valkey").rglob("*"):
        if name.is_file() or name.is_socket():
            name.unlink()
    started = time.monotonic()
    site.start("valkey", "poller")
    wait_until(site.bus_answers, 10, "the empty bus answers")
    wait_until(lambda: (bus.row("volume") or (None, 1))[1] == GOOD, 20, "the total is good again")
    now = bus.total()
    assert before - PER_S * (WRITTEN_S + 2) <= now <= before + PER_S * (time.monotonic() - started)
    assert now >= stored(site) > 0
    assert_all_holds(bus)


def stored(site: Site) -> float:
    """The total as the database has it, read beside the site's own processes."""
    with sqlite3.connect(f"file:{site.folder}/config.sqlite3?mode=ro", uri=True) as database:
        found = database.execute("select total from devices_totaliserstate").fetchone()
    return float(found[0]) if found else 0.0
