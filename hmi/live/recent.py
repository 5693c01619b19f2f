"""The last ten minutes of every number, as small lines on pages show them. In memory, one per web process.

Every STEP_MS the newest values of all tags make one Column. A column is never changed once it is there, and the tuple
of columns is replaced as a whole: views in other threads read without a lock. What is not known is NaN inside and None
outside: a gap, never a guess between its neighbours.

This module knows neither the hub nor the bus: before a hub has started, there is nothing recent. `at_ms` is of the
monotonic clock, so a step of the wall clock moves nothing; recent() answers in wall clock time of now.
"""

import math
import time
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

STEP_MS: Final = 5_000
DEPTH: Final = 120
SPAN_MS: Final = STEP_MS * DEPTH
GAP: Final = math.nan

Points = list[tuple[int, float | None]]
"""(time in ms UTC, value or None for a gap), the oldest first."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one moment. `places`: tag id -> place in `numbers` (doubles); shared by columns of one revision."""

    at_ms: int
    places: Mapping[int, int]
    numbers: "array[float]"

    def of(self, tag_id: int) -> float | None:
        place = self.places.get(tag_id)
        number = GAP if place is None else self.numbers[place]
        return None if math.isnan(number) else number


@dataclass(frozen=True, slots=True)
class _Kept:
    """All there is. `begins`: tag id -> the moment before which it was another tag: other unit, scale or source."""

    columns: tuple[Column, ...] = ()
    places: Mapping[int, int] | None = None
    begins: Mapping[int, int] | None = None


class Recent:
    """The ring. One writer (the hub's event loop), any number of readers."""

    def __init__(self) -> None:
        self._kept = _Kept()

    def __len__(self) -> int:
        return len(self._kept.columns)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._kept.columns

    def append(self, column: Column, begins: Mapping[int, int]) -> None:
        """The newest moment. A tag that it does not name is gone, and with it all that was known of it."""
        kept = [c for c in self._kept.columns if c.at_ms > column.at_ms - SPAN_MS]
        self._kept = _Kept((*kept, column)[-DEPTH:], column.places, begins)

    def prepend(self, columns: Iterable[Column]) -> None:
        """Moments before the first one, the oldest first: what the bus still knew when the hub started."""
        now = self._kept
        first_ms = now.columns[0].at_ms if now.columns else None
        earlier = [c for c in columns if first_ms is None or c.at_ms < first_ms]
        places = now.places if now.places is not None or not earlier else earlier[-1].places
        self._kept = _Kept((*earlier, *now.columns)[-DEPTH:], places, now.begins)

    def clear(self) -> None:
        """Another epoch: what was before belongs to data that is lost."""
        self._kept = _Kept()

    def points(self, tag_ids: Iterable[int], now_ms: int, wall_ms: int) -> dict[int, Points]:
        """What is known of these tags. A tag nobody knows has no points; leading gaps are left out."""
        kept, shift = self._kept, wall_ms - now_ms
        columns = [(c.at_ms + shift, c) for c in kept.columns if c.at_ms > now_ms - SPAN_MS]
        return {
            tag_id: _points_of(tag_id, columns, (kept.begins or {}).get(tag_id, 0) + shift)
            if tag_id in (kept.places or {})
            else []
            for tag_id in tag_ids
        }


def _points_of(tag_id: int, columns: list[tuple[int, Column]], begin_ms: int) -> Points:
    points: Points = []
    for at_ms, column in columns:
        place = column.places.get(tag_id)
        number = GAP if place is None or at_ms < begin_ms else column.numbers[place]
        if number == number:  # NaN alone differs from itself; asked thousands of times a page
            points.append((at_ms, number))
        elif points:
            points.append((at_ms, None))
    return points


NOTHING: Final = Recent()
"""What is asked while no hub runs. Nobody writes it."""
_current = NOTHING


def show(ring: Recent) -> None:
    """From now on recent() answers from this ring. Called by a hub that starts, and with NOTHING when it stops."""
    global _current  # noqa: PLW0603  # one per process, as the hub is
    _current = ring


def recent(tag_ids: Iterable[int]) -> dict[int, Points]:
    """The last ten minutes of these tags, a point each STEP_MS; for synchronous code of the web process."""
    return _current.points(tag_ids, time.monotonic_ns() // 1_000_000, time.time_ns() // 1_000_000)


def since_ms() -> int | None:
    """Since when there is something, ms UTC; None: nothing yet."""
    columns = _current.columns
    age_ms = time.monotonic_ns() // 1_000_000 - columns[0].at_ms if columns else None
    return None if age_ms is None else time.time_ns() // 1_000_000 - min(age_ms, SPAN_MS)
