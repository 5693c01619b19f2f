"""What is allowed but hardly meant, starting values, and the check of a setpoint. It never refuses anything. Pure.

Starting values (ALM-13) are those of the field's handbooks: a place to begin, not an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alarms.kinds import Kind
from alarms.priorities import too_fast

if TYPE_CHECKING:
    from alarms.models import Alarm
    from devices.models import Tag

MARGIN: Final = 1.5
"""How many times the time to respond a setpoint leaves, where nobody says otherwise (ALM-12)."""


@dataclass(frozen=True, slots=True)
class Start:
    """`deadband_pct`: of the span of the tag. Delays in seconds."""

    what: str
    deadband_pct: float
    delay_s: float


FLOW: Final = Start("flow", 5, 15)
LEVEL: Final = Start("level", 5, 60)
PRESSURE: Final = Start("pressure", 2, 15)
TEMPERATURE: Final = Start("temperature", 1, 60)
_BY_UNIT: Final = {
    FLOW: ("m³/h", "m3/h", "m³/s", "m3/s", "m³/d", "l/s", "l/min", "l/h", "ml/min", "kg/h", "kg/s", "t/h", "gpm"),
    LEVEL: ("m", "cm", "mm", "ft", "mwc", "m wc"),
    PRESSURE: ("bar", "mbar", "bar(g)", "bar g", "pa", "kpa", "mpa", "psi", "psig"),
    TEMPERATURE: ("°c", "c", "°f", "k", "degc", "degf"),
}  # fmt: skip


def starting_values(unit: str, words: Iterable[str] = ()) -> Start | None:
    """By what is measured: the unit says it, else a word in the name or title of the tag (like 'level' in %)."""
    plain = unit.strip().lower()
    for start, units in _BY_UNIT.items():
        if plain in units:
            return start
    said = " ".join(words).lower()
    return next((start for start in _BY_UNIT if start.what in said), None)


def suggestion_for(tag: "Tag") -> str | None:
    """The starting values of a tag in a sentence (ALM-13)."""
    start = starting_values(tag.unit, (tag.name, tag.title))
    if start is None:
        return None
    deadband = f"{start.deadband_pct:g} % of the span"
    if tag.eu_min is not None and tag.eu_max is not None:
        unit = f" {tag.unit}" if tag.unit else ""
        deadband = f"{(tag.eu_max - tag.eu_min) * start.deadband_pct / 100:.3g}{unit} ({deadband})"
    return f"Usual to begin with for a {start.what}: a deadband of {deadband} and delays of {start.delay_s:g} s."


def latest_setpoint(limit: float, rate: float, minutes_to_respond: float, *, margin: float, is_high: bool) -> float:
    """The setpoint that still leaves time before `limit` is reached (ALM-12). `rate`: units per hour, towards it."""
    way = rate * minutes_to_respond * margin / 60
    return limit - way if is_high else limit + way


def setpoint_sentence(alarm: "Alarm", unit: str, limit: float, rate: float, margin: float) -> tuple[bool, str]:
    """(does the setpoint leave the time to respond?, the sentence that says so)."""
    is_high = alarm.kind in (Kind.HI, Kind.HIHI)
    latest = latest_setpoint(limit, rate, alarm.time_to_respond_min, margin=margin, is_high=is_high)
    setpoint = alarm.setpoint if alarm.setpoint is not None else latest
    is_early = setpoint <= latest if is_high else setpoint >= latest
    shown = f"{latest:.6g} {unit}".strip()
    how = (
        f"{limit:g} is reached at {rate:g} {unit}/h, and {margin:g} x {alarm.time_to_respond_min:g} min are to be left"
    )
    verdict = "leaves the time to respond" if is_early else "comes too late"
    bound = "at most" if is_high else "at least"
    return is_early, f"The setpoint {setpoint:g} {verdict}: it should be {bound} {shown} ({how})."


def advice(alarm: "Alarm", tag: "Tag | None") -> list[str]:
    """What to think about again, of one alarm whose values are possible (ALM-11, ALM-13)."""
    found = [sentence] if (sentence := too_fast(alarm.time_to_respond_min)) else []
    if tag is not None and Kind(alarm.kind).has_setpoint and alarm.deadband == 0:
        text = "The deadband is 0: noise around the setpoint makes an alarm each time."
        hint = suggestion_for(tag)
        found.append(f"{text} {hint}" if hint else text)
    return found
