"""What is taken out of history, portion by portion: samples, interpolated values or aggregates as equal columns.

A value whose status is Bad must not be used (UA-02), so it does not leave: its row does, with the status.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from historian.aggregate import BAD, Aggregate, Column, Options, Statuses, Table
from historian.intervals import QueryRefused
from historian.pen import Pen
from historian.pieces import Floats, Ints
from historian.query import Query
from historian.samples import Samples
from historian.series import SeriesKind
from historian.storage.base import HOUR_MS

_AT_ONCE_MS: Final = 7 * 24 * HOUR_MS
"""Aggregates are reckoned for so long a time at once, so that a long one needs no more memory than a short one."""
_UNITS: Final[Mapping[Aggregate, str]] = {
    Aggregate.COUNT: "", Aggregate.NUMBER_OF_TRANSITIONS: "", Aggregate.DURATION_GOOD: "ms",
    Aggregate.DURATION_BAD: "ms", Aggregate.PERCENT_GOOD: "%", Aggregate.PERCENT_BAD: "%",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One series of a tag. `path`: that of the tag now. `series` None: nothing was recorded of it yet."""

    path: str
    uuid: str
    kind: SeriesKind
    unit: str
    series: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of one source. `numbers`: NaN where there is none, or none that may be used. `exact`: place -> text or
    decimal digits of what a float64 cannot say. Of aggregates also which one, and the interval of each row."""

    source: Source
    unit: str
    times: Ints
    numbers: Floats
    statuses: Statuses
    exact: Mapping[int, str] = field(default_factory=dict)
    aggregate: str = ""
    starts: Ints | None = None
    ends: Ints | None = None

    def __len__(self) -> int:
        return len(self.times)

    def values(self) -> list[float | str | None]:
        """Numbers; texts and whole numbers beyond 2^53 as text; None where there is nothing that may be used."""
        found: list[float | str | None] = self.numbers.tolist()
        for place in np.flatnonzero(np.isnan(self.numbers)).tolist():
            found[place] = None
        for place, text in self.exact.items():
            found[place] = text
        return found


def of_samples(source: Source, samples: Samples) -> Batch:
    is_bad = samples.statuses >= BAD
    exact = {}
    if samples.exact:
        places = np.searchsorted(samples.times, np.fromiter(samples.exact, np.int64)).tolist()
        pairs = zip(places, samples.exact.values(), strict=True)
        exact = {place: readable(text) for place, text in pairs if not is_bad[place]}
    return Batch(source, source.unit, samples.times, np.where(is_bad, np.nan, samples.numbers), samples.statuses, exact)


def first(batch: Batch, count: int) -> Batch:
    """Its first samples."""
    return replace(
        batch,
        times=batch.times[:count],
        numbers=batch.numbers[:count],
        statuses=batch.statuses[:count],
        exact={place: text for place, text in batch.exact.items() if place < count},
    )


def readable(text: str) -> str:
    """Half characters, which no file in UTF-8 can hold, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def raw(query: Query, sources: Sequence[Source], from_ms: int, to_ms: int) -> Iterator[Batch]:
    """All samples as they are stored, source by source, each in order of time."""
    for source in sources:
        for samples in query.stream(source.series, from_ms, to_ms):
            yield of_samples(source, samples)


def interpolated(query: Query, sources: Sequence[tuple[Source, Pen]], edges: Ints, options: Options) -> Iterator[Batch]:
    """The value at the beginning of each interval."""
    for source, pen in sources:
        for table in tables(query, pen, [Aggregate.INTERPOLATIVE], edges, options):
            yield of_column(source, Aggregate.INTERPOLATIVE, table, interpolated=True)


def aggregated(
    query: Query, sources: Sequence[tuple[Source, Pen]], kinds: Collection[Aggregate], edges: Ints, options: Options
) -> Iterator[Batch]:
    for source, pen in sources:
        for table in tables(query, pen, kinds, edges, options):
            for kind in kinds:
                yield of_column(source, kind, table)


def of_column(source: Source, kind: Aggregate, table: Table, *, interpolated: bool = False) -> Batch:
    column: Column = table.columns[kind]
    is_bad = column.statuses >= BAD
    has_number = np.isfinite(column.values) & ~is_bad
    return Batch(
        source,
        _UNITS.get(kind, source.unit),
        column.times,
        np.where(has_number, column.values, np.nan),
        column.statuses,
        {place: readable(text) for place, text in column.exact.items() if not is_bad[place]},
        "" if interpolated else kind.value,
        None if interpolated else table.starts,
        None if interpolated else table.edges[1:],
    )


def tables(query: Query, pen: Pen, kinds: Collection[Aggregate], edges: Ints, options: Options) -> Iterator[Table]:
    """The same as one table of all edges would be, in parts that fit into memory."""
    for part in _parts(edges):
        yield from _reckoned(query, pen, kinds, part, options)


def _reckoned(query: Query, pen: Pen, kinds: Collection[Aggregate], edges: Ints, options: Options) -> Iterator[Table]:
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the end of float64: of_column
            table = query.aggregate(pen, kinds, int(edges[0]), int(edges[-1]), edges, options)
    except QueryRefused:
        if len(edges) < _FEWEST_TO_SPLIT:
            raise
        middle = len(edges) // 2
        yield from _reckoned(query, pen, kinds, edges[: middle + 1], options)
        yield from _reckoned(query, pen, kinds, edges[middle:], options)
    else:
        yield table


_FEWEST_TO_SPLIT: Final = 5
"""Edges: two intervals stay on each side. A part of a single one would hide from the query that its neighbour needs the
same hour, where only hours are left (Query.aggregate refuses what cannot be told apart)."""


def _parts(edges: Ints) -> Iterator[Ints]:
    begin, last = 0, len(edges) - 1
    while begin < last:
        end = int(np.searchsorted(edges, edges[begin] + _AT_ONCE_MS, side="right")) - 1
        end = min(max(end, begin + 2), last)
        end = last if last - end == 1 else end
        yield edges[begin : end + 1]
        begin = end
