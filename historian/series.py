"""A series: what is stored under one number. A tag whose kind or unit changes begins another one: a line must not join
litres to cubic metres. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from devices.points import DataType


class SeriesKind(StrEnum):
    NUMBER = "number"
    STATE = "state"
    """Bools and numbers with words for their states: between two samples the former holds (stepped)."""
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """`tag`: the uuid of the tag, which survives rename, roll-back and restore."""

    tag: str
    kind: SeriesKind
    unit: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How one tag is recorded (HIS-02). Deviations in engineering units; 0: every change is kept, and of the swinging
    door only what lies exactly on the line is left out. Times in ms; `exc_max_ms` 0: no heartbeat.

    `is_stepped`: between two samples the former holds. Then, and for texts, the door is not used.
    """

    series: int
    kind: SeriesKind
    is_stepped: bool = False
    exc_dev: float = 0.0
    exc_min_ms: int = 0
    exc_max_ms: int = 600_000
    comp_dev: float = 0.0
    comp_min_ms: int = 0
    comp_max_ms: int = 8 * 3_600_000


def kind_of(data_type: DataType, state_labels: Mapping[str, str]) -> SeriesKind:
    if data_type is DataType.STRING:
        return SeriesKind.TEXT
    return SeriesKind.STATE if data_type is DataType.BOOL or state_labels else SeriesKind.NUMBER
