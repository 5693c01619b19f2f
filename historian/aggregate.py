"""Aggregates of a series over intervals (HIS-04 … HIS-07): OPC UA Part 13, computed of pieces. Pure; vectorised.

Where this differs from Part 13, in favour of gaps that stay gaps (HIS-07): all bounds are simple ones (3.1.9), so
nothing is interpolated across a sample that may not be used; a line whose right end may not be used is held from the
left one. TimeAverage goes along the straight line between samples, TimeAverage2 holds the former value; of a stepped
series both hold.

After the last sample its value holds up to the end of the data (Part 13's SteppedExtrapolation, never sloped); where
that lies is said by the caller. Beyond it there is nothing: Bad_NoData.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.quality import SEVERITY_MASK
from historian.intervals import QueryRefused
from historian.pieces import Bools, Floats, Ints, Pieces
from historian.samples import EXACT_UP_TO
from historian.series import SeriesKind

Statuses = NDArray[np.uint32]

GOOD: Final = 0
BAD: Final = 0x80000000
BAD_NO_DATA: Final = 0x809B0000
UNCERTAIN_DATA_SUBNORMAL: Final = 0x40A40000
AGGREGATE_BITS: Final = 0x0400
"""Part 4, 7.39: the info bits below say where a value is from."""
RAW: Final = AGGREGATE_BITS
CALCULATED: Final = AGGREGATE_BITS | 0x01
INTERPOLATED: Final = AGGREGATE_BITS | 0x02
PARTIAL: Final = 0x04


class Aggregate(StrEnum):
    INTERPOLATIVE = "Interpolative"
    TIME_AVERAGE = "TimeAverage"
    TIME_AVERAGE_2 = "TimeAverage2"
    AVERAGE = "Average"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"
    MINIMUM_ACTUAL_TIME = "MinimumActualTime"
    MAXIMUM_ACTUAL_TIME = "MaximumActualTime"
    RANGE = "Range"
    COUNT = "Count"
    START = "Start"
    END = "End"
    DELTA = "Delta"
    DURATION_GOOD = "DurationGood"
    DURATION_BAD = "DurationBad"
    PERCENT_GOOD = "PercentGood"
    PERCENT_BAD = "PercentBad"
    NUMBER_OF_TRANSITIONS = "NumberOfTransitions"
    STANDARD_DEVIATION = "StandardDeviationSample"


_DURATIONS: Final = {
    Aggregate.DURATION_GOOD, Aggregate.DURATION_BAD, Aggregate.PERCENT_GOOD, Aggregate.PERCENT_BAD,
}  # fmt: skip
OF_STATES: Final = _DURATIONS | {Aggregate.COUNT, Aggregate.START, Aggregate.END, Aggregate.NUMBER_OF_TRANSITIONS}
"""What can be asked of texts and states: nothing that reckons with the value."""


@dataclass(frozen=True, slots=True)
class Options:
    """Part 13, 4.2.1.2, with its defaults. Percentages of time or of samples, whatever the aggregate weighs by."""

    treat_uncertain_as_bad: bool = True
    percent_data_bad: int = 100
    percent_data_good: int = 100
    use_sloped_extrapolation: bool = False


DEFAULTS: Final = Options()


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One value an interval, NaN where there is none. `times`: the interval's start; of Start, End and the ActualTime
    aggregates when the sample was taken. Durations in ms. `exact`: place -> text or decimal digits."""

    values: Floats
    statuses: Statuses
    times: Ints
    exact: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`level`: the coarsest of samples, minutes and hours that it was computed of."""

    edges: Ints
    columns: Mapping[Aggregate, Column]
    level: str = "samples"

    @property
    def starts(self) -> Ints:
        return self.edges[:-1]


def refuse_nonsense(kinds: Collection[Aggregate], kind: SeriesKind, options: Options) -> None:
    """Raises QueryRefused."""
    if not kinds:
        raise QueryRefused(f"Name at least one aggregate. There are: {', '.join(Aggregate)}.")
    senseless = [k.value for k in kinds if k not in OF_STATES]
    if kind is not SeriesKind.NUMBER and senseless:
        what = "texts" if kind is SeriesKind.TEXT else "states"
        allowed = ", ".join(k.value for k in Aggregate if k in OF_STATES)
        raise QueryRefused(f"{', '.join(senseless)} means nothing for {what}. Of {what} one can ask: {allowed}.")
    if not (0 <= options.percent_data_bad <= 100 and 0 <= options.percent_data_good <= 100):
        raise QueryRefused("PercentDataBad and PercentDataGood must be from 0 to 100.")
    if options.percent_data_good < 100 - options.percent_data_bad:
        raise QueryRefused("PercentDataGood must be at least 100 - PercentDataBad, or a value is Good and Bad at once.")
    if options.use_sloped_extrapolation:
        raise QueryRefused("UseSlopedExtrapolation must be false: values after the last one are held, not continued.")


def aggregate(
    pieces: Pieces, edges: Ints, kinds: Collection[Aggregate], *, is_stepped: bool, ends_ms: int,
    options: Options = DEFAULTS,
) -> Table:  # fmt: skip
    """`pieces`: those within the intervals, with the sample before (and for NumberOfTransitions the last usable one
    before) and the one after. `ends_ms`: up to when the value of the last sample is known to hold."""
    of = _Intervals(pieces, edges, is_stepped, ends_ms, options)
    return Table(edges, {kind: _REGISTRY[kind](of, kind) for kind in kinds})


class _Intervals:
    """What the aggregates share, each a column with one row an interval."""

    def __init__(self, pieces: Pieces, edges: Ints, is_stepped: bool, ends_ms: int, options: Options) -> None:
        self.pieces, self.edges, self.is_stepped, self.options = pieces, edges, is_stepped, options
        self.starts, self.ends = edges[:-1], edges[1:]
        self.size = len(edges) - 1
        begin = int(pieces.first_ms[0]) if len(pieces) else 0
        self.data_end = max(ends_ms, int(pieces.last_ms[-1])) if len(pieces) else 0
        self.has_data = (
            (self.ends > begin) & (self.starts <= self.data_end) if len(pieces) else np.zeros(self.size, bool)
        )
        self.partial = self.has_data & ((self.starts < begin) | (self.ends > self.data_end))
        self.width = np.clip(np.minimum(self.ends, self.data_end) - self.starts, 0, None)
        self.low = np.searchsorted(pieces.first_ms, self.starts)
        self.high = np.searchsorted(pieces.first_ms, self.ends)
        """Pieces [low, high) lie in the interval."""
        inner = np.searchsorted(edges, pieces.first_ms, side="right") - 1
        self.inside = (pieces.first_ms >= edges[0]) & (pieces.first_ms < edges[-1])
        self.of_piece = inner[self.inside]
        self.count = self.total(pieces.count)
        self.good = self.total(pieces.good)
        self.has_doubt = self.total((pieces.good < pieces.count) | ~_is_good(pieces.first_status)) > 0
        self._areas: tuple[Floats, Floats, Floats] | None = None

    def total(self, column: Floats | Ints | Bools) -> Floats:
        """Of what lies within pieces."""
        return _sums(self.of_piece, np.nan_to_num(column[self.inside].astype(np.float64)), self.size)

    def areas(self) -> tuple[Floats, Floats, Floats]:
        """Good ms, stepped and sloped area (value x ms) of each interval: within pieces, and of the segments between
        them, cut at the edges. The line to a sample that may not be used is held (HIS-07)."""
        if self._areas is None:
            p = self.pieces
            good, stepped, sloped = self._segments()
            self._areas = (
                good + self.total(p.good_ms), stepped + self.total(p.area_stepped), sloped + self.total(p.area_sloped)
            )  # fmt: skip
        return self._areas

    def _segments(self) -> tuple[Floats, Floats, Floats]:
        p = self.pieces
        if not len(p):
            none = np.zeros(self.size)
            return none, none, none
        begins = p.last_ms
        ends = np.append(p.first_ms[1:], self.data_end)
        rises = np.append(p.first_ok[1:], False) & p.last_ok
        delta = np.where(rises, np.append(p.first[1:], np.nan) - p.last, 0.0)
        slope = np.divide(delta, ends - begins, out=np.zeros(len(p)), where=rises & (ends > begins))
        cuts = self.edges[(self.edges > begins[0]) & (self.edges < self.data_end)]
        since = np.sort(np.concatenate([begins, cuts]), kind="stable")
        segment = np.searchsorted(begins, since, side="right") - 1
        until = np.minimum(np.append(since[1:], self.data_end), ends[segment])
        row = np.searchsorted(self.edges, since, side="right") - 1
        used = (until > since) & (row >= 0) & (row < self.size) & p.last_ok[segment]
        since, until, segment, row = since[used], until[used], segment[used], row[used]
        length = (until - since).astype(np.float64)
        held = p.last[segment]
        middle = (since - begins[segment]) + length / 2
        by = [length, held * length, (held + slope[segment] * middle) * length]
        good, stepped, sloped = (_sums(row, weights, self.size) for weights in by)
        return good, stepped, sloped

    def share_good(self, *, by_time: bool) -> Floats:
        """Part 13, 5.4.3.2.1: of time or of samples, 0 … 1; 1 where there is nothing to share."""
        part, whole = (self.areas()[0], self.width) if by_time else (self.good, self.count)
        return np.divide(part, whole, out=np.ones(self.size), where=whole > 0)

    def rated(self, share: Floats) -> Statuses:
        """The status that follows from the share of good (5.4.3.2.1)."""
        good_pct, bad_pct = 100 * share, 100 - 100 * share
        is_bad = (bad_pct > 0) & (bad_pct >= self.options.percent_data_bad)
        is_good = good_pct >= self.options.percent_data_good
        return np.where(is_bad, BAD, np.where(is_good, GOOD, UNCERTAIN_DATA_SUBNORMAL)).astype(np.uint32)

    def column(
        self, values: Floats, statuses: Statuses, bits: int | Statuses = CALCULATED, *, there: Bools | None = None,
        times: Ints | None = None, exact: Mapping[int, str] | None = None,
    ) -> Column:  # fmt: skip
        """`there`: where there is something to compute of. Elsewhere, and where there is no data, Bad_NoData."""
        there = self.has_data if there is None else there & self.has_data
        own = np.where(there, statuses, BAD_NO_DATA).astype(np.uint32)
        coded: Statuses = own | np.asarray(bits, np.uint32) | np.where(self.partial, PARTIAL, 0).astype(np.uint32)
        return Column(
            np.where(there, values, np.nan), coded,
            self.starts if times is None else np.where(there, times, self.starts),
            {place: text for place, text in (exact or {}).items() if there[place]},
        )  # fmt: skip

    def without_bad(self, column: Column) -> Column:
        """A value whose status is Bad shall never be used (Part 4, 7.39.1): it is not given."""
        is_bad = column.statuses & SEVERITY_MASK >= BAD
        return Column(np.where(is_bad, np.nan, column.values), column.statuses, column.times, column.exact)

    def exact_at(self, times: Ints) -> dict[int, str]:
        if not self.pieces.exact:
            return {}
        return {n: text for n, ms in enumerate(times.tolist()) if (text := self.pieces.exact.get(ms)) is not None}


def _sums(rows: Ints, weights: Floats, size: int) -> Floats:
    return np.bincount(rows, weights, size).astype(np.float64)


def _interpolative(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.4, with simple bounds: the value at the start of the interval."""
    p = of.pieces
    if not len(p):
        return of.column(np.full(of.size, np.nan), np.zeros(of.size, np.uint32), INTERPOLATED)
    left = np.searchsorted(p.first_ms, of.starts, side="right") - 1
    begun = left >= 0
    left = np.maximum(left, 0)
    is_raw = p.first_ms[left] == of.starts
    right = np.minimum(left + 1, len(p) - 1)
    ok = begun & np.where(is_raw, p.first_ok[left], p.last_ok[left])
    rises = ok & ~is_raw & (right > left) & p.first_ok[right] & (not of.is_stepped)
    ran = np.divide(
        of.starts - p.last_ms[left], p.first_ms[right] - p.last_ms[left], out=np.zeros(of.size), where=rises
    )
    held = np.where(is_raw, p.first[left], p.last[left])
    values = held + np.where(rises, ran * (p.first[right] - held), 0.0)
    is_good = _is_good(np.where(is_raw, p.first_status[left], p.last_status[left]))
    doubt = ~is_good | (~is_raw & ~of.is_stepped & (right > left) & ~_is_good(p.first_status[right]))
    statuses = np.where(doubt, UNCERTAIN_DATA_SUBNORMAL, GOOD).astype(np.uint32)
    return of.column(values, statuses, np.where(is_raw, RAW, INTERPOLATED).astype(np.uint32), there=ok)


def _is_good(statuses: Statuses) -> Bools:
    good: Bools = statuses & SEVERITY_MASK == 0
    return good


def _time_average(of: _Intervals, kind: Aggregate) -> Column:
    """5.4.3.6, 5.4.3.7: area over good time (HIS-04: a plain mean would weigh by how often a sample was stored)."""
    good_ms, stepped, sloped = of.areas()
    area = stepped if of.is_stepped or kind is Aggregate.TIME_AVERAGE_2 else sloped
    values = np.divide(area, good_ms, out=np.full(of.size, np.nan), where=good_ms > 0)
    return of.without_bad(of.column(values, of.rated(of.share_good(by_time=True)), there=good_ms > 0))


def _average(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.5: sum of Good samples by their number."""
    values, _m2 = _mean_and_m2(of)
    return of.without_bad(of.column(values, of.rated(of.share_good(by_time=False)), there=of.good > 0))


def _mean_and_m2(of: _Intervals) -> tuple[Floats, Floats]:
    p = of.pieces
    mean = np.divide(of.total(p.good * p.mean), of.good, out=np.full(of.size, np.nan), where=of.good > 0)
    apart = np.zeros(len(p))
    apart[of.inside] = p.mean[of.inside] - mean[of.of_piece]
    return mean, of.total(p.m2 + p.good * apart**2)


def _standard_deviation(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.37: of Good samples as of a sample, by n - 1; 0 of a single one."""
    _mean, m2 = _mean_and_m2(of)
    values = np.sqrt(m2 / np.maximum(of.good - 1, 1))
    return of.column(values, _doubt(of.has_doubt), there=of.good > 0)


def _doubt(where: Bools) -> Statuses:
    return np.where(where, UNCERTAIN_DATA_SUBNORMAL, GOOD).astype(np.uint32)


def _extremes(of: _Intervals, *, is_max: bool) -> tuple[Floats, Ints]:
    """Value and time of the first smallest or largest usable sample."""
    p = of.pieces
    column, when = (p.max, p.max_ms) if is_max else (p.min, p.min_ms)
    usable = of.inside & (p.good > 0) & ~np.isnan(column)
    column, when = column[usable], when[usable]
    rows, begins = np.unique(of.edges.searchsorted(p.first_ms[usable], side="right") - 1, return_index=True)
    values, times = np.full(of.size, np.nan), of.starts.copy()
    if len(rows):
        best = (np.maximum if is_max else np.minimum).reduceat(column, begins)
        hits = np.flatnonzero(column == np.repeat(best, np.diff(np.append(begins, len(column)))))
        values[rows], times[rows] = best, when[hits[np.searchsorted(hits, begins)]]
    return values, times


def _extreme(of: _Intervals, kind: Aggregate) -> Column:
    """5.4.3.10 … 13: of usable samples in the interval; doubtful where others were left out."""
    values, times = _extremes(of, is_max=kind in (Aggregate.MAXIMUM, Aggregate.MAXIMUM_ACTUAL_TIME))
    says_when = kind in (Aggregate.MINIMUM_ACTUAL_TIME, Aggregate.MAXIMUM_ACTUAL_TIME)
    bits = np.where((of.good > 0) & (says_when | (times == of.starts)), RAW, CALCULATED).astype(np.uint32)
    return of.column(
        values, _doubt(of.has_doubt), bits, there=of.good > 0, times=times if says_when else None,
        exact=of.exact_at(times),
    )  # fmt: skip


def _range(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.14."""
    (low, low_ms), (high, high_ms) = _extremes(of, is_max=False), _extremes(of, is_max=True)
    values, exact = _difference(of, low, low_ms, high, high_ms)
    return of.column(values, _doubt(of.has_doubt), there=of.good > 0, exact=exact)


def _difference(
    of: _Intervals, first: Floats, first_ms: Ints, last: Floats, last_ms: Ints
) -> tuple[Floats, dict[int, str]]:
    """last - first; of counters beyond 2^53 to the last digit."""
    values, exact = last - first, {}
    from_exact, to_exact = of.exact_at(first_ms), of.exact_at(last_ms)
    for n in from_exact.keys() | to_exact.keys():
        ends = (to_exact.get(n, last[n]), from_exact.get(n, first[n]))
        if all(isinstance(end, str) or float(end).is_integer() for end in ends):
            whole = int(ends[0]) - int(ends[1])
            values[n] = float(whole)
            if abs(whole) > EXACT_UP_TO:
                exact[n] = str(whole)
    return values, exact


def _count(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.19: Good samples. None in an interval inside the data: 0, Good."""
    return of.without_bad(of.column(of.good, of.rated(of.share_good(by_time=False))))


def _raw_end(of: _Intervals, kind: Aggregate) -> Column:
    """5.4.3.25, 26: the earliest or latest sample, of any status, with that status and its time."""
    p, there = of.pieces, of.high > of.low
    if not there.any():
        return of.column(np.full(of.size, np.nan), np.zeros(of.size, np.uint32), RAW, there=there)
    if kind is Aggregate.START:
        place = np.where(there, of.low, 0)
        values, statuses, times = p.first[place], p.first_status[place], p.first_ms[place]
    else:
        place = np.where(there, of.high - 1, 0)
        values, statuses, times = p.last[place], p.last_status[place], p.last_ms[place]
    exact = of.exact_at(np.where(there, times, of.starts - 1))
    return of.column(values, statuses, RAW, there=there, times=times, exact=exact)


def _delta(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.27: latest minus earliest Good sample; doubtful where one was skipped on the way to them."""
    p = of.pieces
    first, last = np.full(of.size, np.nan), np.full(of.size, np.nan)
    first_ms, last_ms = of.starts.copy(), of.starts.copy()
    for ok, number, ms, into, into_ms, backwards in (
        (p.first_ok, p.first, p.first_ms, first, first_ms, False),
        (p.last_ok, p.last, p.last_ms, last, last_ms, True),
    ):
        places = np.flatnonzero(of.inside & ok)
        places = places[::-1] if backwards else places
        rows, which = np.unique(np.searchsorted(of.edges, ms[places], side="right") - 1, return_index=True)
        into[rows], into_ms[rows] = number[places[which]], ms[places[which]]
    there = ~np.isnan(first) & ~np.isnan(last)
    values, exact = _difference(of, first, first_ms, last, last_ms)
    skipped = np.zeros(of.size, bool)
    filled = of.high > of.low
    skipped[filled] = ~p.first_ok[of.low[filled]] | ~p.last_ok[of.high[filled] - 1]
    return of.column(values, _doubt(skipped), there=there, exact=exact)


def _duration(of: _Intervals, kind: Aggregate) -> Column:
    """5.4.3.31 … 34: time that began with a usable sample, and the rest, up to the end of the data."""
    good_ms, width = of.areas()[0], of.width.astype(np.float64)
    values = good_ms if kind in (Aggregate.DURATION_GOOD, Aggregate.PERCENT_GOOD) else width - good_ms
    there = None
    if kind in (Aggregate.PERCENT_GOOD, Aggregate.PERCENT_BAD):
        there = width > 0
        values = np.divide(100 * values, width, out=np.full(of.size, np.nan), where=there)
    return of.column(values, np.zeros(of.size, np.uint32), there=there)


def _transitions(of: _Intervals, _: Aggregate) -> Column:
    """5.4.3.24: usable samples that differ from the usable one before; the first of all is one, too."""
    p = of.pieces
    places = np.flatnonzero(p.first_ok | p.last_ok)
    entered = np.where(p.first_ok, p.first, p.last)[places]
    left = np.where(p.last_ok, p.last, p.first)[places]
    changed = np.ones(len(places), bool)
    changed[1:] = _differ(p, entered[1:], p.first_ms[places[1:]], left[:-1], p.last_ms[places[:-1]])
    changes = p.changes.astype(np.float64)
    changes[places] += changed
    return of.without_bad(of.column(of.total(changes), of.rated(of.share_good(by_time=False))))


def _differ(p: Pieces, these: Floats, these_ms: Ints, those: Floats, those_ms: Ints) -> Bools:
    if not p.exact:
        return np.asarray(these != those)
    now, then = zip(these.tolist(), these_ms.tolist(), strict=True), zip(those.tolist(), those_ms.tolist(), strict=True)
    pairs = zip(now, then, strict=True)
    return np.array([p.exact.get(b, a) != p.exact.get(d, c) for (a, b), (c, d) in pairs], bool)


_REGISTRY: Final[Mapping[Aggregate, Callable[[_Intervals, Aggregate], Column]]] = {
    Aggregate.INTERPOLATIVE: _interpolative,
    Aggregate.TIME_AVERAGE: _time_average,
    Aggregate.TIME_AVERAGE_2: _time_average,
    Aggregate.AVERAGE: _average,
    Aggregate.MINIMUM: _extreme,
    Aggregate.MAXIMUM: _extreme,
    Aggregate.MINIMUM_ACTUAL_TIME: _extreme,
    Aggregate.MAXIMUM_ACTUAL_TIME: _extreme,
    Aggregate.RANGE: _range,
    Aggregate.COUNT: _count,
    Aggregate.START: _raw_end,
    Aggregate.END: _raw_end,
    Aggregate.DELTA: _delta,
    Aggregate.STANDARD_DEVIATION: _standard_deviation,
    Aggregate.NUMBER_OF_TRANSITIONS: _transitions,
} | dict.fromkeys(_DURATIONS, _duration)
