"""Rows, chunks and summaries for tests of storages."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from historian import chunks as codec
from historian.samples import Row, Samples, of_rows
from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Chunk, Memory, Sealed, Storage
from historian.summary import FIELDS, Summaries

T0: Final = 1_790_000_000_000 // HOUR_MS * HOUR_MS
"""2026-09-21, the beginning of an hour."""
MEMORY: Final = Memory(3, "17-1", {"poller:1": 9}, b"\x00\xffstate")


def a_series(storage: Storage, *names: str, kind: SeriesKind = SeriesKind.NUMBER) -> list[int]:
    keys = {SeriesKey(f"uuid-{name}", kind, "m"): f"plant/{name}" for name in names}
    return list(storage.add_series(keys).values())


def row(series: int, ms: int, number: float | None = 1.0, exact: str | None = None, status: int = 0) -> Row:
    return (ms, series, number, exact, status, ms + 40)


def packed(rows: Sequence[Row]) -> list[Chunk]:
    """As the sealer makes them of rows: one a series and hour."""
    parts: dict[tuple[int, int], list[Row]] = {}
    for each in rows:
        parts.setdefault((each[1], each[0] // HOUR_MS * HOUR_MS), []).append(each)
    return [a_chunk(series, hour, of_rows(part)) for (series, hour), part in parts.items()]


def a_chunk(series: int, hour_ms: int, samples: Samples) -> Chunk:
    first, last = int(samples.times[0]), int(samples.times[-1])
    return Chunk(series, hour_ms, 0, len(samples), first, last, codec.encode(samples))


def a_summary(start_ms: int, samples: Samples) -> Summaries:
    """What these tests look at of a summary; that summaries are right is tested where they are made."""
    rows = np.zeros(1, FIELDS)
    rows["start_ms"], rows["count"], rows["good"] = start_ms, len(samples), len(samples)
    for name, at in (("first", 0), ("last", -1)):
        rows[f"{name}_ms"], rows[name], rows[f"{name}_status"] = (
            samples.times[at],
            samples.numbers[at],
            samples.statuses[at],
        )
    rows["min"] = rows["max"] = rows["mean"] = np.nan
    return Summaries(rows)


def turned(storage: Storage) -> None:
    """The hot rows become chunks."""
    storage.turn()
    storage.chunked(packed([each for portion in storage.resting_rows() for each in portion]))


def merged(storage: Storage, *, with_minutes: bool = True) -> None:
    """Every hour with loose chunks is sealed."""
    storage.seal([sealed(storage, *key, with_minutes=with_minutes) for key in storage.unmerged_hours(2**61, 10_000)])


def sealed(storage: Storage, series: int, hour_ms: int, *, with_minutes: bool = True) -> Sealed:
    parts = storage.chunks(series, hour_ms)
    rows = [each for part in parts for each in rows_of(codec.decode(part.encoded), series)]
    samples = of_rows(rows)
    minutes = a_summary(int(samples.times[0]) // 60_000 * 60_000, samples) if with_minutes else None
    return Sealed(a_chunk(series, hour_ms, samples), parts[-1].no, a_summary(hour_ms, samples), minutes)


def rows_of(samples: Samples, series: int) -> list[Row]:
    return [
        (ms, series, None if np.isnan(number) else number, samples.exact.get(ms), status, server_ms)
        for ms, number, status, server_ms in zip(
            samples.times.tolist(), samples.numbers.tolist(), samples.statuses.tolist(), samples.server_ms.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def everything(storage: Storage, series: Sequence[int]) -> dict[int, list[Row]]:
    found: Mapping[int, Samples] = storage.read(series, 0, 2**61)
    return {number: rows_of(samples, number) for number, samples in found.items()}
