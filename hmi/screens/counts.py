"""How many values of each area are good, set by hand, uncertain and bad. Counted at most once a second for everybody.

What is switched off on purpose is not counted: it would be bad for ever, and hide what has become bad.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bus.quality import Severity, severity
from devices.readings import is_switched_off
from hmi.presentation import quality_of
from hmi.screens.layout import Layout
from hmi.screens.readings import readings

KEEP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Counts:
    """`forced`: set by hand; Good, and counted apart, because nobody has measured it."""

    good: int = 0
    uncertain: int = 0
    bad: int = 0
    forced: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.good + other.good,
            self.uncertain + other.uncertain,
            self.bad + other.bad,
            self.forced + other.forced,
        )

    @property
    def total(self) -> int:
        return self.good + self.uncertain + self.bad + self.forced

    @property
    def is_good(self) -> bool:
        return self.good == self.total


@dataclass(slots=True)
class _Counted:
    layout: Layout | None = None
    at: float = 0.0
    by_area: dict[int, Counts] | None = None


_counted = _Counted()


def counts_by_area(layout: Layout) -> dict[int, Counts]:
    """Area id -> counts of its own tags. Areas without tags are missing."""
    now = time.monotonic()
    if _counted.layout is layout and _counted.by_area is not None and now - _counted.at < KEEP_S:
        return _counted.by_area
    _counted.layout, _counted.at, _counted.by_area = layout, now, _count(layout)
    return _counted.by_area


def _count(layout: Layout) -> dict[int, Counts]:
    tallies: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    read = [t for t in layout.snapshot.tags.values() if not is_switched_off(t, layout.snapshot)]
    for reading in readings(read):
        tallies[reading.tag.area_id][_column(reading.status)] += 1
    return {area: Counts(*tally) for area, tally in tallies.items()}


_COLUMN: Final = {Severity.GOOD: 0, Severity.UNCERTAIN: 1, Severity.BAD: 2}
_FORCED: Final = 3


def _column(status: int) -> int:
    return _FORCED if quality_of(status).q == "forced" else _COLUMN[severity(status)]


def total(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())
