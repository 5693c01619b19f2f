"""How many samples a second history takes, with 50 million there already, from recording to sealing.

    python -m benchmarks.history_in [sqlite|postgresql]

The road of the historian without the bus: blocks of 200 tags through the recording, rows written in portions of the
recorder's size with its memory every 5 s, a housekeeper beside it in a thread and with a connection of its own; then
all hours sealed. The clock is that of the samples; an hour of them goes as fast as it can. Compared in the same run:
the engine's own bulk loading into a table of the same kind, and rows that Django's ORM inserts one at a time.
"""

import argparse
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import dj_database_url
import django
import numpy as np
import psycopg

from benchmarks.report import line, title
from bus.messages import FULL, LIVE, Block
from historian import chunks, summary
from historian.housekeeping import BUDGET_S
from historian.recording import Recording
from historian.samples import Row, Samples
from historian.sealing import MINUTE_MS, Housekeeper
from historian.series import Rule, SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Chunk, Memory, Sealed, Storage
from historian.storage.opening import open_storage
from tests.postgres import running_postgres

TAGS: Final = 1000
BLOCK: Final = 200
SECONDS: Final = 3600
SAVE_S: Final = 5
PAST: Final = 50_000_000
PAST_SERIES: Final = 500
PER_HOUR: Final = 3600
PORTION: Final = 20_000
"""Rows the recorder writes at once."""
T0: Final = 1_790_000_000_000 // HOUR_MS * HOUR_MS
TO_HOLD: Final = {"sqlite": 50_000, "postgresql": 100_000}
BULK_ROWS: Final = 1_000_000
ORM_S: Final = 5.0


def values_of(count: int, second: int) -> list[float]:
    """Noise of one decimal around a slow wave: no two after each other lie on a line with the next."""
    chance = np.random.default_rng(second)
    wave = 50 + 10 * np.sin(second / 60 + np.arange(count))
    rounded: list[float] = np.round(wave + chance.normal(0, 0.5, count), 1).tolist()
    return rounded


def fill(storage: Storage) -> int:
    """A past of sealed hours, written as the housekeeper writes them. Returns how many samples it has."""
    keys = {SeriesKey(f"past-{n}", SeriesKind.NUMBER, ""): f"past/{n}" for n in range(PAST_SERIES)}
    numbers = list(storage.add_series(keys).values())
    hours = -(-PAST // (PAST_SERIES * PER_HOUR))
    for back in range(1, hours + 1):
        hour = T0 - back * HOUR_MS
        times = hour + 1000 * np.arange(PER_HOUR, dtype=np.int64)
        numbers_of = np.array(values_of(PER_HOUR, back))
        samples = Samples(times, numbers_of, np.zeros(PER_HOUR, np.uint32), times + 4)
        encoded, fine = chunks.encode(samples), summary.summarise(samples, MINUTE_MS)
        whole = summary.summarise(samples, HOUR_MS)
        made = [
            Sealed(Chunk(n, hour, 1, PER_HOUR, int(times[0]), int(times[-1]), encoded), 1, whole, fine) for n in numbers
        ]
        for begin in range(0, len(made), 100):
            storage.seal(made[begin : begin + 100])
    return hours * PAST_SERIES * PER_HOUR


def recording(storage: Storage) -> tuple[Recording, list[tuple[str, list[int]]]]:
    """Of every change, as a site begins; and the tags by scan group."""
    keys = [SeriesKey(f"tag-{n}", SeriesKind.NUMBER, "") for n in range(TAGS)]
    numbers = storage.add_series({key: f"plant/{n}" for n, key in enumerate(keys)})
    rules = {n: Rule(numbers[key], SeriesKind.NUMBER) for n, key in enumerate(keys)}
    groups = {n: (f"g{n // BLOCK}", 1000) for n in rules}
    by_group = [(f"g{k}", list(range(k * BLOCK, (k + 1) * BLOCK))) for k in range(TAGS // BLOCK)]
    return Recording(rules, groups), by_group


class Clock:
    def __init__(self) -> None:
        self.ms = T0

    def now_ms(self) -> int:
        return self.ms


def keep_house(url: str, clock: Clock, is_over: threading.Event) -> None:
    storage = open_storage(url)
    keeper = Housekeeper(storage, clock.now_ms, dict)
    while True:
        has_more = keeper.work(BUDGET_S)
        if is_over.is_set() and not has_more and clock.ms > T0 + HOUR_MS:
            break
        time.sleep(BUDGET_S / 4 if has_more else 0.1)
    storage.close()


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds until the last row was written, until all was sealed, and of processor time for all of it."""

    rows: int
    wrote_s: float
    sealed_s: float
    cpu_s: float


def take_in(url: str, storage: Storage) -> Taken:
    recorded, groups = recording(storage)
    clock, is_over = Clock(), threading.Event()
    keeper = threading.Thread(target=keep_house, args=(url, clock, is_over))
    blocks = [list(made_blocks(second, groups)) for second in range(SECONDS)]
    rows: list[Row] = []
    count, begun, saved, used = 0, time.perf_counter(), 0.0, time.process_time()
    keeper.start()
    for second, some in enumerate(blocks):
        for block in some:
            rows += recorded.take(block)
        clock.ms = T0 + second * 1000
        if len(rows) >= PORTION or second == SECONDS - 1:
            memory = None
            if time.perf_counter() - saved >= SAVE_S:
                saved, memory = time.perf_counter(), Memory(1, f"{clock.ms}-0", {}, recorded.dump())
            storage.write(rows, memory)
            count += len(rows)
            rows = []
    wrote_s = time.perf_counter() - begun
    clock.ms = T0 + 2 * HOUR_MS
    is_over.set()
    keeper.join()
    return Taken(count, wrote_s, time.perf_counter() - begun, time.process_time() - used)


def made_blocks(second: int, groups: list[tuple[str, list[int]]]) -> Iterator[Block]:
    values = values_of(TAGS, second)
    for place, (name, tags) in enumerate(groups):
        at_ms = T0 + second * 1000 + place * 20
        flags = FULL if second == 0 else LIVE
        part = values[tags[0] : tags[-1] + 1]
        yield Block(1, 1, name, second + 1, at_ms, flags, tags, part, [0] * len(tags))


def bulk_rows() -> Iterator[Row]:
    """In the order of time, as the recorder has them."""
    values = values_of(TAGS, 1)
    for second in range(BULK_ROWS // TAGS):
        ms = T0 + second * 1000
        yield from ((ms, series, value, None, 0, ms + 4) for series, value in enumerate(values))


def bulk_sqlite(path: Path) -> float:
    """Rows a second of one executemany in one transaction."""
    rows = list(bulk_rows())
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE bulk (source_ms INTEGER, series INTEGER, number REAL, exact TEXT, status INTEGER,"
            " server_ms INTEGER, PRIMARY KEY (source_ms, series)) WITHOUT ROWID"
        )
        begun = time.perf_counter()
        database.executemany("INSERT INTO bulk VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()
        took_s = time.perf_counter() - begun
    database.close()
    return len(rows) / took_s


def bulk_postgresql(url: str) -> float:
    """Rows a second of one COPY in binary."""
    rows = list(bulk_rows())
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "CREATE TABLE bulk (source_ms int8, series int8, number float8, exact text, status int8, server_ms int8,"
            " PRIMARY KEY (source_ms, series))"
        )
        begun = time.perf_counter()
        with server.cursor() as cursor, cursor.copy("COPY bulk FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "int8", "float8", "text", "int8", "int8"])
            for row in rows:
                copy.write_row(row)
        took_s = time.perf_counter() - begun
        server.execute("DROP TABLE bulk")
    return len(rows) / took_s


@cache
def one_row() -> Any:
    """A model of such a row, which no app has."""
    from django.db import models

    class OneRow(models.Model):
        source_ms, series = models.BigIntegerField(), models.BigIntegerField()
        number, status = models.FloatField(null=True), models.BigIntegerField()

        class Meta:
            app_label = "benchmarks"
            constraints = (models.UniqueConstraint(fields=["source_ms", "series"], name="one_row_once"),)

        def __str__(self) -> str:
            return f"{self.series} at {self.source_ms}"

    return OneRow


def orm_rate(name: str, url: str) -> float:
    """Rows a second of Model.objects.create(), a transaction each, with Django's own settings for the engine."""
    from django.db import connections

    ours = connections.settings["default"]
    connections.settings[name] = (
        ours | {"OPTIONS": ours["OPTIONS"] if name == "sqlite" else {}} | dj_database_url.parse(url)
    )
    with connections[name].schema_editor() as editor:
        editor.create_model(one_row())
    rows, count = one_row().objects.using(name), 0
    begun = time.perf_counter()
    while time.perf_counter() - begun < ORM_S:
        rows.create(source_ms=T0 + count, series=count % 100, number=float(count), status=0)
        count += 1
    rate = count / (time.perf_counter() - begun)
    connections[name].close()
    return rate


@contextmanager
def engine(name: str) -> Iterator[str]:
    folder = Path(os.environ["DATA_DIR"])
    if name == "sqlite":
        yield f"sqlite:///{folder / 'history.sqlite3'}"
    else:
        with running_postgres() as url:
            yield url


def case(name: str) -> None:
    folder = Path(os.environ["DATA_DIR"])
    title(f"History in, {name}: an hour of {TAGS:,} tags at 1 s, as fast as it goes")
    with engine(name) as url:
        bulk = bulk_sqlite(folder / "bulk.sqlite3") if name == "sqlite" else bulk_postgresql(url)
        orm = orm_rate(name, f"sqlite:///{folder / 'orm.sqlite3'}" if name == "sqlite" else url)
        storage = open_storage(url)
        storage.prepare()
        begun = time.perf_counter()
        past = fill(storage)
        line("there before", f"{past:,} samples in sealed hours, written in {time.perf_counter() - begun:.0f} s")
        taken = take_in(url, storage)
        found = storage.usage().samples - past
        storage.close()
    assert found == taken.rows, f"{taken.rows} rows were written, {found} are there: this run says nothing"
    line("rows", f"{taken.rows:,} of {TAGS * SECONDS:,} samples, all of them there afterwards")
    rate, at_most = taken.rows / taken.wrote_s, taken.rows / taken.cpu_s
    for what, found_rate in (
        ("recorded and written, packing beside it", rate),
        ("one core of ours, sealing too", at_most),
    ):
        word = "held" if found_rate >= TO_HOLD[name] else "NOT HELD"
        line(what, f"{found_rate:,.0f} a second", f">= {TO_HOLD[name]:,}: {word}")
    line("until the hour is sealed, at its leisure", f"{taken.sealed_s:.0f} s; the rows took {taken.wrote_s:.0f} s")
    line("the engine's bulk loading alone", f"{bulk:,.0f} rows a second (ratio {rate / bulk:.2f})")
    line("the ORM, a row at a time", f"{orm:,.0f} rows a second (ratio {rate / orm:.0f})")


if __name__ == "__main__":
    django.setup()
    arguments = argparse.ArgumentParser()
    arguments.add_argument("engine", nargs="?", choices=list(TO_HOLD))
    wanted = arguments.parse_args().engine
    for each in [wanted] if wanted else TO_HOLD:
        case(each)
