"""Every sample in its series once, however often and whenever the historian is killed, and whatever is away meanwhile.

What must come out is known: one uninterrupted recording of the same blocks, which knows no process and no database.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bus.client import connect_blocking
from bus.presence import hear_processes_blocking
from historian.recording import Recording
from historian.samples import Row
from historian.series import Rule, SeriesKey, SeriesKind
from historian.storage.base import StorageAway
from historian.storage.opening import open_storage
from tests.fault_seed import IS_TORTURE, seeded, times
from tests.postgres import postgres_url
from tests.road.site import ROOT, Site, wait_until
from tests.road.test_alarms_survive import Field

__all__ = ["postgres_url"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if IS_TORTURE else 240)]

YEAR_MS = 366 * 86_400_000


class Trial:
    """A site with a plant that goes wild and a historian that is killed."""

    def __init__(self, site: Site, url: str, chance: random.Random) -> None:
        self.site, self.url, self.chance = site, url, chance
        site.prepare()
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c"]
        done = subprocess.run(
            [*command, "from tests.road.history_site import define; define()"],
            cwd=ROOT, env=site.env, check=True, stdout=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
        self.tags: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        site.start("valkey")
        wait_until(site.bus_answers, 10, "the bus answers")
        self.field = Field(site, {name: [tag["id"], tag["group"]] for name, tag in self.tags.items()}, chance)
        wait_until(lambda: self.field.epoch, 10, "the field speaks")
        site.start("historian")
        wait_until(self.follows, 30, "the historian follows", step_s=0.3)
        self.began_ms = time.time_ns() // 1_000_000
        self.field.is_wild = True

    def figures(self) -> dict[str, Any]:
        client = connect_blocking(self.site.redis_url, "test-history")
        try:
            heard = hear_processes_blocking(client).get("historian")
        finally:
            client.close()
        return {} if heard is None else heard.state.detail

    def follows(self) -> bool:
        return bool(self.figures().get("rows"))

    def _numbers(self) -> dict[str, int]:
        """Name of a tag -> number of its series."""
        storage = open_storage(self.url, read_only=True)
        try:
            series = storage.series()
        finally:
            storage.close()
        keys = {name: tag["key"] for name, tag in self.tags.items()}
        return {n: series[SeriesKey(k["tag"], SeriesKind(k["kind"]), k["unit"])] for n, k in keys.items()}

    def expected(self) -> list[Row]:
        """What one recording makes of all that was said, from when it went wild."""
        numbers = self._numbers()
        rules = {
            tag["id"]: Rule(**{**tag["rule"], "series": numbers[name], "kind": SeriesKind(tag["rule"]["kind"])})
            for name, tag in self.tags.items()
        }
        groups = {tag["id"]: (tag["group"], tag["scan_ms"]) for tag in self.tags.values()}
        recording = Recording(rules, groups)
        rows = [row for block in self.field.said for row in recording.take(block)]
        last = {(row[0], row[1]): row for row in rows}
        return sorted(row for row in last.values() if row[0] > self.began_ms)

    def stored(self) -> list[Row]:
        storage = open_storage(self.url, read_only=True)
        try:
            found = storage.read(list(self._numbers().values()), self.began_ms + 1, self.began_ms + YEAR_MS)
        except StorageAway:
            return []
        finally:
            storage.close()
        return sorted(
            (
                int(ms),
                number,
                None if value != value else float(value),
                samples.exact.get(int(ms)),
                int(status),
                int(at),
            )
            for number, samples in found.items()
            for ms, value, status, at in zip(
                samples.times.tolist(),
                samples.numbers.tolist(),
                samples.statuses.tolist(),
                samples.server_ms.tolist(),
                strict=True,
            )
        )

    def settled(self, timeout_s: float = 60) -> None:
        """The field is silent, and history has all that is expected, and nothing else; fails with the difference."""
        self.field.stop()
        expected = self.expected()
        assert len(expected) > 20, "the plant was not wild enough to show anything"
        deadline, found = time.monotonic() + timeout_s, list[Row]()
        while time.monotonic() < deadline:
            found = [row for row in self.stored() if row[0] <= expected[-1][0]]
            if found == expected:
                return
            time.sleep(0.5)
        missing, surplus = sorted({*expected} - {*found}), sorted({*found} - {*expected})
        print((self.site.folder / "historian.log").read_text()[-4000:])
        print(f"historian ended: {self.site.processes['historian'].poll()}; it says {self.figures()}")
        print(f"missing {missing}")
        assert not missing, f"{len(missing)} of {len(expected)} rows are missing, the first {missing[:3]}"
        assert not surplus, f"{len(surplus)} rows too many, the first {surplus[:3]}"


@pytest.fixture(params=["sqlite", "postgresql"])
def trial(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Trial]:
    """The configuration on SQLite; history on SQLite, or on PostgreSQL."""
    url = f"sqlite:///{tmp_path / 'history.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url.replace("postgres://", "postgresql://", 1), autocommit=True) as server:
            server.execute("DROP SCHEMA IF EXISTS history CASCADE")
    site = Site(tmp_path, extra_env={"HISTORY_DATABASE_URL": url})
    try:
        trial = Trial(site, url, seeded())
        try:
            yield trial
        finally:
            trial.field.stop()
    finally:
        site.stop()


def kill_now_and_then(trial: Trial, kills: int) -> None:
    for _ in range(kills):
        time.sleep(trial.chance.choice([0.3, 1.0, 2.0, 4.0]) * trial.chance.random() + 0.05)
        trial.site.kill("historian")
        trial.site.start("historian")


def test_every_sample_is_stored_once_when_the_historian_is_killed(trial: Trial, request: pytest.FixtureRequest) -> None:
    """HIS-01, HIS-11."""
    kill_now_and_then(trial, times(20, 100) if "sqlite" in request.node.name else times(6, 100))
    trial.settled()


def test_what_came_while_the_historian_was_away_is_recorded_in_order(trial: Trial) -> None:
    time.sleep(1)
    trial.site.kill("historian")
    time.sleep(8)
    trial.site.start("historian")
    trial.settled()
    assert trial.figures()["missed_ms"] == 0


def test_a_bus_that_is_away_loses_and_doubles_nothing(trial: Trial) -> None:
    """The bus is stopped, not killed: it comes back with all it had."""
    time.sleep(1)
    valkey = trial.site.processes["valkey"].pid
    for _ in range(2):
        os.kill(valkey, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(valkey, signal.SIGCONT)
        time.sleep(1)
    trial.settled()


@pytest.mark.parametrize("trial", ["sqlite"], indirect=True)
def test_a_database_that_is_locked_for_long_fills_the_spool_and_loses_nothing(trial: Trial) -> None:
    """HIS-11. Killed in the middle of it, too."""
    time.sleep(1)
    with sqlite3.connect(trial.site.folder / "history.sqlite3", isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        wait_until(lambda: trial.figures()["why_away"], 20, "it says that the database is away", step_s=0.3)
        wait_until(lambda: trial.figures()["spooled_bytes"], 60, "samples go to the spool", step_s=0.5)
        time.sleep(times(3, 600))
        trial.site.kill("historian")
        trial.site.start("historian")
        time.sleep(4)
        database.execute("ROLLBACK")
    database.close()
    trial.settled()
    wait_until(lambda: not trial.figures()["why_away"], 20, "it says that the database is back", step_s=0.3)
    wait_until(lambda: trial.figures()["spooled_bytes"] == 0, 20, "nothing waits on the disk", step_s=0.3)
    assert "database of history lost" in (trial.site.folder / "historian.log").read_text()
