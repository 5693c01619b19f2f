"""The life cycle of one alarm: standards.md 1.2 as a table. Pure.

The state is four independent flags; its name is derived (ALM-01). `step()` says what an event makes of a state: a
Change, a Refused with the reason, or None where the event means nothing there. Overlays (shelved, suppressed, out of
service) stand in muting.py: they hide an alarm and change nothing here (ALM-02).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from alarms.kinds import Base, Event


@dataclass(frozen=True, slots=True)
class State:
    """`occurrence` counts the times the alarm went active; `realarms` those of this occurrence that were repeats.

    `latched`: the alarm went active and was not reset since; only latching alarms have it.
    """

    active: bool = False
    acked: bool = True
    latched: bool = False
    occurrence: int = 0
    realarms: int = 0

    @property
    def base(self) -> Base:
        if self.active:
            return Base.ACKED if self.acked else Base.UNACK
        if self.latched:
            return Base.LATCH_ACK if self.acked else Base.LATCH_UNACK
        return Base.NORMAL if self.acked else Base.RTN_UNACK


@dataclass(frozen=True, slots=True)
class Rules:
    """What the definition decides about the life cycle.

    `ack_on_return`: returning to normal acknowledges (class "auto-ack on RTN"). `relatch_silently`: an acknowledged
    latch that goes active again stays acknowledged; otherwise it annunciates anew.
    """

    latching: bool = False
    ack_required: bool = True
    ack_on_return: bool = False
    relatch_silently: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """`annunciates`: it calls for the operator (as long as nothing mutes it)."""

    state: State
    event: Event
    annunciates: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` is for programs, the sentence for people: what is the case, and what to do."""

    code: str
    sentence: str


Outcome = Change | Refused | None

NOT_ALARMING: Final = Refused("not_alarming", "There is nothing to acknowledge: the alarm is normal.")
ALREADY_ACKED: Final = Refused("already_acked", "The alarm is acknowledged already.")
NEWER: Final = Refused(
    "newer_occurrence", "The alarm has come again since you looked. Look at the newest one, then acknowledge that."
)
NOT_LATCHED: Final = Refused("not_latched", "There is nothing to reset: the alarm is not latched.")
STILL_ACTIVE: Final = Refused("still_active", "The alarm is still active. It can be reset when its cause has gone.")
ACK_FIRST: Final = Refused("ack_first", "Acknowledge the alarm first, then reset it.")


def step(state: State, event: Event, rules: Rules, seen: int | None = None) -> Outcome:
    """`seen`: for an acknowledgement, the occurrence the person saw; None from a place that knows there is no newer.

    Raises KeyError for an event that is not of the base machine.
    """
    return _TABLE[event](state, rules, seen)


def _alarm(state: State, rules: Rules, _: int | None) -> Outcome:
    if state.active:
        return None
    is_silent = state.base is Base.LATCH_ACK and rules.relatch_silently
    after = State(
        active=True,
        acked=is_silent or not rules.ack_required,
        latched=rules.latching or state.latched,
        occurrence=state.occurrence + 1,
    )
    return Change(after, Event.ALARM, annunciates=not is_silent)


def _return(state: State, rules: Rules, _: int | None) -> Outcome:
    if not state.active:
        return None
    acked = state.acked or (rules.ack_on_return and not state.latched)
    return Change(replace(state, active=False, acked=acked), Event.RETURN)


def _ack(state: State, _: Rules, seen: int | None) -> Outcome:
    if seen is not None and seen != state.occurrence:
        return NEWER if seen < state.occurrence else NOT_ALARMING
    if state.acked:
        return NOT_ALARMING if state.base is Base.NORMAL else ALREADY_ACKED
    return Change(replace(state, acked=True), Event.ACK)


def _reset(state: State, _rules: Rules, _seen: int | None) -> Outcome:
    if not state.latched:
        return NOT_LATCHED
    if state.active:
        return STILL_ACTIVE
    if not state.acked:
        return ACK_FIRST
    return Change(replace(state, latched=False), Event.RESET)


def _realarm(state: State, rules: Rules, _: int | None) -> Outcome:
    """How often it may do so is the caller's to say (ALM-16)."""
    if state.base is not Base.ACKED:
        return None
    after = replace(state, acked=not rules.ack_required, realarms=state.realarms + 1)
    return Change(after, Event.REALARM, annunciates=True)


_BEGINS: Final = (Event.ALARM, Event.ACK, Event.REALARM, Event.UNSUPPRESS, Event.CAUSE_MUTED)
"""From these on the time to the next re-alarm counts."""


def realarm_at(due_ms: int | None, state: State, event: Event, now_ms: int, after_ms: int, limit: int) -> int | None:
    """When an alarm that is in this state since `event` calls again (ALM-16); None: it does not. ms UTC.

    `due_ms`: what this said before the event. `after_ms`: after how long, 0: never; `limit`: how often an occurrence.
    """
    if state.base is not Base.ACKED or after_ms <= 0 or state.realarms >= limit:
        return None
    return now_ms + after_ms if due_ms is None or event in _BEGINS else due_ms


_TABLE: Final[dict[Event, Callable[[State, Rules, int | None], Outcome]]] = {
    Event.ALARM: _alarm, Event.RETURN: _return, Event.ACK: _ack, Event.RESET: _reset, Event.REALARM: _realarm,
}  # fmt: skip
