"""Summaries of spans of a series, that join to summaries of longer spans exactly. Pure; vectorised.

A summary says what lies between the first and the last sample of its span, both included; what lies between the last
sample of one span and the first of the next is one segment, which joining adds. So nothing in a summary depends on its
neighbours, and late data changes the one it falls into alone.

Only Good counts (Uncertain as Bad, the default of OPC UA Part 13: HIS-05); whoever wants it otherwise reads samples.

Texts have no smallest, mean or area; where all are texts those are NaN and 0. A change from one span to the next cannot
be seen of texts, nor of whole numbers beyond 2^53 that one float64 stands for: joining counts those within the spans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.quality import GOOD, SEVERITY_MASK
from historian.samples import Samples

FIELDS: Final = np.dtype(
    [
        ("start_ms", "<i8"),  # of the span; its length is that of the level
        ("count", "<i4"),  # samples, of any status
        ("good", "<i4"),  # of them Good with a value
        ("first_ms", "<i8"),
        ("first", "<f8"),  # NaN: no number
        ("first_status", "<u4"),
        ("last_ms", "<i8"),
        ("last", "<f8"),
        ("last_status", "<u4"),
        ("min", "<f8"),  # of Good samples; NaN: none
        ("min_ms", "<i8"),
        ("max", "<f8"),
        ("max_ms", "<i8"),
        ("mean", "<f8"),  # of Good samples, each counted once
        ("m2", "<f8"),  # sum of squared deviations from that mean
        ("area_stepped", "<f8"),  # value x ms over Good time between first and last sample: the former value holds
        ("area_sloped", "<f8"),  # ... along the straight line, stepped where the right end is not Good (HIS-07)
        ("good_ms", "<i8"),  # time between first and last sample that began with a Good one
        ("changes", "<i4"),  # samples that differ in value from the one before, both Good
    ]
)
Rows = NDArray[np.void]
_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Summaries:
    """`rows`: one a span that holds a sample, by start_ms; dtype FIELDS."""

    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)


def stacked(parts: Sequence[Summaries]) -> Summaries:
    return Summaries(np.concatenate([p.rows for p in parts]) if parts else np.empty(0, FIELDS))


@np.errstate(over="ignore", invalid="ignore")  # of numbers near the largest there are
def summarise(samples: Samples, step_ms: int) -> Summaries:
    """One a span of `step_ms` that holds a sample. Spans begin at whole multiples of it."""
    if not len(samples):
        return Summaries(np.empty(0, FIELDS))
    spans = samples.times // step_ms
    starts = np.flatnonzero(np.append(True, spans[1:] != spans[:-1]))
    ends = np.append(starts[1:], len(samples))
    rows = np.zeros(len(starts), FIELDS)
    rows["start_ms"] = spans[starts] * step_ms
    rows["count"] = ends - starts
    for name, places in (("first", starts), ("last", ends - 1)):
        rows[name] = samples.numbers[places]
        rows[f"{name}_ms"] = samples.times[places]
        rows[f"{name}_status"] = samples.statuses[places]
    has_value = ~np.isnan(samples.numbers) | _named(samples)
    usable = has_value & (samples.statuses & SEVERITY_MASK == GOOD)
    rows["good"] = np.add.reduceat(usable.astype(np.int64), starts)
    _moments(rows, samples, usable & ~np.isnan(samples.numbers), starts)
    _segments(rows, samples, usable, starts)
    return Summaries(rows)


@np.errstate(over="ignore", invalid="ignore")
def join(rows: Summaries, starts: NDArray[np.intp]) -> Summaries:
    """Neighbouring rows into one each: group i begins at row starts[i] and ends before the next one. The segments
    between the rows of a group are added; those between groups belong to nobody."""
    r = rows.rows
    if not len(r):
        return rows
    ends = np.append(starts[1:], len(r)) - 1
    out = r[starts].copy()
    for name in ("last_ms", "last", "last_status"):
        out[name] = r[name][ends]
    for name in ("count", "good", "good_ms", "changes", "area_stepped", "area_sloped"):
        out[name] = np.add.reduceat(r[name], starts)
    sizes = ends + 1 - starts
    _join_moments(out, r, starts, sizes)
    _join_segments(out, r, starts)
    return Summaries(out)


def _named(samples: Samples) -> NDArray[np.bool_]:
    """Which have a text."""
    if not samples.exact:
        return np.zeros(len(samples), bool)
    return np.isin(samples.times, np.fromiter(samples.exact, np.int64))


def _moments(rows: Rows, samples: Samples, counted: NDArray[np.bool_], starts: NDArray[np.intp]) -> None:
    """Smallest, largest, mean and squares of those that count."""
    sizes = rows["count"]
    known = np.add.reduceat(counted.astype(np.int64), starts)
    none = known == 0
    numbers = np.where(counted, samples.numbers, 0.0)
    means = np.add.reduceat(numbers, starts) / np.where(none, 1, known)
    off = np.where(counted, numbers - np.repeat(means, sizes), 0.0)
    rows["m2"] = np.add.reduceat(off * off, starts)
    rows["mean"] = np.where(none, np.nan, means)
    for name, least, worst in (("min", np.minimum, np.inf), ("max", np.maximum, -np.inf)):
        found = least.reduceat(np.where(counted, samples.numbers, worst), starts)
        is_it = counted & (samples.numbers == np.repeat(found, sizes))
        when = np.minimum.reduceat(np.where(is_it, samples.times, _NEVER), starts)
        rows[name] = np.where(none, np.nan, found)
        rows[f"{name}_ms"] = np.where(none, rows["first_ms"], when)


def _segments(rows: Rows, samples: Samples, usable: NDArray[np.bool_], starts: NDArray[np.intp]) -> None:
    """What lies between two samples of one span."""
    if len(samples) < 2:
        return
    inside = np.ones(len(samples), bool)
    inside[starts] = False
    both = inside[1:] & usable[:-1]
    stepped, sloped = _areas(samples.numbers[:-1], samples.numbers[1:], usable[1:], np.diff(samples.times))
    differs = samples.numbers[1:] != samples.numbers[:-1]
    if samples.exact:
        texts = [samples.exact.get(ms) for ms in samples.times.tolist()]
        other = np.array([a != b for a, b in pairwise(texts)], bool)
        differs = np.where(np.isnan(samples.numbers[1:]) & np.isnan(samples.numbers[:-1]), other, differs | other)
    for name, amounts in (
        ("good_ms", np.where(both, np.diff(samples.times), 0)),
        ("area_stepped", np.where(both, stepped, 0.0)),
        ("area_sloped", np.where(both, sloped, 0.0)),
        ("changes", both & usable[1:] & differs),
    ):
        rows[name] = np.add.reduceat(np.append(np.zeros(1, rows[name].dtype), amounts.astype(rows[name].dtype)), starts)


def _join_moments(out: Rows, r: Rows, starts: NDArray[np.intp], sizes: NDArray[np.int64]) -> None:
    known = np.where(np.isnan(r["min"]), 0, r["good"])
    total = np.add.reduceat(known, starts)
    none = total == 0
    means = np.where(known > 0, r["mean"], 0.0)
    mean = np.add.reduceat(means * known, starts) / np.where(none, 1, total)
    off = means - np.repeat(mean, sizes)
    out["m2"] = np.add.reduceat(r["m2"] + off * off * known, starts)
    out["mean"] = np.where(none, np.nan, mean)
    for name, least in (("min", np.fmin), ("max", np.fmax)):
        found = least.reduceat(r[name], starts)
        when = np.minimum.reduceat(np.where(r[name] == np.repeat(found, sizes), r[f"{name}_ms"], _NEVER), starts)
        out[name] = found
        out[f"{name}_ms"] = np.where(none, out["first_ms"], when)


def _join_segments(out: Rows, r: Rows, starts: NDArray[np.intp]) -> None:
    """What lies between the last sample of a row and the first of the next one of its group."""
    if len(r) < 2:
        return
    inside = np.ones(len(r), bool)
    inside[starts] = False
    is_text = (r["good"] > 0) & np.isnan(r["min"])
    left_ok, right_ok = (
        (r[f"{end}_status"] & SEVERITY_MASK == GOOD) & (is_text | ~np.isnan(r[end])) for end in ("last", "first")
    )
    left, right, took = r["last"][:-1], r["first"][1:], r["first_ms"][1:] - r["last_ms"][:-1]
    counts = inside[1:] & left_ok[:-1]
    stepped, sloped = _areas(left, right, right_ok[1:], took)
    differs = ~np.isnan(left) & ~np.isnan(right) & (left != right)
    for name, amounts in (
        ("good_ms", np.where(counts, took, 0)),
        ("area_stepped", np.where(counts, stepped, 0.0)),
        ("area_sloped", np.where(counts, sloped, 0.0)),
        ("changes", counts & right_ok[1:] & differs),
    ):
        out[name] += np.add.reduceat(np.append(np.zeros(1, r[name].dtype), amounts.astype(r[name].dtype)), starts)


def _areas(
    left: NDArray[np.float64], right: NDArray[np.float64], right_ok: NDArray[np.bool_], took: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Under the held former value, and under the line. A text has no area."""
    left = np.where(np.isnan(left), 0.0, left)
    stepped = left * took
    sloped = np.where(right_ok & ~np.isnan(right), (left / 2 + right / 2) * took, stepped)
    return stepped, sloped
