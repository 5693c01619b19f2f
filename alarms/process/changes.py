"""What a new configuration means for alarms that are not normal: none of them is dropped in silence (1.2, ALM-25).

A changed definition is noted with what it was and is, and the alarm is judged by the new one. An alarm that is switched
off returns to normal by the same table as any other: what was not acknowledged still wants it, and a latch is still to
be reset. Of a deleted alarm the journal says that it ended.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

from django.db.models import Q

from alarms import muting
from alarms.definition import Definition
from alarms.kinds import Base, Event
from alarms.models import AlarmState, JournalEntry
from alarms.process.configuration import Configuration, Known
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, Writer, muting_of, state_of
from audit.actions import Actor

CONFIGURATION: Final = Actor.system("configuration")
_COPIED: Final = (
    "alarm_uuid", "occurrence", "path", "area_id", "area_path", "message", "kind", "priority", "alarm_class",
    "realarms", "value", "unit", "status", "setpoint",
)  # fmt: skip


def note_changes(writer: Writer, before: Known, configuration: Configuration, now_ms: int) -> None:
    unsettled = ~Q(base=Base.NORMAL.value) | ~Q(suppressed_rule="")
    entries = configuration.alarms.alarms
    ids = [pk for pk in AlarmState.objects.filter(unsettled).values_list("pk", flat=True) if pk in entries]
    writer.rows(entries[pk] for pk in ids)
    for pk in ids:
        if pk in configuration.known.alarms:
            _note(writer, entries[pk], before, configuration, now_ms)
        elif not entries[pk].enabled:  # of Isthmus itself: the watch no longer looks at it
            _switched_off(writer, entries[pk], configuration.revision, now_ms)
    known = {uuid for uuid, *_ in configuration.known.alarms.values()}
    for uuid in sorted({uuid for uuid, *_ in before.alarms.values()} - known):
        _deleted(writer, uuid, configuration.revision, now_ms)


def _note(writer: Writer, entry: AlarmEntry, before: Known, configuration: Configuration, now_ms: int) -> None:
    row, revision = writer.row(entry), configuration.revision
    when = When(now_ms, now_ms, row.value, row.status, revision)
    _, was_enabled, old = before.alarms.get(entry.id, ("", True, entry.definition))
    _, is_enabled, new = configuration.known.alarms[entry.id]
    if not is_enabled:
        off = Who(CONFIGURATION, f"The alarm, or its tag, is switched off since revision {revision}.")
        if was_enabled:
            writer.note(entry, off, when)
        writer.happen(entry, Event.RETURN, off, when)
        _end_suppression(writer, entry, off, when)
    elif old != new:
        who = Who(CONFIGURATION, f"The definition was changed in revision {revision}.", dict(_differences(old, new)))
        writer.note(entry, who, when)
    if is_enabled and new.suppression is None:
        _end_suppression(writer, entry, Who(CONFIGURATION, "Nothing suppresses it any more."), when)


def _switched_off(writer: Writer, entry: AlarmEntry, revision: int, now_ms: int) -> None:
    row, off = writer.row(entry), Who(CONFIGURATION, f"The alarm is switched off since revision {revision}.")
    writer.happen(entry, Event.RETURN, off, When(now_ms, now_ms, row.value, row.status, revision))


def _end_suppression(writer: Writer, entry: AlarmEntry, who: Who, when: When) -> None:
    row = writer.row(entry)
    writer.mute(entry, muting.unsuppress(muting_of(row), state_of(row), entry.definition.rules), who, when)


def _differences(old: Definition, new: Definition) -> Iterator[tuple[str, Any]]:
    """Field -> what it was and is, of the fields that differ."""
    was, now = dict(_flat(old)), dict(_flat(new))
    for name in dict.fromkeys([*was, *now]):
        if was.get(name) != now.get(name):
            yield name, {"old": was.get(name), "new": now.get(name)}


def _flat(part: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(part):
        value = getattr(part, field.name)
        if hasattr(value, "__dataclass_fields__"):
            yield from _flat(value)
        elif field.name != "id":
            yield field.name, value


def _deleted(writer: Writer, uuid: str, revision: int, now_ms: int) -> None:
    """Its row is gone with it. The newest entry says how it stood."""
    newest = JournalEntry.objects.filter(alarm_uuid=uuid).order_by("-seq").first()
    if newest is None or newest.to_state == Base.NORMAL.value:
        return
    copied = {name: getattr(newest, name) for name in _COPIED}
    writer.entries.append(
        JournalEntry(
            **copied, seq=newest.seq + 1, event=Event.CHANGED.value, from_state=newest.to_state,
            to_state=Base.NORMAL.value, mutes_before=newest.mutes_after, source_ms=now_ms, server_ms=now_ms,
            writing_no=writer.no, actor_kind=CONFIGURATION.kind, actor_id=CONFIGURATION.id,
            actor_name=CONFIGURATION.name, revision=revision,
            reason=f"The alarm was deleted by revision {revision} while it was not normal.",
        )
    )  # fmt: skip
