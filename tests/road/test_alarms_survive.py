"""One journal entry for each transition, however often and whenever the engine is killed, with people beside it.

What must come out is known: one uninterrupted evaluation of the same blocks, which knows no process and no database.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from alarms.evaluation import Evaluation
from alarms.process.checkpoint import unpack_known
from bus.client import BusError, connect
from bus.messages import LIVE, Block
from bus.streams import Entry
from tests.fault_seed import IS_TORTURE, seeded, times
from tests.postgres import postgres_url
from tests.pretend_poller import PretendPoller
from tests.road.site import ROOT, Site, wait_until

__all__ = ["postgres_url"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if IS_TORTURE else 240)]

BAD = 0x808C0000
VALUES = (5.0, 5.0, 9.5, 12.0, 12.5, 25.0, 1.0)
ENGINE = {"alarm", "return", "suppress", "unsuppress"}


class Plant(PretendPoller):
    """Keeps every entry it has put on the bus, in order."""

    said: list[Block]

    def _entry(self, group: str, flags: int) -> Entry:
        entry = super()._entry(group, flags)
        self.said.append(entry.change)
        return entry


class Field:
    """Publishes in a thread of its own: quietly, until `is_wild`; then excursions by chance."""

    def __init__(self, site: Site, tags: dict[str, Any], chance: random.Random) -> None:
        self._url, self._tags, self._chance = site.redis_url, tags, chance
        self.is_wild = False
        self.said: list[Block] = []
        self.epoch = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        client = connect(self._url, "test-field")
        plant = Plant(client, {group: {tag: (5.0, 0)} for tag, group in self._tags.values()})
        plant.said = self.said
        await plant.start()
        self.epoch, spoken = plant.epoch, 0.0
        while not self._is_over.is_set():
            group = self._chance.choice(list(plant.values))
            if self.is_wild and self._chance.random() < 0.5:
                for tag in plant.values[group]:
                    bad = self._chance.random() < 0.1
                    plant.values[group][tag] = (None, BAD) if bad else (self._chance.choice(VALUES), 0)
            await plant.scan(group, flags=LIVE)
            if time.monotonic() - spoken > 1:
                await plant.speak()
                spoken = time.monotonic()
            await asyncio.sleep(self._chance.uniform(0.01, 0.06))
        with suppress(*BusError):
            await plant.end()
        await client.aclose()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


class Trial:
    """A site with a plant that goes wild and an engine that is killed."""

    def __init__(self, site: Site, chance: random.Random) -> None:
        self.site, self.chance = site, chance
        site.prepare()
        self.defined = self._in_site("define()")
        self.known = unpack_known(bytes.fromhex(self.defined["known"]))
        site.start("valkey")
        wait_until(site.bus_answers, 10, "the bus answers")
        self.field = Field(site, self.defined["tags"], chance)
        site.start("alarms")
        wait_until(lambda: self.field.epoch, 10, "the field speaks")
        wait_until(lambda: self.tell()["memory_epoch"] == self.field.epoch, 30, "the engine follows", step_s=0.5)
        self.field.is_wild = True

    def _in_site(self, words: str) -> Any:
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c"]
        script = f"from tests.road.alarm_site import *; {words}"
        done = subprocess.run(
            [*command, script], cwd=ROOT, env=self.site.env, check=True, stdout=subprocess.PIPE, text=True, timeout=60
        )
        return json.loads(done.stdout.strip().splitlines()[-1])

    def tell(self) -> Any:
        return self._in_site("tell()")

    def acknowledging(self) -> subprocess.Popen[str]:
        script = f"from tests.road.alarm_site import *; acknowledge_by_chance('{self.chance.random()}')"
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", script]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.site.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def expected(self) -> list[tuple[str, str, int]]:
        """(uuid, event, source_ms): what one evaluation makes of all that was said."""
        evaluation = Evaluation(self.known.definitions, self.known.groups)
        raised = [r for block in self.field.said for r in evaluation.take(block)]
        return [(self.defined["ids"][str(r.alarm)], r.event.value, r.source_ms) for r in raised]

    def settled(self, timeout_s: float = 60) -> Any:
        """The field is silent, and the journal has all that is expected; fails with the first difference."""
        self.field.stop()
        expected = self.expected()
        assert len(expected) > 10, "the plant was not wild enough to show anything"
        deadline, said, found = time.monotonic() + timeout_s, {}, list[tuple[str, str, int]]()
        while len(found) < len(expected) and time.monotonic() < deadline:
            said = self.tell()
            found = [(row[0], row[3], row[6]) for row in said["journal"] if row[3] in ENGINE]
        assert found == expected
        time.sleep(2)  # what came twice would come now
        said = self.tell()
        assert len([row for row in said["journal"] if row[3] in ENGINE]) == len(expected)
        return said


def assert_is_one_chain(said: Any) -> None:
    """Each entry of an alarm goes on where the one before it ended, and the row stands where the last one did."""
    chains = defaultdict(list)
    for uuid, seq, _, _, before, after, *_ in said["journal"]:
        chains[uuid].append((seq, before, after))
    for chain in chains.values():
        assert [seq for seq, *_ in chain] == list(range(1, len(chain) + 1))
        assert [before for _, before, _ in chain] == ["normal", *[after for *_, after in chain[:-1]]]
    stands = {uuid: (base, seq) for uuid, base, seq in said["states"]}
    assert {uuid: (chain[-1][2], chain[-1][0]) for uuid, chain in chains.items()} == stands


def kill_now_and_then(site: Site, chance: random.Random, kills: int) -> None:
    for _ in range(kills):
        time.sleep(chance.choice([0.3, 1.0, 2.0, 4.0]) * chance.random() + 0.05)
        site.kill("alarms")
        site.start("alarms")


@pytest.fixture
def trial(site: Site) -> Iterator[Trial]:
    trial = Trial(site, seeded())
    yield trial
    trial.field.stop()


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """On SQLite, or with "postgresql" as the parameter there."""
    is_postgres = getattr(request, "param", "") == "postgresql"
    env = {"DATABASE_URL": request.getfixturevalue("postgres_url")} if is_postgres else {}
    site = Site(tmp_path, extra_env=env)
    try:
        yield site
    finally:
        site.stop()


@pytest.mark.parametrize("site", ["sqlite", "postgresql"], indirect=True)
def test_each_transition_is_in_the_journal_once_when_the_engine_is_killed(
    site: Site, trial: Trial, request: pytest.FixtureRequest
) -> None:
    """ALM-20, and a person acknowledges meanwhile: nothing of that is overwritten."""
    is_sqlite = "sqlite" in request.node.name
    person = trial.acknowledging()
    kill_now_and_then(site, trial.chance, times(20, 200) if is_sqlite else times(6, 60))
    done, _ = person.communicate(timeout=20)
    said = trial.settled()
    assert_is_one_chain(said)
    assert len([row for row in said["journal"] if row[3] == "ack"]) == int(done.strip().splitlines()[-1]) > 0


def test_a_database_that_is_locked_for_long_delays_the_journal_and_changes_nothing_of_it(
    site: Site, trial: Trial
) -> None:
    time.sleep(1)
    with sqlite3.connect(site.folder / "config.sqlite3", isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(8)
        site.kill("alarms")
        site.start("alarms")
        time.sleep(4)
        database.execute("ROLLBACK")
    database.close()
    assert_is_one_chain(trial.settled())
    assert "alarm database lost" in (site.folder / "alarms.log").read_text()


def test_what_happened_while_the_engine_was_away_is_caught_up_in_order(site: Site, trial: Trial) -> None:
    time.sleep(1)
    site.kill("alarms")
    time.sleep(10)
    started = time.monotonic()
    site.start("alarms")
    said = trial.settled()
    assert_is_one_chain(said)
    print(f"caught up {time.monotonic() - started:.1f} s after the start")


def test_a_bus_that_is_away_keeps_nothing_from_the_journal(site: Site, trial: Trial) -> None:
    """The bus is stopped, not killed: it comes back with all it had."""
    time.sleep(1)
    valkey = site.processes["valkey"].pid
    for _ in range(2):
        os.kill(valkey, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(valkey, signal.SIGCONT)
        time.sleep(1)
    assert_is_one_chain(trial.settled())
