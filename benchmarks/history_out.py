"""How fast history is drawn: 8 pens over 24 h of samples at 1 s, and over a year of samples at 10 s.

    python -m benchmarks.history_out [day|year]

The tables are the real ones on SQLite; past hours are written sealed, as the historian leaves them, the last one stands
open. Each question is asked on a connection of its own. Compared in the same run: the same samples as rows of a table
with an index by (series, time), all read by SQL and handed to numpy.
"""

import argparse
import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.report import line, title, verdict
from historian import chunks, summary
from historian.aggregate import Aggregate
from historian.intervals import Every, intervals
from historian.levels import MINUTE_MS
from historian.query import Line, Pen, Query
from historian.samples import Samples
from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Chunk, Sealed, Storage
from historian.storage.opening import open_storage

PENS: Final = 8
POINTS: Final = 2000
ROUNDS: Final = 7
MINUTES_FROM: Final = 1000
"""Samples an hour from which on the historian keeps minutes of it."""
BEGIN_MS: Final = 1_767_225_600_000
DAY_MS: Final = 24 * HOUR_MS


def samples_of(pen: int, begin: int, end: int, step_ms: int) -> Samples:
    """A level that sways, with noise of a 12-bit converter and one spike a week."""
    times = np.arange(begin, end, step_ms, dtype=np.int64)
    chance = np.random.default_rng([pen, begin // HOUR_MS])
    numbers = 50 + 30 * np.sin(times / 3e7 + pen) + chance.normal(0, 0.2, len(times))
    numbers = np.round(numbers * 40.95) / 40.95
    numbers[times % (7 * DAY_MS) == 3 * DAY_MS] = 1000 + pen
    return Samples(times, numbers, np.zeros(len(times), np.uint32), times + 3)


def sealed_hour(series: int, samples: Samples) -> Sealed:
    hour = int(samples.times[0]) // HOUR_MS * HOUR_MS
    last = int(samples.times[-1])
    chunk = Chunk(series, hour, 1, len(samples), int(samples.times[0]), last, chunks.encode(samples))
    minutes = summary.summarise(samples, MINUTE_MS) if len(samples) > MINUTES_FROM else None
    return Sealed(chunk, 0, summary.summarise(samples, HOUR_MS), minutes)


def fill(storage: Storage, length_ms: int, step_ms: int) -> list[int]:
    """The numbers of the series. All hours but the last are sealed."""
    keys = [SeriesKey(f"00000000-0000-4000-8000-{n:012d}", SeriesKind.NUMBER, "m") for n in range(PENS)]
    numbers = storage.add_series({key: f"works/level{n}" for n, key in enumerate(keys)})
    series = [numbers[key] for key in keys]
    open_ms = BEGIN_MS + length_ms - HOUR_MS
    for pen, one in enumerate(series):
        some = []
        for hour in range(BEGIN_MS - HOUR_MS, open_ms, HOUR_MS):
            some.append(sealed_hour(one, samples_of(pen, hour, hour + HOUR_MS, step_ms)))
            if len(some) == 500 or hour + HOUR_MS == open_ms:
                storage.seal(some)
                some = []
        hot = samples_of(pen, open_ms, open_ms + HOUR_MS, step_ms)
        rows = zip(hot.times.tolist(), hot.numbers.tolist(), strict=True)
        storage.write([(ms, one, number, None, 0, ms + 3) for ms, number in rows], None)
    return series


def as_rows(path: Path, pens: int, length_ms: int, step_ms: int) -> sqlite3.Connection:
    rows = sqlite3.connect(path)
    rows.execute("PRAGMA synchronous = OFF")
    rows.execute(
        "CREATE TABLE sample (series INT, ms INT, value REAL, status INT, PRIMARY KEY (series, ms)) WITHOUT ROWID"
    )
    for pen in range(pens):
        for hour in range(BEGIN_MS, BEGIN_MS + length_ms, HOUR_MS):
            part = samples_of(pen, hour, hour + HOUR_MS, step_ms)
            values = (
                (pen, ms, number, 0) for ms, number in zip(part.times.tolist(), part.numbers.tolist(), strict=True)
            )
            rows.executemany("INSERT INTO sample VALUES (?, ?, ?, ?)", values)
    rows.commit()
    return rows


def read_rows(rows: sqlite3.Connection, pens: int, length_ms: int) -> int:
    asked = "SELECT ms, value, status FROM sample WHERE series = ? AND ms >= ? AND ms < ?"
    span = (BEGIN_MS, BEGIN_MS + length_ms)
    return sum(len(np.array(rows.execute(asked, (pen, *span)).fetchall())) for pen in range(pens))


def measured_ms(ask: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Median and longest, and the median of processor time: what it takes on a machine that has nothing else to do."""
    took, busy = [], []
    for _ in range(rounds):
        begun, used = time.perf_counter(), time.process_time()
        ask()
        took.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - used) * 1000)
    return statistics.median(took), max(took), statistics.median(busy)


def case(name: str, length_ms: int, step_ms: int, limit_ms: float, row_pens: int) -> None:
    folder = Path(os.environ["DATA_DIR"])
    url = f"sqlite:///{folder / f'{name}.sqlite3'}"
    begun = time.perf_counter()
    storage = open_storage(url)
    storage.prepare()
    series = fill(storage, length_ms, step_ms)
    storage.close()
    count = PENS * length_ms // step_ms
    line("samples written, sealed by the hour", f"{count:,} in {time.perf_counter() - begun:.0f} s")
    pens = [Pen(one) for one in series]
    end_ms = BEGIN_MS + length_ms

    def ask() -> list[Line]:
        reader = open_storage(url, read_only=True)
        try:
            return Query(reader).plot(pens, BEGIN_MS, end_ms, POINTS)
        finally:
            reader.close()

    lines = ask()
    most, levels = max(len(one.times) for one in lines), {one.level for one in lines}
    drawn = extremes_drawn(lines[-1], end_ms)
    if drawn != extremes_of(PENS - 1, end_ms, step_ms) or most > POINTS:
        raise SystemExit(f"the line is wrong: from {drawn[0]} to {drawn[1]}, {most} points")
    median, longest, busy = measured_ms(ask)
    verdict(f"{PENS} pens drawn, median of {ROUNDS}", median, limit_ms, "ms")
    line("  of it processor time; longest", f"{busy:.0f} ms; {longest:.0f} ms")
    line("  points a pen", f"{most:,} at most, of {', '.join(sorted(levels))}")
    averages(url, pens, end_ms, "1d" if length_ms > DAY_MS else "15min")
    rows = as_rows(folder / f"{name}-rows.sqlite3", row_pens, length_ms, step_ms)
    plain, _, _ = measured_ms(lambda: read_rows(rows, row_pens, length_ms), 3)
    rows.close()
    line(f"plain SQL, all rows of {row_pens} of the pens", f"{plain:,.0f} ms")


def extremes_drawn(drawn: Line, end_ms: int) -> tuple[float, float]:
    inside = drawn.values[(drawn.times >= BEGIN_MS) & (drawn.times < end_ms)]
    return float(np.nanmin(inside)), float(np.nanmax(inside))


def extremes_of(pen: int, end_ms: int, step_ms: int) -> tuple[float, float]:
    hours = [samples_of(pen, at, at + HOUR_MS, step_ms).numbers for at in range(BEGIN_MS, end_ms, HOUR_MS)]
    return float(min(h.min() for h in hours)), float(max(h.max() for h in hours))


def averages(url: str, pens: list[Pen], end_ms: int, every: str) -> None:
    edges = intervals(BEGIN_MS, end_ms, Every.of(every), ZoneInfo("UTC"))
    kinds = [Aggregate.TIME_AVERAGE, Aggregate.MINIMUM, Aggregate.MAXIMUM, Aggregate.PERCENT_GOOD]

    def ask() -> None:
        reader = open_storage(url, read_only=True)
        for pen in pens:
            Query(reader).aggregate(pen, kinds, BEGIN_MS, end_ms, edges)
        reader.close()

    median, longest, _ = measured_ms(ask, 3)
    line(
        f"{len(kinds)} aggregates of {PENS} pens, {len(edges) - 1} x {every}",
        f"{median:.0f} ms, longest {longest:.0f} ms",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=["day", "year", []], default=[])
    wanted = parser.parse_args().cases or ["day", "year"]
    if "day" in wanted:
        title("history out: 24 h of samples at 1 s")
        case("day", DAY_MS, 1000, 100.0, PENS)
    if "year" in wanted:
        title("history out: a year of samples at 10 s")
        case("year", 365 * DAY_MS, 10_000, 300.0, 1)


if __name__ == "__main__":
    main()
