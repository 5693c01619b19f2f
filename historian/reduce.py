"""A line of at most so many points that looks like all samples (HIS-07, HIS-09). Pure; vectorised.

Of every bucket of time stay the first, the smallest, the largest and the last point, and a break of the line if there
is one: no spike and no gap is lost.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.quality import SEVERITY_MASK, Severity

Span = tuple[int, int, int]
"""(from ms, to ms, severity): in it the values are Uncertain (1) or Bad (2)."""

_OF_A_BUCKET: Final = 4
_BESIDE_THE_WINDOW: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """In order of time. NaN: the line breaks here."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)


def outline(times: NDArray[np.int64], numbers: NDArray[np.float64], statuses: NDArray[np.uint32]) -> Points:
    """As it is drawn: Bad breaks the line; before a break the former value holds (HIS-07), so 1 ms before it that value
    stands once more. Uncertain is drawn; the spans mark it."""
    values = np.where(severities(statuses) == Severity.BAD, np.nan, numbers)
    there = ~np.isnan(values)
    held = np.flatnonzero(there[:-1] & ~there[1:] & (np.diff(times) > 1))
    if not len(held):
        return Points(times, values)
    return Points(np.insert(times, held + 1, times[held + 1] - 1), np.insert(values, held + 1, values[held]))


def severities(statuses: NDArray[np.uint32]) -> NDArray[np.int64]:
    """0 Good, 1 Uncertain, 2 Bad."""
    severity = ((statuses & SEVERITY_MASK) >> 30).astype(np.int64)
    return np.minimum(severity, Severity.BAD)


def buckets(points: int) -> int:
    """Into how many buckets a line of `points` can be cut."""
    return max(1, (points - _BESIDE_THE_WINDOW) // _OF_A_BUCKET)


def reduced(line: Points, from_ms: int, to_ms: int, points: int) -> Points:
    """At most `points` of them (at least 8 can be asked). Besides those in from_ms <= time < to_ms the nearest before
    and the nearest after, by which the line enters and leaves."""
    low, high = np.searchsorted(line.times, [from_ms, to_ms]).tolist()
    kept = np.arange(max(low - 1, 0), min(high + 1, len(line)))
    if len(kept) > points:
        times, values = line.times[low:high], line.values[low:high]
        has_breaks = bool(np.isnan(values).any())
        count = max(1, (points - _BESIDE_THE_WINDOW) // (_OF_A_BUCKET + has_breaks))
        begins = _begins(times, from_ms, to_ms, count)
        marks = [begins, np.append(begins[1:], len(times)) - 1, *_extremes(values, begins)]
        if has_breaks:
            marks.append(_first_of_each(np.flatnonzero(np.isnan(values)), begins, len(times)))
        beside = np.array([n for n in (low - 1, high) if 0 <= n < len(line)], np.int64)
        kept = np.unique(np.concatenate([low + np.concatenate(marks), beside]))
    return Points(line.times[kept], line.values[kept])


def _begins(times: NDArray[np.int64], from_ms: int, to_ms: int, count: int) -> NDArray[np.int64]:
    """Place of the first point of each bucket that holds one."""
    bucket = (times - from_ms) * count // (to_ms - from_ms)
    return np.asarray(np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1])), np.int64)


def _extremes(values: NDArray[np.float64], begins: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of the smallest and of the largest number of each bucket that has one."""
    sizes = np.diff(np.append(begins, len(values)))
    found = []
    for ufunc in (np.fmin, np.fmax):
        best = np.repeat(ufunc.reduceat(values, begins), sizes)
        found.append(_first_of_each(np.flatnonzero(values == best), begins, len(values)))
    return found


def _first_of_each(places: NDArray[np.int64], begins: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Of places in ascending order the first in each bucket that has one."""
    if not len(places):
        return places
    at = np.searchsorted(places, begins)
    first = places[np.minimum(at, len(places) - 1)]
    return first[(at < len(places)) & (first < np.append(begins[1:], size))]


def not_good(times: NDArray[np.int64], statuses: NDArray[np.uint32], ends_ms: int) -> list[Span]:
    """Each status holds until the next sample, the last until `ends_ms`."""
    if not len(times):
        return []
    severity = severities(statuses)
    begins = np.flatnonzero(np.append(True, severity[1:] != severity[:-1]))
    ends = np.append(times[begins[1:]], max(ends_ms, int(times[-1])))
    marked = severity[begins] > 0
    columns = times[begins][marked].tolist(), ends[marked].tolist(), severity[begins][marked].tolist()
    return list(zip(*columns, strict=True))


def cut(spans: list[Span], from_ms: int, to_ms: int, apart_ms: int) -> list[Span]:
    """Those in the window, cut to it. Spans less than `apart_ms` apart become one of the worse severity: what is
    narrower than a pixel cannot be seen, and is rather shown not Good than Good."""
    found: list[Span] = []
    for begin, end, severity in sorted(spans):
        if end < from_ms or begin >= to_ms or (end == from_ms and begin < end):
            continue
        span = (max(begin, from_ms), min(end, to_ms), severity)
        last = found[-1] if found else None
        if last and span[0] - last[1] < apart_ms and (span[2] == last[2] or _narrow(span, last, apart_ms)):
            found[-1] = (last[0], max(last[1], span[1]), max(last[2], severity))
        else:
            found.append(span)
    return found


def _narrow(span: Span, last: Span, apart_ms: int) -> bool:
    return span[1] - span[0] < apart_ms or last[1] - last[0] < apart_ms
