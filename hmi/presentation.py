"""How a value and its quality are shown. The one table; live.js gets it from the page as JSON. Pure.

Colour stands in the style sheet (`data-q`), never alone: each class of quality has its glyph and its word (HMI-11).
"""

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final, Literal

from bus import quality as codes
from bus.messages import Value
from bus.quality import Severity, severity
from bus.wire import MAX_EXACT
from devices.points import DataType
from devices.snapshot import TagEntry

Class = Literal["good", "forced", "limited", "uncertain", "bad", "stale"]

GOOD_CLASSES: Final[frozenset[Class]] = frozenset({"good", "forced", "limited"})
"""Looks of statuses that are Good. static/js/live/format.js has the same."""

NO_VALUE: Final = "–"


@dataclass(frozen=True, slots=True)
class Quality:
    """One row of the table. `sentence` says to an operator what it means and what to do."""

    q: Class
    glyph: str
    word: str
    sentence: str


def _good(word: str, sentence: str) -> Quality:
    return Quality("good", "", word, sentence)


def _forced(word: str, sentence: str) -> Quality:
    return Quality("forced", "☞", word, sentence)


def _limited(word: str, sentence: str) -> Quality:
    return Quality("limited", "⇥", word, sentence)


def _uncertain(word: str, sentence: str) -> Quality:
    return Quality("uncertain", "?", word, sentence)


def _bad(word: str, sentence: str) -> Quality:
    return Quality("bad", "×", word, sentence)


def _stale(word: str, sentence: str) -> Quality:
    return Quality("stale", "…", word, sentence)


TABLE: Final[dict[int, Quality]] = {
    codes.GOOD: _good("Good", "Fresh, and as its source gives it."),
    codes.GOOD_CLAMPED: _limited("Held at a limit", "The value was beyond its range and is shown at the end of it."),
    codes.GOOD_CLAMPED | codes.LIMIT_LOW: _limited(
        "Held at low limit", "The value was below its range and is shown at the lower end of it."
    ),
    codes.GOOD_CLAMPED | codes.LIMIT_HIGH: _limited(
        "Held at high limit", "The value was above its range and is shown at the upper end of it."
    ),
    codes.GOOD_LOCAL_OVERRIDE: _forced(
        "Set by hand",
        "Not measured: somebody has put this value, or one that it is computed from, in place of the real one. "
        "Who, why and until when is listed under Set by hand.",
    ),
    codes.UNCERTAIN: _uncertain(
        "Uncertain", "The value may not be right: what its source sent is not clear in every part."
    ),
    codes.UNCERTAIN_NO_COMMUNICATION: _uncertain(
        "No connection", "The device does not answer. This is the last value it gave. Check the device and its network."
    ),
    codes.UNCERTAIN_LAST_USABLE: _stale(
        "Out of date", "No newer value has come for too long. This is the last one. Look at the system page."
    ),
    codes.UNCERTAIN_EU_EXCEEDED: _uncertain(
        "Out of range", "The value lies outside the range that was set for this tag. Check the sensor, or the range."
    ),
    codes.UNCERTAIN_EU_EXCEEDED | codes.LIMIT_LOW: _uncertain(
        "Below range", "The value lies below the range that was set for this tag. Check the sensor, or the range."
    ),
    codes.UNCERTAIN_EU_EXCEEDED | codes.LIMIT_HIGH: _uncertain(
        "Above range", "The value lies above the range that was set for this tag. Check the sensor, or the range."
    ),
    codes.UNCERTAIN_SUBNORMAL: _uncertain(
        "Computed from doubtful values",
        "A value that this one is computed from is itself uncertain or bad. Look at the values it is computed from.",
    ),
    codes.BAD_TIMEOUT: _bad(
        "No answer", "The device did not answer in time and has never given a value. Check it, or allow it more time."
    ),
    codes.BAD_NO_COMMUNICATION: _bad(
        "No communication", "There is no way to the value now. Check the device, its network and the system page."
    ),
    codes.BAD_WAITING_FOR_INITIAL_DATA: _bad(
        "Waiting for first value", "Nothing has been read yet. If this lasts, look at the system page."
    ),
    codes.BAD_CONFIGURATION_ERROR: _bad(
        "Wrong configuration",
        "The device refuses this address, or the formula gives no number. Compare table, address and type with the "
        "manual, or look at the formula.",
    ),
    codes.BAD_NOT_CONNECTED: _bad(
        "Not connected",
        "There is no connection to the device, and it has never given a value. Check host, port, cable.",
    ),
    codes.BAD_DEVICE_FAILURE: _bad("Device fault", "The device itself reports a failure. Look at the device."),
    codes.BAD_SENSOR_FAILURE: _bad("Sensor fault", "The device gives no number for this value. Check the sensor."),
    codes.BAD_OUT_OF_SERVICE: _bad("Out of service", "This value is switched off, or the device does not provide it."),
}
"""Status -> how it is shown. Looked up with its limit bits, then without, then by severity (UA-02)."""

BY_SEVERITY: Final[dict[Severity, Quality]] = {
    Severity.GOOD: TABLE[codes.GOOD],
    Severity.UNCERTAIN: TABLE[codes.UNCERTAIN],
    Severity.BAD: _bad("Bad", "The source says that the value cannot be used."),
}

CODE_MASK: Final = 0xFFFF0000
LIMIT_MASK: Final = codes.LIMIT_LOW | codes.LIMIT_HIGH


def quality_of(status: int) -> Quality:
    """The row for a status, for every uint32."""
    for key in (status & (CODE_MASK | LIMIT_MASK), status & CODE_MASK):
        if key in TABLE:
            return TABLE[key]
    return BY_SEVERITY[severity(status)]


def table_for_browsers() -> dict[str, Any]:
    """The same table for live.js, as JSON in the page. Rows: [q, glyph, word, sentence]."""

    def row(quality: Quality) -> list[str]:
        return [quality.q, quality.glyph, quality.word, quality.sentence]

    return {
        "codes": {str(code): row(quality) for code, quality in TABLE.items()},
        "severities": [row(BY_SEVERITY[s]) for s in Severity],
        "stale": codes.UNCERTAIN_LAST_USABLE,
        "noValue": NO_VALUE,
    }


def decimals_of(tag: TagEntry) -> int:
    """Digits behind the point. An integer that is not scaled has no fraction to show (HMI-17)."""
    if tag.data_type.is_float:
        return tag.decimals
    point = tag.point
    is_scaled = point is not None and (
        point.raw_min is not None
        or point.scale_address is not None
        or not (point.scale.is_integer() and point.offset.is_integer())
    )
    return tag.decimals if is_scaled else 0


def labels_of(tag: TagEntry) -> dict[str, str]:
    """State -> word. A bool without words of its own is on or off."""
    if tag.state_labels or tag.data_type is not DataType.BOOL:
        return tag.state_labels
    return {"0": "off", "1": "on"}


def has_unit(tag: TagEntry, value: Value) -> bool:
    """A unit belongs to a number; a word ("running") and a missing value have none."""
    return bool(tag.unit) and isinstance(value, int | float) and _state(labels_of(tag), value) is None


def format_value(tag: TagEntry, value: Value) -> str:
    """The text of a value without its unit. None (and whatever is no number) is a dash, never an empty place."""
    return format_plain(value, decimals_of(tag), labels_of(tag))


def format_plain(value: Value, decimals: int, labels: dict[str, str]) -> str:
    """What live.js does with the same three; tests/hmi/test_presentation.py compares the two."""
    if value is None or isinstance(value, str):
        return NO_VALUE if value is None else value
    if isinstance(value, float) and not math.isfinite(value):
        return NO_VALUE
    return _state(labels, value) or _number(value, decimals)


def _state(labels: dict[str, str], value: Value) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return labels.get(str(int(value))) if isinstance(value, int) else None


def _number(value: float, decimals: int) -> str:
    if isinstance(value, int) and abs(value) > MAX_EXACT:
        return str(value)
    with localcontext(prec=400, rounding=ROUND_HALF_UP):
        text = format(Decimal(value), f".{decimals}{'e' if abs(value) > MAX_EXACT else 'f'}")
    return text.removeprefix("-") if text.startswith("-0") and not float(text) else text


_STEPS: Final = ((60_000, 1000, "s"), (3_600_000, 60_000, "min"), (172_800_000, 3_600_000, "h"))


def format_age(age_ms: int | None) -> str:
    """An age in its largest sensible unit, rounded down: "< 1 s", "12 s", "3 min", "5 h", "2 d"."""
    if age_ms is None:
        return NO_VALUE
    if age_ms < 1000:
        return "< 1 s"
    for end, step, unit in _STEPS:
        if age_ms < end:
            return f"{age_ms // step} {unit}"
    return f"{age_ms // 86_400_000} d"
