"""What a derived tag is computed from. Pure; the computing stands in devices/expressions.py and devices/derived.py."""

from dataclasses import dataclass
from enum import StrEnum


class Function(StrEnum):
    """What becomes of the expression's value in time."""

    VALUE = "value"
    """The value as it is."""
    RATE = "rate"
    """Its change per `per_s` over the last `window_s`."""
    AVERAGE = "average"
    """Its time-weighted mean over the last `window_s`."""
    TOTAL = "total"
    """Its integral over time, the value being an amount per `per_s` (m³/h: 3600). Survives a restart."""

    @property
    def label(self) -> str:
        return {"value": "value", "rate": "rate of change", "average": "average", "total": "totaliser"}[self.value]


@dataclass(frozen=True, slots=True)
class Formula:
    """A derived tag as the poller sees it. `inputs`: (name in the expression, tag id), sorted by name.

    `window_s` and `per_s` in seconds; each has a meaning only for the functions that name it.
    """

    tag: int
    function: Function
    expression: str
    inputs: tuple[tuple[str, int], ...]
    window_s: float = 60.0
    per_s: float = 1.0
    eu_min: float | None = None
    eu_max: float | None = None
