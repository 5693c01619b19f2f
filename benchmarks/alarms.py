"""10,000 alarm definitions on 10,000 tags that all change every second; from a sample to the journal and the news.

No devices: a publisher puts the blocks on the bus, 50 groups one after the other within the second. Beside the engine a
reader that only decodes the same entries. Then single excursions for the latency, 1,000 alarms within 10 s, and
1,000 within one second.
"""

import asyncio
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from benchmarks import report
from benchmarks.accounting import Window
from benchmarks.rig import Rig, wait_until
from bus.client import BusError, connect_blocking
from bus.presence import hear_processes_blocking

GROUPS: Final = 50
WARM_S: Final = 8
WINDOW_S: Final = 20
SINGLES: Final = 100
SINGLE_EVERY: Final = 20
"""Blocks."""
FLOOD: Final = 1000
LIMIT: Final = 100.0


class Plant:
    """Every tag somewhere below the limit; those in `high` above it. One group every 20 ms, from a thread of its own.

    `said`: tag -> when its block was on the bus with the value above the limit, by time.monotonic().
    """

    def __init__(self, url: str, groups: Sequence[tuple[str, Sequence[int]]], revision: int) -> None:
        self._url, self._groups, self._revision = url, groups, revision
        self.high: set[int] = set()
        self.said: dict[int, float] = {}
        self.singles = self._blocks = 0
        self.single_at: list[float] = []
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_ending.set()
        self._thread.join(10)

    def _single(self, ids: Sequence[int]) -> set[int]:
        """Now and then one tag of the group; at the next block of the group it is as it was."""
        self._blocks += 1
        if not self.singles or self._blocks % SINGLE_EVERY:
            return set()
        self.singles -= 1
        self.single_at.append(time.monotonic())
        return {ids[self.singles % len(ids)]}

    async def _run(self) -> None:
        from bus.client import connect
        from bus.lease import RENEW_S, Lease
        from bus.messages import FULL, LIVE, Block, first_seq
        from bus.streams import Entry, Publisher

        client = connect(self._url, "benchmark-publisher")
        lease, publisher = Lease(client), Publisher(client)
        fence = await lease.acquire()
        assert fence is not None, "somebody else publishes on this bus"
        await publisher.join_epoch(fence, int(time.time() * 1000))
        seq, renewed, due = first_seq(fence), 0.0, time.monotonic()
        while not self._is_ending.is_set():
            seq += 1
            for group, ids in self._groups:
                high = self.high | self._single(ids)
                values = [LIMIT + 1 if t in high else 50.0 + (t * 7 + seq * 13) % 97 / 10 for t in ids]
                flags = FULL if seq == first_seq(fence) + 1 else LIVE
                now_ms = time.time_ns() // 1_000_000
                block = Block(publisher.epoch, self._revision, group, seq, now_ms, flags, ids, values, [0] * len(ids))
                before = time.monotonic()
                await publisher.publish(fence, [Entry(block, block)])
                for tag in high.intersection(ids):
                    self.said.setdefault(tag, before)
                if time.monotonic() - renewed > RENEW_S:
                    await lease.renew(fence)
                    renewed = time.monotonic()
                due += 1 / len(self._groups)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        await lease.release(fence)
        await client.aclose()


class News:
    """When each announcement came, by time.monotonic()."""

    def __init__(self, url: str) -> None:
        from bus import keys

        self.at: list[float] = []
        self._client = connect_blocking(url, "benchmark-news")  # it closes its connections when it is forgotten
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis-py's
        self._pubsub.subscribe(keys.ALARM_NEWS)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(*BusError):  # the end of Valkey ends it
            while True:
                if self._pubsub.get_message(timeout=1.0) is not None:
                    self.at.append(time.monotonic())


def main(definitions: int) -> None:
    report.title(f"Alarms: {definitions:,} definitions on 10,000 tags/s")
    with Rig() as rig:
        from benchmarks import plant_rows

        plant_rows.build(range(20001, 20001 + GROUPS), 100, 100)
        rows = alarm_rows(definitions)
        tags = plant_rows.tags()
        groups = tags.groups_with(set(tags.paths))
        news = News(rig.redis_url)
        reader = rig.talk(sys.executable, "-m", "benchmarks.bare_reader", rig.redis_url)
        rig.start("alarms")
        plant = Plant(rig.redis_url, groups, tags.revision)
        time.sleep(WARM_S)
        usage = quiet(rig, ("bare reader", reader))
        report.line("ratio", f"the engine takes {usage[0] / usage[1]:.1f} times the CPU of the bare reader")
        singles(rig, plant, news)
        flood(rig, plant, rows[1000 : 1000 + FLOOD], 10.0)
        flood(rig, plant, rows[3000 : 3000 + FLOOD], 0.0)
        plant.stop()


def alarm_rows(count: int) -> list[int]:
    """So many high alarms, each on a tag of its own, in an order that goes through all groups. Returns the tags."""
    from django.db import transaction

    from alarms.kinds import Kind, Priority, Severity
    from alarms.models import Alarm, AlarmClass
    from devices.models import Tag
    from plant import revisions

    tags = list(Tag.objects.order_by("pk").values_list("pk", flat=True))[:count]
    with transaction.atomic():
        group, _ = AlarmClass.objects.get_or_create(name="bench")
        Alarm.objects.bulk_create(
            Alarm(
                tag_id=tag, name="hi", kind=Kind.HI.value, message="High", setpoint=LIMIT, deadband=1.0,
                alarm_class=group, severity=Severity.MAJOR.value, priority=Priority.MEDIUM.value,
            )
            for tag in tags
        )  # fmt: skip
        revisions.bump("benchmark", f"{count} alarms")
    return [tags[n * 37 % len(tags)] for n in range(len(tags))]


def quiet(rig: Rig, reader: tuple[str, object]) -> tuple[float, float]:
    """CPU of the engine and of the bare reader while no alarm changes."""
    window = Window(rig.pids(reader))  # type: ignore[arg-type]  # a Talker
    time.sleep(WINDOW_S)
    usage = window.end()
    report.cost(usage)
    return usage["alarms"].cpu_pct, usage["bare reader"].cpu_pct


def singles(rig: Rig, plant: Plant, news: News) -> None:
    """Excursions one after the other, 0.4 s apart, each over a second later, between two others: from the block on the
    bus to the announcement that follows the commit."""
    plant.singles = SINGLES
    figures = Figures(rig.redis_url)
    bare = bare_commits(rig.folder / "bare.sqlite3", 0.4 * SINGLES + 3)
    took = [1000 * (next(at for at in news.at if at > said) - said) for said in plant.single_at]
    report.line(
        "sample on the bus -> committed and announced", f"p50 {statistics.median(took):.1f} ms, {len(took)} of them"
    )
    report.line(
        f"{len(bare)} bare commits of one row meanwhile",
        f"p50 {statistics.median(bare):.1f} ms, p99 {statistics.quantiles(bare, n=100)[98]:.1f} ms",
    )
    report.line("the engine's own worst", f"loop {figures.lag_ms} ms late, a writing of {figures.write_ms} ms")
    report.line("samples until news, the five worst", ", ".join(f"{ms:.0f}" for ms in sorted(took)[-5:]) + " ms")
    report.verdict("samples until news, p99", statistics.quantiles(took, n=100)[98], 250, "ms")


def bare_commits(path: Path, seconds: float) -> list[float]:
    """How long this disk takes for one row of 500 bytes on SQLite set up like ours, in ms: what no engine can beat."""
    took, ends = [], time.monotonic() + seconds
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE t (x BLOB)")
        while time.monotonic() < ends:
            before = time.perf_counter()
            database.execute("INSERT INTO t VALUES (?)", (b"x" * 500,))
            took.append(1000 * (time.perf_counter() - before))
            time.sleep(0.2)
    return took


class Figures:
    """The worst the engine says of itself, once a second: how late its loop woke up, and its longest writing, in ms."""

    def __init__(self, url: str) -> None:
        self._client = connect_blocking(url, "benchmark-figures")
        self.lag_ms = self.write_ms = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        with suppress(*BusError):
            while True:
                heard = hear_processes_blocking(self._client).get("alarms")
                if heard is not None:
                    self.lag_ms = max(self.lag_ms, heard.state.lag_ms)
                    self.write_ms = max(self.write_ms, heard.state.detail["write_ms"])
                time.sleep(0.5)


def flood(rig: Rig, plant: Plant, tags: Sequence[int], within_s: float) -> None:
    """All of these go high, within so many seconds; each must be in the journal once."""
    from alarms.models import JournalEntry

    before = JournalEntry.objects.filter(event="alarm").count()
    window, started, chosen = Window(rig.pids()), time.monotonic(), set[int]()
    for n, tag in enumerate(tags):
        chosen.add(tag)
        if within_s:
            plant.high = set(chosen)
            time.sleep(max(0.0, started + (n + 1) * within_s / len(tags) - time.monotonic()))
    plant.high = set(chosen)
    wait_until(lambda: len(plant.said.keys() & chosen) == len(chosen), 5, "all are on the bus", 0.01)
    last = max(plant.said[tag] for tag in chosen)
    count = JournalEntry.objects.filter(event="alarm").count
    wait_until(lambda: count() - before >= len(tags), 30, "all are in the journal", 0.01)
    behind_ms = 1000 * (time.monotonic() - last)
    usage = window.end()
    time.sleep(2)
    found = count() - before
    what = f"{len(tags):,} alarms within {within_s or 1:g} s"
    report.line(what, f"{found:,} in the journal, the last {behind_ms:.0f} ms after its sample", "all, none twice")
    report.line("  engine meanwhile", f"{usage['alarms'].cpu_pct:.0f} % of a core")
    plant.high = set()
    time.sleep(3)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
