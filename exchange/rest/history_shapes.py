"""What REST answers about history carry. The names are a contract with programs outside: docs/api.md."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import numpy as np
from ninja import Schema
from pydantic import Field

from exchange.rest.shapes import Time, iso
from exchange.rest.statuses import Word, word_of
from historian.export.batches import Batch, Source

Mode = Literal["raw", "interpolated", "aggregate"]
Level = Literal["samples", "minutes", "hours"]
LEVELS: Final[tuple[Level, ...]] = ("samples", "minutes", "hours")
Value = Annotated[
    float | str | None,
    Field(description="Texts, and integers beyond 2^53, as text; booleans are 0 and 1; null: none that can be used."),
]


class SampleOut(Schema):
    ts: Annotated[Time, Field(description="When the value was taken")]
    value: Value
    status: Annotated[int, Field(description="OPC UA status code, uint32", ge=0, le=0xFFFFFFFF)]
    quality: Annotated[Word, Field(description="Severity of the status")]


class AggregateOut(SampleOut):
    unit: Annotated[str, Field(description="Of durations ms, of percentages %; of counts none")]


class IntervalOut(Schema):
    begin: Annotated[Time, Field(serialization_alias="from")]
    end: Annotated[Time, Field(serialization_alias="to", description="Does not belong to it")]
    values: Annotated[dict[str, AggregateOut], Field(description="By name of the aggregate")]


class SeriesOut(Schema):
    path: Annotated[str, Field(description="Path of the tag now")]
    uuid: str
    kind: Literal["number", "state", "text"]
    unit: Annotated[str, Field(description="Of these samples; a tag whose unit was changed has one series for each")]
    level: Annotated[Level | None, Field(description="The coarsest of what was reckoned from; null: nothing was")]
    samples: Annotated[list[SampleOut] | None, Field(description="null in the mode aggregate")]
    intervals: Annotated[list[IntervalOut] | None, Field(description="null in the other modes")]


class HistoryOut(Schema):
    begin: Annotated[Time, Field(serialization_alias="from")]
    end: Annotated[Time, Field(serialization_alias="to", description="Does not belong to it")]
    zone: Annotated[str, Field(description="In which days, weeks, months and years are counted")]
    mode: Mode
    interval: Annotated[str | None, Field(description="As it was asked for")]
    series: list[SeriesOut]
    next: Annotated[str | None, Field(description="Give it as `cursor` for what follows; null: the end.")]
    at: Annotated[Time, Field(description="When this answer was made")]


def series_out(
    source: Source, level: Level | None, samples: list[SampleOut] | None, intervals: list[IntervalOut] | None
) -> SeriesOut:
    return SeriesOut(
        path=source.path, uuid=source.uuid, kind=source.kind.value, unit=source.unit, level=level, samples=samples,
        intervals=intervals,
    )  # fmt: skip


def samples_out(batch: Batch) -> list[SampleOut]:
    rows = zip(batch.times.tolist(), batch.values(), batch.statuses.tolist(), strict=True)
    return [SampleOut(ts=iso(ms), value=v, status=status, quality=word_of(status)) for ms, v, status in rows]


def intervals_out(batches: list[Batch]) -> list[IntervalOut]:
    """Of batches that are about the same intervals, one an aggregate."""
    starts, ends = batches[0].starts, batches[0].ends
    assert starts is not None
    assert ends is not None
    columns = [list(_cells(batch)) for batch in batches]
    return [
        IntervalOut(
            begin=iso(begin),
            end=iso(end),
            values={batch.aggregate: cells[n] for batch, cells in zip(batches, columns, strict=True)},
        )
        for n, (begin, end) in enumerate(np.stack([starts, ends], axis=1).tolist())
    ]


def _cells(batch: Batch) -> Iterator[AggregateOut]:
    rows = zip(batch.times.tolist(), batch.values(), batch.statuses.tolist(), strict=True)
    for ms, value, status in rows:
        yield AggregateOut(ts=iso(ms), value=value, status=status, quality=word_of(status), unit=batch.unit)
