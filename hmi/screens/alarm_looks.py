"""How an alarm looks, reads and sounds: one table (HMI-11). Pure.

A priority has its number, shape, word, colour (`.alarm-N` in the style sheet) and sound; what is not acknowledged is
filled and framed, what is acknowledged an outline. Each tells the priorities apart by itself.
"""

from dataclasses import dataclass
from typing import Any, Final

from alarms.kinds import Base, Kind, Mute, Priority
from alarms.snapshot import AlarmEntry
from bus.messages import Value
from bus.wire import wire_value
from hmi import presentation

Tone = tuple[int, int, int]
"""(Hz, ms of the tone, ms of silence after it)."""


@dataclass(frozen=True, slots=True)
class Look:
    """`path`: the shape in a box of 22 x 22. `tones`, then a pause of `pause_ms`, again and again until silenced."""

    number: int
    word: str
    shape: str
    path: str
    tones: tuple[Tone, ...]
    pause_ms: int


LOOKS: Final[dict[Priority, Look]] = {
    Priority.HIGH: Look(
        1, "High", "diamond", "M11 1 21 11 11 21 1 11Z",
        ((988, 140, 60), (784, 140, 60), (988, 140, 60), (784, 140, 60)), 1_000,
    ),
    Priority.MEDIUM: Look(2, "Medium", "triangle", "M11 1 21.5 20H.5Z", ((740, 200, 120), (740, 200, 0)), 3_000),
    Priority.LOW: Look(3, "Low", "circle", "M11 1.5a9.5 9.5 0 1 1 0 19 9.5 9.5 0 1 1 0-19Z", ((523, 260, 0),), 8_000),
    Priority.DIAGNOSTIC: Look(4, "Diagnostic", "square", "M2.5 2.5h17v17h-17Z", ((392, 120, 0),), 20_000),
}  # fmt: skip

STATES: Final[dict[Base, tuple[str, str]]] = {
    Base.UNACK: ("Unacknowledged", "Active, and nobody has acknowledged it."),
    Base.ACKED: ("Acknowledged", "Active and acknowledged."),
    Base.RTN_UNACK: ("Returned", "Normal again, but nobody has acknowledged that it was active."),
    Base.LATCH_UNACK: ("Latched", "Its cause has gone; it is kept until it is acknowledged and then reset."),
    Base.LATCH_ACK: ("Latched, acknowledged", "Its cause has gone; it is kept until it is reset."),
    Base.NORMAL: ("Normal", "Not active, and nothing is open."),
}
"""State -> (word, sentence). No two words are the same: the list is read without colours."""

MUTES: Final[dict[Mute, str]] = {
    Mute.SHELVED: "Shelved", Mute.BY_DESIGN: "Suppressed by design", Mute.OUT_OF_SERVICE: "Out of service",
}  # fmt: skip

SHORT: Final[dict[Mute, str]] = {Mute.SHELVED: "Shelved", Mute.BY_DESIGN: "Suppr.", Mute.OUT_OF_SERVICE: "Out"}
"""The same in a line that has little room; the whole word is its title."""

_SIGNS: Final = {Kind.HIHI: ">", Kind.HI: ">", Kind.LO: "<", Kind.LOLO: "<", Kind.DEVIATION: "off by", Kind.RATE: "by"}


def sounds_for_browsers() -> dict[str, Any]:
    """For static/js/alarms/sound.js: priority -> its tones and the pause."""
    return {str(p.value): {"tones": look.tones, "pauseMs": look.pause_ms} for p, look in LOOKS.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """A value as it is read, with its unit and the mark of its quality."""

    text: str
    unit: str
    quality: presentation.Quality


def said_value(alarm: AlarmEntry, value: Value, status: int) -> Said | None:
    """The value of the alarm's tag at a moment; None for an alarm that has no tag."""
    if alarm.tag is None:
        return None
    shown = wire_value(value, status)
    unit = alarm.tag.unit if shown is not None and presentation.has_unit(alarm.tag, value) else ""
    return Said(presentation.format_value(alarm.tag, shown), unit, presentation.quality_of(status))


def said_limit(alarm: AlarmEntry, setpoint: float | None) -> str:
    """What it was compared with, as "> 8.00 m"; empty where there is no limit."""
    sign = _SIGNS.get(alarm.kind)
    if sign is None or setpoint is None or alarm.tag is None:
        return ""
    unit = f"{alarm.unit}/s" if alarm.kind is Kind.RATE and alarm.unit else alarm.unit
    decimals = max(presentation.decimals_of(alarm.tag), 3 if alarm.kind is Kind.RATE else 0)
    return f"{sign} {presentation.format_plain(float(setpoint), decimals, {})} {unit}".strip()
