"""Pieces of a series in order of time: samples, and summaries of spans that stand for samples. Pure.

An aggregate is computed of pieces, whatever they are, so that hours that are sealed and hours that are not give one
result. A piece lies within one interval; between two pieces is one segment, which an interval may cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bus.quality import GOOD, SEVERITY_MASK, UNCERTAIN
from historian.samples import EXACT_UP_TO, Samples
from historian.summary import Summaries

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Columns as in historian/summary.py FIELDS. `first_ok`, `last_ok`: may be used (Good, and a value is there).

    `exact`: source time -> text or decimal digits, of those a float64 cannot say. A text stands in the columns as the
    number of its kind: equal texts, equal numbers.
    """

    first_ms: Ints
    last_ms: Ints
    first: Floats
    last: Floats
    first_ok: Bools
    last_ok: Bools
    first_status: NDArray[np.uint32]
    last_status: NDArray[np.uint32]
    count: Ints
    good: Ints
    min: Floats
    min_ms: Ints
    max: Floats
    max_ms: Ints
    mean: Floats
    m2: Floats
    area_stepped: Floats
    area_sloped: Floats
    good_ms: Ints
    changes: Ints
    exact: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.first_ms)


_COLUMNS: Final = [column.name for column in fields(Pieces) if column.name != "exact"]


def of_samples(samples: Samples, *, is_text: bool = False, uncertain_is_bad: bool = True) -> Pieces:
    """Each sample a piece."""
    numbers = _codes(samples) if is_text else samples.numbers
    severity = samples.statuses & SEVERITY_MASK
    ok = (severity == GOOD) if uncertain_is_bad else ((severity == GOOD) | (severity == UNCERTAIN))
    ok = ok & ~np.isnan(numbers)
    none = np.zeros(len(samples))
    no_ms = np.zeros(len(samples), np.int64)
    usable = np.where(ok, numbers, np.nan)
    one = np.ones(len(samples), np.int64)
    return Pieces(
        samples.times, samples.times, numbers, numbers, ok, ok, samples.statuses, samples.statuses, one,
        ok.astype(np.int64), usable, samples.times, usable, samples.times, usable, none, none, none, no_ms, no_ms,
        samples.exact,
    )  # fmt: skip


def _codes(samples: Samples) -> Floats:
    places: dict[str, int] = {}
    numbers = [
        np.nan if (text := samples.exact.get(ms)) is None else float(places.setdefault(text, len(places)))
        for ms in samples.times.tolist()
    ]
    return np.array(numbers, np.float64)


def of_summaries(summaries: Summaries) -> Pieces:
    """Each span a piece. Uncertain counted as Bad when it was summarised."""
    r = summaries.rows

    def ok(number: str, status: str) -> Bools:
        usable: Bools = ((r[status] & SEVERITY_MASK) == GOOD) & ~np.isnan(r[number])
        return usable

    whole = {name: r[name].astype(np.int64) for name in ("count", "good", "good_ms", "changes")}
    return Pieces(
        r["first_ms"], r["last_ms"], r["first"], r["last"], ok("first", "first_status"), ok("last", "last_status"),
        r["first_status"], r["last_status"], whole["count"], whole["good"], r["min"], r["min_ms"], r["max"],
        r["max_ms"], r["mean"], r["m2"], r["area_stepped"], r["area_sloped"], whole["good_ms"], whole["changes"],
    )  # fmt: skip


def is_exact(summaries: Summaries) -> Bools:
    """Where nothing that an aggregate asks is lost: all samples Good, and no number beyond what a float64 can say."""
    r = summaries.rows
    largest = np.maximum(np.abs(r["min"]), np.abs(r["max"]))
    exact: Bools = (r["good"] == r["count"]) & (largest < EXACT_UP_TO)
    return exact


def together(parts: Sequence[Pieces]) -> Pieces:
    """In order of time. The parts overlap nowhere, but may lie between each other."""
    parts = [part for part in parts if len(part)] or list(parts[:1])
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([p.first_ms for p in parts]), kind="stable")
    exact: dict[int, str] = {}
    for part in parts:
        exact |= part.exact
    columns: dict[str, Any] = {name: np.concatenate([getattr(p, name) for p in parts])[order] for name in _COLUMNS}
    return Pieces(**columns, exact=exact)
