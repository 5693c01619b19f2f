"""Portions as CSV for people and spreadsheets: UTF-8 with a mark, the zone in the header, its offset in each time."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from bus.quality import severity
from historian.export.batches import Batch
from historian.export.stamps import stamps
from historian.series import SeriesKind

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(batches: Iterable[Batch], zone: ZoneInfo, *, of_aggregates: bool = False) -> Iterator[bytes]:
    times = ["interval_from", "interval_to", "time"] if of_aggregates else ["time"]
    header = ["path", *(["aggregate"] if of_aggregates else []), *(f"{name} ({zone.key})" for name in times)]
    yield b"\xef\xbb\xbf" + _written([[*header, "value", "unit", "status", "quality"]])
    for batch in batches:
        yield _written(zip(*_columns(batch, zone), strict=True))


def _columns(batch: Batch, zone: ZoneInfo) -> Iterator[list[object]]:
    size = len(batch)
    yield [cell(batch.source.path)] * size
    if batch.starts is not None and batch.ends is not None:
        yield [batch.aggregate] * size
        yield list(stamps(batch.starts, zone))
        yield list(stamps(batch.ends, zone))
    yield list(stamps(batch.times, zone))
    is_text = batch.source.kind is SeriesKind.TEXT
    yield [cell(value) if is_text and isinstance(value, str) else value for value in batch.values()]
    yield [cell(batch.unit)] * size
    codes, which = np.unique(batch.statuses, return_inverse=True)
    words = codes.tolist()
    yield np.array([f"0x{code:08X}" for code in words], dtype=object)[which].tolist()
    yield np.array([severity(code).name.lower() for code in words], dtype=object)[which].tolist()


def cell(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _written(rows: Iterable[Iterable[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
