"""Notices when somebody sets the clock. Intervals are monotonic everywhere; this is so that people know."""

import time
from typing import Final

STEP_MS: Final = 1000


def now_ms() -> int:
    """UTC, as it is on the bus."""
    return time.time_ns() // 1_000_000


class ClockWatch:
    """Compares how far wall clock and monotonic clock have moved since the last look."""

    def __init__(self, wall_ms: int, now: float) -> None:
        self._offset_ms = wall_ms - round(now * 1000)

    def step_ms(self, wall_ms: int, now: float) -> int:
        """How far the clock was set (positive: forward) if by more than a second, else 0.

        A clock that is slewed slowly is followed without a word.
        """
        offset_ms = wall_ms - round(now * 1000)
        step = offset_ms - self._offset_ms
        self._offset_ms = offset_ms
        return step if abs(step) > STEP_MS else 0
