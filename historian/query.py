"""Questions about history: samples, lines to draw, aggregates. Chooses by itself what to read (historian/levels.py).

Raises QueryRefused with a sentence for people; StorageAway and StorageDamaged come from the storage.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian import aggregate as aggregates
from historian import levels, pieces, reduce
from historian.aggregate import DEFAULTS, Aggregate, Options, Table
from historian.intervals import MOST, QueryRefused
from historian.levels import MINUTE_MS, Covered, Level
from historian.pen import Newest, Pen
from historian.samples import Samples, empty, joined
from historian.series import SeriesKind
from historian.storage.base import HOUR_MS, Storage
from historian.summary import Summaries

MOST_PENS: Final = 50
MOST_POINTS: Final = 5000
FEWEST_POINTS: Final = 8
MOST_RAW: Final = 100_000
LONGEST_MS: Final = 50 * 366 * 24 * HOUR_MS
_LONGEST_STEP_MS: Final = 24 * HOUR_MS
_STEPS_TO_USABLE: Final = 20
_MOST_LOOKED_AT: Final = 48
"""Hours of a pen whose gaps are drawn exactly though the window is long."""

__all__ = ["Line", "Newest", "Pen", "Query", "QueryRefused"]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """`times` in ms, ascending; `values`: NaN where the line breaks. The first point may lie before the window and the
    last one after it: the line enters and leaves there. `not_good`: (from, to, severity 1 Uncertain or 2 Bad), cut to
    the window. `level`: the coarsest of samples, minutes and hours it was drawn of. `ends_ms`: up to when it is
    known."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    not_good: list[reduce.Span] = field(default_factory=list)
    level: str = Level.SAMPLES.word
    ends_ms: int | None = None


class Query:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def raw(self, series: int | None, from_ms: int, to_ms: int, limit: int = MOST_RAW) -> Samples:
        """The first `limit` samples with from_ms <= time < to_ms, as they are stored."""
        _refuse_span(from_ms, to_ms)
        if not 1 <= limit <= MOST_RAW:
            raise QueryRefused(
                f"From 1 to {MOST_RAW:,} samples can be asked at once, not {limit:,}. Go on from the last."
            )
        parts: list[Samples] = []
        for part in self.stream(series, from_ms, to_ms):
            parts.append(part)
            if sum(map(len, parts)) >= limit:
                break
        return joined(parts).part(slice(0, limit))

    def stream(self, series: int | None, from_ms: int, to_ms: int) -> Iterator[Samples]:
        """All samples with from_ms <= time < to_ms in portions of whole hours: longer ones where few samples are."""
        _refuse_span(from_ms, to_ms)
        return iter(()) if series is None else self._portions(series, from_ms, to_ms)

    def _portions(self, series: int, from_ms: int, to_ms: int) -> Iterator[Samples]:
        at, step = from_ms, HOUR_MS
        while at < to_ms:
            until = min(at - at % HOUR_MS + step, to_ms)
            samples = self._storage.read([series], at, until).get(series, empty())
            if len(samples):
                yield samples
            elif until < to_ms:
                following = self._storage.after([series], until).get(series)
                if following is None or following.times[0] >= to_ms:
                    return
                until = max(until, int(following.times[0]) // HOUR_MS * HOUR_MS)
            at = until
            step = min(2 * step, _LONGEST_STEP_MS) if len(samples) < 10_000 else max(step // 2, HOUR_MS)

    def plot(self, pens: Sequence[Pen], from_ms: int, to_ms: int, points: int = 2000) -> list[Line]:
        """One line a pen, of at most `points` points; nothing that stands out is lost (historian/reduce.py)."""
        _refuse_span(from_ms, to_ms)
        if len(pens) > MOST_PENS:
            raise QueryRefused(f"At most {MOST_PENS} pens can be drawn at once, not {len(pens)}.")
        if not FEWEST_POINTS <= points <= MOST_POINTS:
            raise QueryRefused(f"From {FEWEST_POINTS} to {MOST_POINTS:,} points a pen can be drawn, not {points:,}.")
        bucket_ms = (to_ms - from_ms) / reduce.buckets(points)
        level = Level.HOURS if bucket_ms >= HOUR_MS else Level.MINUTES if bucket_ms >= MINUTE_MS else Level.SAMPLES
        series = sorted({pen.series for pen in pens if pen.series is not None})
        found = levels.read(self._storage, series, from_ms, to_ms, level, _clear) if series else {}
        sides = levels.bounds(self._storage, found, from_ms, to_ms) if series else {}
        nothing = (empty(), empty())
        return [
            _line(
                pen, found.get(pen.series or 0, Covered()), sides.get(pen.series or 0, nothing), from_ms, to_ms, points
            )
            for pen in pens
        ]

    def aggregate(
        self, pen: Pen, kinds: Collection[Aggregate], from_ms: int, to_ms: int, edges: NDArray[np.int64],
        options: Options = DEFAULTS,
    ) -> Table:  # fmt: skip
        """`edges`: of historian.intervals, from from_ms to to_ms. Summaries are used where they are exact."""
        _refuse_span(from_ms, to_ms)
        _refuse_edges(edges, from_ms, to_ms)
        aggregates.refuse_nonsense(kinds, pen.kind, options)
        covered, sides = Covered(), (empty(), empty())
        if pen.series is not None:
            fits = _exact_within(edges, options)
            level = _coarsest(edges, options)
            found = levels.read(self._storage, [pen.series], from_ms, to_ms, level, fits)
            _fit_stand_ins(found[pen.series], edges)
            covered, sides = found[pen.series], levels.bounds(self._storage, found, from_ms, to_ms)[pen.series]
            if Aggregate.NUMBER_OF_TRANSITIONS in kinds:
                sides = joined([self._usable_before(pen.series, sides[0], options), sides[0]]), sides[1]
        return _table(pen, kinds, covered, sides, edges, options)

    def _usable_before(self, series: int, before: Samples, options: Options) -> Samples:
        """The nearest samples before up to one that may be used: a transition is seen across what is Bad."""
        found = before
        for _ in range(_STEPS_TO_USABLE):
            worst = 0 if options.treat_uncertain_as_bad else 1
            if not len(found) or reduce.severities(found.statuses)[0] <= worst:
                break
            found = self._storage.before([series], int(found.times[0])).get(series, empty())
        return found


def _refuse_span(from_ms: int, to_ms: int) -> None:
    if from_ms >= to_ms:
        raise QueryRefused("The time to end at must be after the time to begin with.")
    if to_ms - from_ms > LONGEST_MS or abs(from_ms) > 2**53:
        raise QueryRefused("At most 50 years can be asked at once. Ask for a shorter time.")


def _refuse_edges(edges: NDArray[np.int64], from_ms: int, to_ms: int) -> None:
    if len(edges) - 1 > MOST:
        raise QueryRefused(f"These are more than {MOST:,} intervals. Ask for longer intervals or for a shorter time.")
    if len(edges) < 2 or edges[0] != from_ms or edges[-1] != to_ms or (np.diff(edges) <= 0).any():
        raise QueryRefused("The intervals must follow each other from the time to begin with to the time to end at.")


def _clear(summaries: Summaries, _span_ms: int) -> NDArray[np.bool_]:
    """What is drawn by its summary: where all is Good; and the rest too where that is too much to look at closer."""
    clear = np.asarray(summaries.rows["good"] == summaries.rows["count"])
    closer = np.unique(summaries.rows["start_ms"][~clear] // HOUR_MS)
    return clear if len(closer) <= _MOST_LOOKED_AT else np.ones(len(summaries), bool)


def _coarsest(edges: NDArray[np.int64], options: Options) -> Level:
    """Of the level whose spans fit into the widest interval."""
    width = int(np.diff(edges).max())
    if not options.treat_uncertain_as_bad or width < MINUTE_MS:
        return Level.SAMPLES
    return Level.HOURS if width >= HOUR_MS else Level.MINUTES


def _exact_within(edges: NDArray[np.int64], options: Options) -> levels.Fits:
    """Which summaries lie within one interval, and lose nothing."""

    def fits(summaries: Summaries, span_ms: int) -> NDArray[np.bool_]:
        if not options.treat_uncertain_as_bad:
            return np.zeros(len(summaries), bool)
        starts = summaries.rows["start_ms"]
        within = np.searchsorted(edges, starts, side="right") == np.searchsorted(edges, starts + span_ms, side="left")
        return np.asarray(within & pieces.is_exact(summaries))

    return fits


def _fit_stand_ins(covered: Covered, edges: NDArray[np.int64]) -> None:
    """Where samples have expired, what is left must lie within intervals. Raises QueryRefused.

    At the begin and the end of the whole time it is left out instead: there an hour at most is missing, and the status
    of the interval says so.
    """
    if covered.has_expired:
        covered.minutes, covered.hours = (_fitted(part, edges) for part in (covered.minutes, covered.hours))


def _fitted(summaries: Summaries, edges: NDArray[np.int64]) -> Summaries:
    rows = summaries.rows
    rows = rows[(rows["first_ms"] >= edges[0]) & (rows["last_ms"] < edges[-1])]
    first, last = (np.searchsorted(edges, rows[name], side="right") for name in ("first_ms", "last_ms"))
    if (first != last).any():
        raise QueryRefused(
            "The samples of a part of this time have expired; only summaries of minutes or hours are left of it. Ask "
            "for intervals of whole hours or days, or for a later time."
        )
    return Summaries(rows)


def _line(
    pen: Pen, covered: Covered, sides: tuple[Samples, Samples], from_ms: int, to_ms: int, points: int
) -> Line:  # fmt: skip
    samples, ends_ms = pen.completed(joined([sides[0], covered.samples, sides[1]]), _last_ms(covered))
    times, numbers, statuses = _in_order(samples, covered)
    drawn = reduce.outline(times, numbers, statuses)
    if len(drawn) and ends_ms is not None and ends_ms > drawn.times[-1]:
        drawn = reduce.Points(np.append(drawn.times, ends_ms), np.append(drawn.values, drawn.values[-1]))
    spans = reduce.not_good(times, statuses, times[-1] if ends_ms is None and len(times) else ends_ms or 0)
    spans += _unclear(covered.minutes, MINUTE_MS) + _unclear(covered.hours, HOUR_MS)
    pixel_ms = max(1, (to_ms - from_ms) // reduce.buckets(points))
    line = reduce.reduced(drawn, from_ms, to_ms, points)
    return Line(line.times, line.values, reduce.cut(spans, from_ms, to_ms, pixel_ms), covered.level.word, ends_ms)


def _last_ms(covered: Covered) -> int | None:
    lasts = [int(rows["last_ms"][-1]) for rows in (covered.minutes.rows, covered.hours.rows) if len(rows)]
    return max(lasts, default=None)


def _in_order(samples: Samples, covered: Covered) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint32]]:
    """Samples, and of each summary its first, smallest, largest and last."""
    if covered.level is Level.SAMPLES:
        return samples.times, samples.numbers, samples.statuses
    times, numbers, statuses = [samples.times], [samples.numbers], [samples.statuses]
    for rows in (covered.minutes.rows, covered.hours.rows):
        good = np.zeros(len(rows), np.uint32)
        for name, status in (
            ("first", rows["first_status"]),
            ("min", good),
            ("max", good),
            ("last", rows["last_status"]),
        ):
            known = slice(None) if name in ("first", "last") else rows["good"] > 0
            times.append(rows[f"{name}_ms"][known])
            numbers.append(rows[name][known])
            statuses.append(status[known])
    when = np.concatenate(times)
    order = np.argsort(when, kind="stable")
    when = when[order]
    once = np.append(True, when[1:] != when[:-1])
    order = order[once]
    return when[once], np.concatenate(numbers)[order], np.concatenate(statuses)[order]


def _unclear(summaries: Summaries, span_ms: int) -> list[reduce.Span]:
    """Spans of which the summary knows that not all was Good, but not when: marked whole."""
    rows = summaries.rows[summaries.rows["good"] < summaries.rows["count"]]
    worst = np.maximum(reduce.severities(rows["first_status"]), reduce.severities(rows["last_status"]))
    ends = rows["start_ms"] + span_ms
    return list(zip(rows["start_ms"].tolist(), ends.tolist(), np.where(worst > 0, worst, 2).tolist(), strict=True))


def _table(
    pen: Pen, kinds: Collection[Aggregate], covered: Covered, sides: tuple[Samples, Samples],
    edges: NDArray[np.int64], options: Options,
) -> Table:  # fmt: skip
    samples, ends_ms = pen.completed(joined([sides[0], covered.samples, sides[1]]), _last_ms(covered))
    is_text = pen.kind is SeriesKind.TEXT
    whole = pieces.together(
        [
            pieces.of_samples(samples, is_text=is_text, uncertain_is_bad=options.treat_uncertain_as_bad),
            pieces.of_summaries(covered.minutes),
            pieces.of_summaries(covered.hours),
        ]
    )
    is_stepped = pen.is_stepped or pen.kind is not SeriesKind.NUMBER
    table = aggregates.aggregate(whole, edges, kinds, is_stepped=is_stepped, ends_ms=ends_ms or 0, options=options)
    return Table(table.edges, table.columns, covered.level.word)
