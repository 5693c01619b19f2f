"""Which hours of a series are read as samples, and for which summaries stand: the finest that is there and needed.

An hour whose samples stand outside of its summary is always read as samples. Where samples have expired, the minutes or
the hour stand in.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian.intervals import QueryRefused
from historian.samples import Samples, empty, joined
from historian.storage.base import HOUR_MS, Storage
from historian.summary import FIELDS, Summaries, stacked

MINUTE_MS: Final = 60_000
MOST_SAMPLES: Final = 2_000_000
_MOST_READS: Final = 64
_LOOK_BACK_MS: Final = 31 * 24 * HOUR_MS

Fits = Callable[[Summaries, int], NDArray[np.bool_]]
"""Which of these summaries may stand for their samples; of spans of so many ms."""


class Level(IntEnum):
    SAMPLES = 0
    MINUTES = 1
    HOURS = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(slots=True, eq=False)
class Covered:
    """What was found of one series in a window: together all that is there, nothing twice."""

    samples: Samples = field(default_factory=empty)
    minutes: Summaries = field(default_factory=lambda: Summaries(np.empty(0, FIELDS)))
    hours: Summaries = field(default_factory=lambda: Summaries(np.empty(0, FIELDS)))
    has_expired: bool = False
    """Summaries stand in for samples that are gone."""

    @property
    def level(self) -> Level:
        return Level.HOURS if len(self.hours) else Level.MINUTES if len(self.minutes) else Level.SAMPLES

    def __len__(self) -> int:
        return len(self.samples) + len(self.minutes) + len(self.hours)


def read(
    storage: Storage, series: Collection[int], from_ms: int, to_ms: int, level: Level, fits: Fits
) -> dict[int, Covered]:
    """What there is of each series in from_ms <= time < to_ms; `level`: the coarsest that is wanted."""
    begin, end = from_ms - from_ms % HOUR_MS, to_ms + -to_ms % HOUR_MS
    hours = storage.hours(series, begin, end)
    minutes = storage.minutes(series, begin, end) if level is Level.MINUTES else {}
    open_hours = storage.unsealed(series, begin, end)
    found, wanted = {}, {}
    for one in series:
        sealed = hours.get(one, _none())
        found[one], left = _sealed(sealed, minutes.get(one, _none()), from_ms, to_ms, level, fits)
        wanted[one] = left | open_hours.get(one, set())
    samples = _samples(storage, wanted, from_ms, to_ms)
    gone = {}
    for one, covered in found.items():
        covered.samples = samples.get(one, empty())
        rows = hours.get(one, _none()).rows
        if len(expired := _expired(rows, wanted[one], covered.samples, from_ms, to_ms)):
            gone[one] = expired
    _stand_in(storage, found, gone, begin, end)
    return found


def _none() -> Summaries:
    return Summaries(np.empty(0, FIELDS))


def _sealed(
    hours: Summaries, minutes: Summaries, from_ms: int, to_ms: int, level: Level, fits: Fits
) -> tuple[Covered, set[int]]:
    """What summaries stand for, and the hours left over."""
    rows = hours.rows
    starts = rows["start_ms"]
    whole = (starts >= from_ms) & (starts + HOUR_MS <= to_ms)
    by_hour = whole & fits(hours, HOUR_MS) if level is Level.HOURS else np.zeros(len(rows), bool)
    covered = Covered(hours=Summaries(rows[by_hour]))
    left = set(starts[~by_hour].tolist())
    if level is Level.MINUTES and len(minutes):
        of_hour = minutes.rows["start_ms"] // HOUR_MS * HOUR_MS
        spoiled = of_hour[~fits(minutes, MINUTE_MS)]
        good = np.isin(of_hour, starts[whole]) & ~np.isin(of_hour, spoiled)
        covered.minutes = Summaries(minutes.rows[good])
        left -= set(of_hour[good].tolist())
    return covered, left


def _samples(storage: Storage, wanted: dict[int, set[int]], from_ms: int, to_ms: int) -> dict[int, Samples]:
    """The samples of these hours, in as few questions as will do. Raises QueryRefused."""
    asked: dict[tuple[int, int], list[int]] = defaultdict(list)
    for one, hours in wanted.items():
        for run in _runs(hours):
            asked[run].append(one)
    if len(asked) > _MOST_READS:
        first, last = min(run[0] for run in asked), max(run[1] for run in asked)
        asked = {(first, last): [one for one, hours in wanted.items() if hours]}
    parts: dict[int, list[Samples]] = defaultdict(list)
    total = 0
    for (first, last), series in asked.items():
        for at in range(max(first, from_ms), min(last, to_ms), 24 * HOUR_MS):
            read = storage.read(series, at, min(at + 24 * HOUR_MS, last, to_ms))
            for one, samples in read.items():
                kept = _of_hours(samples, wanted[one])
                parts[one].append(kept)
                total += len(kept)
            if total > MOST_SAMPLES:
                raise QueryRefused(
                    f"For this more than {MOST_SAMPLES:,} samples would have to be looked at at once. Ask for a "
                    "shorter time, or for intervals of whole minutes or hours."
                )
    return {one: joined(some) for one, some in parts.items()}


def _runs(hours: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for hour in sorted(hours):
        if runs and runs[-1][1] == hour:
            runs[-1] = (runs[-1][0], hour + HOUR_MS)
        else:
            runs.append((hour, hour + HOUR_MS))
    return runs


def _of_hours(samples: Samples, hours: set[int]) -> Samples:
    parts = [samples.between(begin, end) for begin, end in _runs(hours)] if len(samples) else []
    return joined(parts)


def _expired(rows: NDArray[np.void], wanted: set[int], samples: Samples, from_ms: int, to_ms: int) -> NDArray[np.void]:
    """Hours that once had samples in the window, and have none now."""
    present = np.unique(samples.times // HOUR_MS * HOUR_MS)
    starts = rows["start_ms"]
    missing = np.isin(starts, sorted(wanted)) & ~np.isin(starts, present)
    return rows[missing & (rows["last_ms"] >= from_ms) & (rows["first_ms"] < to_ms)]


def _stand_in(
    storage: Storage, found: dict[int, Covered], gone: dict[int, NDArray[np.void]], begin: int, end: int
) -> None:
    if not gone:
        return
    first = min(int(rows["start_ms"][0]) for rows in gone.values())
    last = max(int(rows["start_ms"][-1]) for rows in gone.values())
    finer = storage.minutes(list(gone), max(first, begin), min(last + HOUR_MS, end))
    for one, rows in gone.items():
        covered, minutes = found[one], finer.get(one, _none()).rows
        of_hour = minutes["start_ms"] // HOUR_MS * HOUR_MS
        minutes = minutes[np.isin(of_hour, rows["start_ms"])]
        coarse = rows[~np.isin(rows["start_ms"], np.unique(of_hour))]
        covered.minutes = _ordered([covered.minutes, Summaries(minutes)])
        covered.hours = _ordered([covered.hours, Summaries(coarse)])
        covered.has_expired = True


def _ordered(parts: list[Summaries]) -> Summaries:
    rows = stacked([part for part in parts if len(part)]).rows
    return Summaries(rows[np.argsort(rows["start_ms"], kind="stable")])


def bounds(storage: Storage, found: dict[int, Covered], from_ms: int, to_ms: int) -> dict[int, tuple[Samples, Samples]]:
    """Of each series the last sample before the window and the first at or after its end, as far as there are any.

    Where samples have expired, the ends of hours stand in.
    """
    before, after = storage.before(list(found), from_ms), storage.after(list(found), to_ms)
    lost = [one for one, covered in found.items() if covered.has_expired or not len(covered) or one not in before]
    earlier = storage.hours(lost, from_ms - _LOOK_BACK_MS, from_ms) if lost else {}
    later = storage.hours(lost, to_ms - HOUR_MS + 1, to_ms + _LOOK_BACK_MS) if lost else {}
    sides = {}
    for one in found:
        left = joined([_end(earlier.get(one), from_ms, is_last=True), before.get(one, empty())])
        right = joined([_end(later.get(one), to_ms, is_last=False), after.get(one, empty())])
        sides[one] = left.part(slice(-1, None)), right.part(slice(0, 1))
    return sides


def _end(hours: Summaries | None, at_ms: int, *, is_last: bool) -> Samples:
    """The last sample before `at_ms`, or the first from then on, that the ends of hours know of."""
    if hours is None or not len(hours):
        return empty()
    name = "last" if is_last else "first"
    rows = hours.rows[hours.rows["last_ms"] < at_ms] if is_last else hours.rows[hours.rows["first_ms"] >= at_ms]
    rows = rows[-1:] if is_last else rows[:1]
    return Samples(rows[f"{name}_ms"], rows[name], rows[f"{name}_status"], rows[f"{name}_ms"])
