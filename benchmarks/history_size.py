"""Bytes a sample of history by kind of signal, and what packing and sealing costs.

    python -m benchmarks.history_size [--series 200]

One hour of samples at 1 s. First the codec alone, a chunk an hour, beside zlib -9 of the same columns and rows in a
table of the hot table's kind. Then a plant of 200 series through a real storage on SQLite: the recorder's writing in
portions, a change of turns each 30 s (as 10,000 samples a second have it), packing, sealing; the file at the end.
"""

import argparse
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import line, title, verdict
from historian import chunks, minutes
from historian.samples import Row, Samples
from historian.sealing import MINUTE_MS, Housekeeper
from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS
from historian.storage.sqlite import SqliteStorage
from historian.summary import summarise

COUNT: Final = 3600
T0: Final = 1_790_000_000_000 // HOUR_MS * HOUR_MS
TURN_S: Final = 30
LOOPS: Final = 20
Floats = NDArray[np.float64]
Chance = np.random.Generator


def _walk(chance: Chance, step: float) -> Floats:
    """What a process value does: it wanders, and the instrument adds noise."""
    n = np.arange(COUNT)
    slow = np.cumsum(chance.normal(0, step, COUNT)) * 0.2 + 10 * step * np.sin(n / 600)
    return 50 + slow + chance.normal(0, step, COUNT)


def _states(chance: Chance) -> Floats:
    lengths = chance.integers(20, 400, COUNT // 20)
    return np.repeat(chance.integers(0, 5, len(lengths)), lengths)[:COUNT].astype(np.float64)


def _raw(chance: Chance) -> Floats:
    """Counts of a 4-20 mA input of 27,648 steps."""
    return np.rint(_walk(chance, 0.2) * 276.48)


SIGNALS: Final[dict[str, tuple[float, Callable[[Chance], Floats]]]] = {
    "analogue, one decimal, noisy": (0.20, lambda c: np.rint(_walk(c, 0.3) * 10) / 10),
    "analogue, two decimals, noisy": (0.15, lambda c: np.rint(_walk(c, 0.2) * 100) / 100),
    "int16 x 0.1": (0.15, lambda c: np.rint(_walk(c, 0.4) * 10) * 0.1),
    "4-20 mA, 27,648 steps, as a range": (0.10, lambda c: _raw(c) * (120 / 27648) - 20.0),
    "float32 of an instrument": (0.10, lambda c: _walk(c, 0.2).astype(np.float32).astype(np.float64)),
    "counter": (0.10, lambda c: 1e6 + np.cumsum(c.integers(0, 9, COUNT)).astype(np.float64)),
    "states": (0.10, _states),
    "setpoint": (0.10, lambda c: np.where(np.arange(COUNT) < c.integers(1, COUNT), 21.5, 22.0)),
}
"""Share of the tags of a typical plant, and an hour of values."""
ALONE: Final[dict[str, Callable[[Chance], Floats]]] = {
    "float64 noise (nothing is measured so)": lambda c: _walk(c, 0.2)
}


def hour_of(numbers: Floats, chance: Chance) -> Samples:
    times = T0 + 1000 * np.arange(COUNT, dtype=np.int64) + int(chance.integers(0, 1000))
    return Samples(times, numbers, np.zeros(COUNT, np.uint32), times + 4)


def took_ms(work: Callable[[Any], Any], on: object) -> float:
    began = time.process_time()
    for _ in range(LOOPS):
        work(on)
    return (time.process_time() - began) / LOOPS * 1000


def sql_row_bytes(samples: Samples) -> float:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "rows.sqlite3")
        connection.execute(
            "CREATE TABLE sample (series INTEGER, source_ms INTEGER, number REAL, status INTEGER, server_ms INTEGER,"
            " PRIMARY KEY (source_ms, series)) WITHOUT ROWID"
        )
        rows = zip(samples.times.tolist(), samples.numbers.tolist(), samples.server_ms.tolist(), strict=True)
        values = [(n, ms, number, 0, server_ms) for ms, number, server_ms in rows for n in range(10_000, 10_010)]
        connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?)", values)
        connection.commit()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size: int = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.close()
    return float(pages * size / len(values))


def by_kind() -> None:
    title("History: bytes a sample by kind of signal, an hour at 1 s")
    share, worst_encode, worst_decode = 0.0, 0.0, 0.0
    for name, (part, make) in (SIGNALS | {n: (0.0, m) for n, m in ALONE.items()}).items():
        chance = np.random.default_rng(11)
        samples = hour_of(make(chance), chance)
        encoded = chunks.encode(samples)
        fine = minutes.encode(summarise(samples, MINUTE_MS))
        encode_ms, decode_ms = took_ms(chunks.encode, samples), took_ms(chunks.decode, encoded)
        columns = (samples.times, samples.numbers, samples.statuses, samples.server_ms)
        raw = len(zlib.compress(b"".join(column.tobytes() for column in columns), 9))
        worst_encode, worst_decode = max(worst_encode, encode_ms), max(worst_decode, decode_ms)
        share += part * (len(encoded) + len(fine)) / COUNT
        line(
            name,
            f"{len(encoded) / COUNT:5.2f} B + minutes {len(fine) / COUNT:4.2f} B; zlib -9 {raw / COUNT:5.2f} B; "
            f"encode {encode_ms:4.2f} ms, decode {decode_ms:4.2f} ms",
        )
    line("a row of SQL (SQLite, by time and series)", f"{sql_row_bytes(samples):5.1f} B")
    verdict("typical plant, samples and minutes", share, 4, "B/sample")
    verdict("slowest to encode, 3,600 samples", worst_encode, 3, "ms CPU")
    verdict("slowest to decode, 3,600 samples", worst_decode, 0.5, "ms CPU")


def plant(size: int) -> list[Samples]:
    chance = np.random.default_rng(5)
    found: list[Samples] = []
    for part, make in SIGNALS.values():
        found += [hour_of(make(chance), chance) for _ in range(max(round(part * size), 1))]
    return found


def rows_of(hours: list[Samples], numbers: list[int], second: int) -> list[Row]:
    part = slice(second, second + TURN_S)
    return [
        (ms, series, number, None, 0, server_ms)
        for series, hour in zip(numbers, hours, strict=True)
        for ms, number, server_ms in zip(
            hour.times[part].tolist(), hour.numbers[part].tolist(), hour.server_ms[part].tolist(), strict=True
        )
    ]


def through_storage(size: int) -> None:
    hours = plant(size)
    title(f"History: {len(hours)} series of a typical plant, one hour at 1 s, through SQLite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite3"
        storage = SqliteStorage(path)
        storage.prepare()
        keys = {SeriesKey(f"tag-{n}", SeriesKind.NUMBER, ""): f"plant/{n}" for n in range(len(hours))}
        numbers = list(storage.add_series(keys).values())
        now_ms = T0
        wrote_s = packed_s = longest_s = 0.0
        for second in range(0, COUNT, TURN_S):
            rows = rows_of(hours, numbers, second)
            began = time.process_time()
            storage.write(rows, None)
            wrote_s, began = wrote_s + time.process_time() - began, time.process_time()
            Housekeeper(storage, lambda: now_ms, dict).work(60)  # a new one turns at once
            packed_s += time.process_time() - began
        loose = path.stat().st_size
        keeper, now_ms, began = Housekeeper(storage, lambda: now_ms, dict), T0 + 2 * HOUR_MS, time.process_time()
        has_more = True
        while has_more:
            at = time.monotonic()
            has_more = keeper.work(0.25)
            longest_s = max(longest_s, time.monotonic() - at)
        sealed_s = time.process_time() - began
        samples = storage.usage().samples
        storage.close()
        connection = sqlite3.connect(path)
        connection.execute("VACUUM")
        connection.close()
        sealed = path.stat().st_size
    assert samples == len(hours) * COUNT, "samples are missing: no figure of this run means anything"
    line("file before the hour is sealed", f"{loose / samples:5.2f} B/sample")
    verdict("file after sealing, all tables", sealed / samples, 4, "B/sample")
    line("writing (as the recorder does)", f"{wrote_s / samples * 1e6:5.2f} us CPU a sample")
    line(
        "packing what rests",
        f"{packed_s / samples * 1e6:5.2f} us CPU a sample: {packed_s / samples * 1e6:.1f} % of a core at 10,000/s",
    )
    line(
        "sealing the hour",
        f"{sealed_s / samples * 1e6:5.2f} us CPU a sample: {sealed_s / samples * 1e6:.1f} % of a core at 10,000/s",
    )
    line("longest go of a quarter of a second", f"{longest_s:5.2f} s")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--series", type=int, default=200)
    wanted = arguments.parse_args()
    by_kind()
    through_storage(wanted.series)
