"""What would quieten an alarm that chatters: longer delays or a wider deadband, tried on its own history. Pure.

The history is pairs of alarm and return. Delays can be replayed: when the condition held follows from the pairs and
the delays of that time, which are taken to be the present ones. Within an off-delay it may have been false for a
moment, which nobody knows: an on-delay then removes at least what is said. A deadband can not be replayed: of the
course of the value only what it was at the alarm and at the return is known. So its figure is the most it can have
removed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from alarms.kinds import Event, Kind

ON_DELAYS_S: Final = (1, 2, 5, 10, 15, 30, 60)
OFF_DELAYS_S: Final = (5, 10, 15, 30, 60, 120, 300)
DEADBANDS_PCT: Final = (0.5, 1, 2, 5)
"""Of the span of the tag."""
DEADBAND_TIMES: Final = (1.5, 2, 3, 5)
"""Of the present deadband, where the span is not known or the deadband is as wide as that already."""
MOST_OF_RESPONSE: Final = 0.1
"""An on-delay may take at most this part of the time to respond: the operator waits for it."""
ENOUGH: Final = 0.9
"""Proposed is the smallest that removes this part of what the largest would."""


class Pair(NamedTuple):
    """One activation by the journal, ms UTC of the samples. `return_ms` None: it is active still. Values where they
    are known."""

    alarm_ms: int
    return_ms: int | None
    alarm_value: float | None = None
    return_value: float | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """How the alarm is set now. `span`: of its tag; None: not known."""

    kind: Kind
    setpoint: float | None
    deadband: float
    on_delay_s: float
    off_delay_s: float
    respond_min: float
    span: float | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting tried. `left`: activations that would have remained, of `of`; at a deadband: at least that many."""

    value: float
    left: int
    of: int

    @property
    def removed(self) -> int:
        return self.of - self.left

    @property
    def removed_pct(self) -> float:
        return self.removed * 100 / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`proposed`: the smallest of `tried` that does nearly as much as the largest; None: none of them removes any."""

    what: str
    unit: str
    now: float
    tried: list[Tried]
    note: str

    @property
    def proposed(self) -> Tried | None:
        most = max((t.removed for t in self.tried), default=0)
        return next((t for t in self.tried if most and t.removed >= ENOUGH * most), None)


def pairs_of(entries: Iterable[tuple[str, int, object]]) -> list[Pair]:
    """From (event, source_ms, value) of one alarm, in order. A return whose alarm is not among them is left out."""
    found: list[Pair] = []
    for event, at_ms, value in entries:
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        if event == Event.ALARM:
            found.append(Pair(at_ms, None, number))
        elif event == Event.RETURN and found and found[-1].return_ms is None:
            found[-1] = found[-1]._replace(return_ms=at_ms, return_value=number)
    return found


def replay(pairs: Sequence[Pair], setting: Setting, on_delay_s: float, off_delay_s: float) -> int:
    """How often the alarm would have come with these delays, neither shorter than those it had."""
    had_on, had_off = round(setting.on_delay_s * 1000), round(setting.off_delay_s * 1000)
    on_ms, off_ms = round(on_delay_s * 1000), round(off_delay_s * 1000)
    count, is_active, false_since = 0, False, 0
    for pair in pairs:
        true_since = pair.alarm_ms - had_on
        if is_active and true_since - false_since >= off_ms:
            is_active = False
        true_until = None if pair.return_ms is None else pair.return_ms - had_off
        if not is_active and (true_until is None or true_until - true_since >= on_ms):
            is_active, count = True, count + 1
        if true_until is None:
            break
        false_since = true_until
    return count


def replay_deadband(pairs: Sequence[Pair], setting: Setting, deadband: float) -> int:
    """How often it would have come at least: where the value at the return had not come back far enough, it is taken
    that it did not until the next alarm. Where no value is known, the return counts."""
    limit = setting.setpoint or 0.0
    is_high = setting.kind in (Kind.HI, Kind.HIHI)
    count, is_active = 0, False
    for pair in pairs:
        count += not is_active
        value = pair.return_value
        back = value is None or (value <= limit - deadband if is_high else value >= limit + deadband)
        is_active = pair.return_ms is None or not back
    return count


def suggestions(pairs: Sequence[Pair], setting: Setting) -> list[Suggestion]:
    of = len(pairs)
    longest_on = setting.respond_min * 60 * MOST_OF_RESPONSE
    on = [float(s) for s in ON_DELAYS_S if setting.on_delay_s < s <= longest_on]
    off = [float(s) for s in OFF_DELAYS_S if s > setting.off_delay_s]
    found = [
        Suggestion(
            "on-delay", "s", setting.on_delay_s,
            [Tried(s, replay(pairs, setting, s, setting.off_delay_s), of) for s in on],
            f"It comes that much later. Tried is up to a tenth of the {setting.respond_min:g} min to respond."
            if on else f"None is tried: a longer one takes more than a tenth of the {setting.respond_min:g} min to "
            "respond.",
        ),
        Suggestion(
            "off-delay", "s", setting.off_delay_s,
            [Tried(s, replay(pairs, setting, setting.on_delay_s, s), of) for s in off],
            "It comes as early as now, and stands that much longer. This is replayed from the times of the journal.",
        ),
    ]  # fmt: skip
    if setting.kind.is_level and setting.setpoint is not None:
        found.append(_deadband(pairs, setting))
    return found


def _deadband(pairs: Sequence[Pair], setting: Setting) -> Suggestion:
    of_span = [setting.span * pct / 100 for pct in DEADBANDS_PCT] if setting.span else []
    wider = [d for d in of_span if d > setting.deadband]
    wider = wider or [setting.deadband * times for times in DEADBAND_TIMES if setting.deadband]
    known = sum(pair.return_value is not None for pair in pairs)
    note = (
        f"Judged by the values at alarm and return alone ({known} of {len(pairs)} returns have one): between them the "
        "value may have come back further. So this is the most it can have removed."
        if known and wider
        else "It cannot be judged: no value is known at the returns."
        if wider
        else "None is tried: the tag has no range and the alarm no deadband, so there is no measure for one."
    )
    tried = [Tried(d, replay_deadband(pairs, setting, d), len(pairs)) for d in wider]
    return Suggestion("deadband", "", setting.deadband, tried if known else [], note)
