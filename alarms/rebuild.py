"""How an alarm stands, from its journal alone (ALM-04): the entries say all that changed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from alarms.kinds import Base, Event, Mute
from alarms.logic import State
from alarms.muting import Muting, Shelving


class Entry(Protocol):
    """What is read of a JournalEntry."""

    seq: int
    event: str
    from_state: str
    to_state: str
    mutes_before: str
    mutes_after: str
    occurrence: int
    realarms: int
    details: Mapping[str, Any]


class BrokenJournal(ValueError):
    """The entries do not follow from each other: one is missing, or is not what was written."""


def rebuild(entries: Iterable[Entry]) -> tuple[State, Muting]:
    """From all entries of one alarm, oldest first. Raises BrokenJournal.

    An alarm that was deleted and is there again goes on in its old journal, from normal and not muted.
    """
    state, muting = State(), Muting()
    for number, entry in enumerate(entries, start=1):
        if entry.seq != number:
            raise BrokenJournal(f"Entry {number} of the alarm is missing: found is number {entry.seq}.")
        if (entry.from_state, entry.mutes_before) == (Base.NORMAL.value, ""):
            state, muting = State(), Muting()
        elif (entry.from_state, entry.mutes_before) != (state.base.value, ",".join(muting.reasons)):
            found = f"{entry.from_state} {entry.mutes_before}".strip()
            expected = f"{state.base.value} {','.join(muting.reasons)}".strip()
            raise BrokenJournal(f"Entry {number} begins at '{found}', but the one before ends at '{expected}'.")
        state, muting = _state(entry), _bared(_muting(muting, entry), entry)
        if entry.mutes_after != ",".join(muting.reasons):
            raise BrokenJournal(f"Entry {number} does not lead to '{entry.mutes_after}'.")
    return state, muting


def _state(entry: Entry) -> State:
    base = Base(entry.to_state)
    return State(
        active=base in (Base.UNACK, Base.ACKED),
        acked=not base.wants_ack,
        latched=base in (Base.LATCH_UNACK, Base.LATCH_ACK) or bool(entry.details.get("latched")),
        occurrence=entry.occurrence,
        realarms=entry.realarms,
    )


def _muting(before: Muting, entry: Entry) -> Muting:
    match Event(entry.event):
        case Event.SHELVE:
            until_ms, one_shot = entry.details.get("until_ms"), bool(entry.details.get("one_shot"))
            if not isinstance(until_ms, int):
                raise BrokenJournal(f"Entry {entry.seq} does not say until when the alarm was shelved.")
            return replace(before, shelving=Shelving(until_ms, one_shot))
        case Event.UNSHELVE:
            return replace(before, shelving=None)
        case Event.SUPPRESS:
            is_by_causes = bool(entry.details.get("by_causes"))
            return replace(before, by_design=str(entry.details.get("rule", "")), by_causes=is_by_causes, bared="")
        case Event.UNSUPPRESS:
            return replace(before, by_design="", by_causes=False, bared="")
        case Event.OUT_OF_SERVICE | Event.IN_SERVICE:
            return replace(before, out_of_service=Mute.OUT_OF_SERVICE in entry.mutes_after.split(","))
        case _:
            return before


def _bared(before: Muting, entry: Entry) -> Muting:
    """Every entry of an alarm that shows itself says why: one that is normal and not muted begins anew above, and so
    would it."""
    said = entry.details.get("bared")
    if isinstance(said, Mapping):
        return replace(before, by_design=str(said.get("rule")), by_causes=True, bared=str(said.get("why")))
    if before.bared or entry.event == Event.CAUSE_MUTED:
        raise BrokenJournal(f"Entry {entry.seq} does not say why the alarm is not suppressed.")
    return before
