"""What keeps an alarm from being annunciated while it goes on working (ALM-02). Pure; times are int64 ms UTC.

Three overlays, each on its own: leaving one does not end another. None of them changes the base state, and none
acknowledges. `State` and `Refused` are those of logic.py.
"""

from dataclasses import dataclass, replace
from typing import Final

from alarms.kinds import Event, Mute
from alarms.logic import Refused, Rules, State

MINUTE_MS: Final = 60_000
SHORTEST_REASON: Final = 3


@dataclass(frozen=True, slots=True)
class Shelving:
    """`until_ms`: when it ends by itself at the latest. `one_shot`: also when the alarm goes inactive."""

    until_ms: int
    one_shot: bool = False


@dataclass(frozen=True, slots=True)
class Muting:
    shelving: Shelving | None = None
    by_design: str = ""
    """The rule by which logic suppresses it; empty: none does."""
    out_of_service: bool = False
    by_causes: bool = False
    """The rule is that causes are active, and nothing else."""
    bared: str = ""
    """Why the rule, which rests on causes alone, is not in effect: nobody sees them (alarms/causes.py)."""

    @property
    def is_suppressed(self) -> bool:
        return bool(self.by_design) and not self.bared

    @property
    def reasons(self) -> tuple[Mute, ...]:
        """All that apply, in the order of precedence."""
        applies = {
            Mute.OUT_OF_SERVICE: self.out_of_service,
            Mute.BY_DESIGN: self.is_suppressed,
            Mute.SHELVED: self.shelving is not None,
        }
        return tuple(mute for mute, is_so in applies.items() if is_so)

    @property
    def shown(self) -> Mute | None:
        return next(iter(self.reasons), None)


@dataclass(frozen=True, slots=True)
class ShelveLimits:
    """`max_minutes`: the least of the limits of alarm, class and site."""

    allowed: bool
    max_minutes: int


@dataclass(frozen=True, slots=True)
class Muted:
    """`state` differs from the one before only where the end of a suppression annunciates anew."""

    muting: Muting
    state: State
    event: Event
    annunciates: bool = False


Outcome = Muted | Refused | None

NOT_SHELVABLE: Final = Refused("not_shelvable", "Alarms of this class cannot be shelved.")
NOT_SHELVED: Final = Refused("not_shelved", "The alarm is not shelved.")
REASON_MISSING: Final = Refused("reason_missing", f"Say why, in at least {SHORTEST_REASON} characters.")
OUT_ALREADY: Final = Refused("out_of_service", "The alarm is out of service already.")
IN_ALREADY: Final = Refused("in_service", "The alarm is in service already.")


def shelve(
    muting: Muting, state: State, limits: ShelveLimits, minutes: float, reason: str, now_ms: int, *, one_shot: bool
) -> Outcome:
    """From any base state. Shelving a shelved alarm again sets its new end."""
    if not limits.allowed:
        return NOT_SHELVABLE
    if len(reason.strip()) < SHORTEST_REASON:
        return REASON_MISSING
    if not 0 < minutes <= limits.max_minutes:
        text = f"An alarm of this kind can be shelved for at most {limits.max_minutes} minutes, not {minutes:g}."
        return Refused("too_long" if minutes > 0 else "no_time", text)
    shelving = Shelving(now_ms + round(minutes * MINUTE_MS), one_shot)
    return Muted(replace(muting, shelving=shelving), state, Event.SHELVE)


def unshelve(muting: Muting, state: State) -> Outcome:
    if muting.shelving is None:
        return NOT_SHELVED
    return _bared(replace(muting, shelving=None), state, Event.UNSHELVE)


def expired(muting: Muting, state: State, now_ms: int) -> Outcome:
    """Ends a shelving whose time is over."""
    if muting.shelving is None or now_ms < muting.shelving.until_ms:
        return None
    return unshelve(muting, state)


def returned(muting: Muting, state: State) -> Outcome:
    """The alarm went inactive: a one-shot shelving ends."""
    if muting.shelving is None or not muting.shelving.one_shot or state.active:
        return None
    return unshelve(muting, state)


def suppress(
    muting: Muting, state: State, rules: Rules, rule: str, *, by_causes: bool = False, bared: str = ""
) -> Outcome:
    """Only logic does this, never a person. Asked again where another rule says so, or where what is seen of the causes
    has changed. `bared`: why nobody sees any of them; a rule that does not rest on causes alone is always in effect.

    A suppression that is no longer in effect ends for those who look at the list as any other does.
    """
    after = replace(muting, by_design=rule, by_causes=by_causes, bared=bared if by_causes else "")
    if after == muting:
        return None
    if not after.bared:
        return Muted(after, state, Event.SUPPRESS)
    if muting.is_suppressed:
        return _unhidden(after, state, rules, Event.CAUSE_MUTED)
    return Muted(after, state, Event.CAUSE_MUTED)


def unsuppress(muting: Muting, state: State, rules: Rules) -> Outcome:
    if not muting.by_design:
        return None
    after = replace(muting, by_design="", by_causes=False, bared="")
    if muting.bared:  # it has been in the list already
        return Muted(after, state, Event.UNSUPPRESS)
    return _unhidden(after, state, rules, Event.UNSUPPRESS)


def _unhidden(muting: Muting, state: State, rules: Rules, event: Event) -> Muted:
    """What is active then calls for the operator as something new, whatever was acknowledged before. What has come and
    gone meanwhile wants its acknowledgement and stands in the list, but calls nobody: its cause did."""
    if not state.active:
        return Muted(muting, state, event)
    state = replace(state, acked=not rules.ack_required, occurrence=state.occurrence + 1, realarms=0)
    return Muted(muting, state, event, annunciates=muting.shown is None)


def out_of_service(muting: Muting, state: State, reason: str) -> Outcome:
    if muting.out_of_service:
        return OUT_ALREADY
    if len(reason.strip()) < SHORTEST_REASON:
        return REASON_MISSING
    return Muted(replace(muting, out_of_service=True), state, Event.OUT_OF_SERVICE)


def in_service(muting: Muting, state: State) -> Outcome:
    if not muting.out_of_service:
        return IN_ALREADY
    return _bared(replace(muting, out_of_service=False), state, Event.IN_SERVICE)


def _bared(muting: Muting, state: State, event: Event) -> Muted:
    return Muted(muting, state, event, annunciates=muting.shown is None and state.base.wants_ack)
