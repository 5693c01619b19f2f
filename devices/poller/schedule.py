"""When to scan and when to try again. No clock of its own: `now` is monotonic seconds, given by the caller."""

from dataclasses import dataclass
from math import floor
from typing import Final

GOLDEN: Final = 0.6180339887498949
BEAT_S: Final = 0.1
"""Scans start on a common beat: the devices of one beat share wake-ups of the process and one publish call. That halves
the poller's CPU (50,000 tags/s: 29 % of a core without a beat, 14 % with it)."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
PATIENT_S: Final = 60.0
"""For so long after the last answer a device alone on its link is tried every FIRST_PAUSE_S: it is back within 2 s."""
JITTER: Final = 0.1


def phase_s(number: int, period_s: float) -> float:
    """A fixed start phase within the period, on a beat, spread evenly over consecutive numbers (devices)."""
    return floor((number * GOLDEN) % 1.0 * period_s / BEAT_S) * BEAT_S


class Timetable:
    """Grid points phase + k * period, for ever: a late scan moves none of the following."""

    def __init__(self, period_s: float, phase: float, now: float) -> None:
        self._period_s = period_s
        self._phase = phase
        self._next = self._index(now) + 1
        self._is_at_once = False
        self.overruns = 0
        """Grid points that passed without a scan."""

    def _index(self, now: float) -> int:
        return floor((now - self._phase) / self._period_s)

    @property
    def due(self) -> float:
        return 0.0 if self._is_at_once else self._phase + self._next * self._period_s

    def at_once(self) -> None:
        """One scan out of turn, as soon as possible."""
        self._is_at_once = True

    def start(self, now: float) -> None:
        """The scan that is due starts now. A scan out of turn does not use up a grid point that has not come."""
        reached = self._index(now)
        if self._is_at_once:
            self._is_at_once = False
            if reached < self._next:
                return
        served = max(self._next, reached)
        self.overruns += served - self._next
        self._next = served + 1


@dataclass(slots=True)
class Pause:
    """Pauses between tries: 1, 2, 4 ... 30 s, or as given. `patient`: stay at the first one for a minute.

    `spread` (0..1, fixed for each link) moves the long pauses apart by up to JITTER, so that many links that were
    lost together do not knock together.
    """

    patient: bool = False
    spread: float = 0.5
    first_s: float = FIRST_PAUSE_S
    longest_s: float = LONGEST_PAUSE_S
    _first: float | None = None
    _pause_s: float = 0.0

    def next_s(self, now: float) -> float:
        """How long to wait from the start of the try that has just failed."""
        if self._first is None:
            self._first = now
            self._pause_s = self.first_s
        if self.patient and now - self._first < PATIENT_S:
            return self.first_s
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, self.longest_s)
        return pause_s * (1 + JITTER * (self.spread - 0.5)) if pause_s > self.first_s else pause_s
