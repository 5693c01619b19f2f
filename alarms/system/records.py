"""What the watches over Isthmus write: the definitions a site gets once, and what happens to them.

Two processes may see the same thing: the alarms process, and the one for background work, which watches that one. Both
have the same conditions, and whoever comes second finds that the row is not as it was when it looked.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from alarms.kinds import Kind
from alarms.models import Alarm, AlarmClass, AlarmState
from alarms.snapshot import AlarmEntry
from alarms.standard_classes import STANDARD_CLASSES
from alarms.standard_classes import identity_of as identity_of_class
from alarms.system.conditions import Happened
from alarms.system.definitions import SYSTEM_ALARMS, identity_of
from alarms.transitions import When, Who, writing
from audit.actions import Actor, Subject, record
from plant import revisions

CLASS: Final = "diagnostic"
WATCH: Final = Actor.system("watch")


def seed() -> None:
    """Give the site the system alarms it has not yet. What is there is left as it is. Raises DatabaseError."""
    if not _missing():
        return
    with transaction.atomic():
        revisions.lock()
        missing = _missing()  # another process may have been first
        if not missing:
            return
        group = AlarmClass.objects.filter(name__iexact=CLASS).first() or AlarmClass.objects.create(
            name=CLASS, uuid=identity_of_class(CLASS), **STANDARD_CLASSES[CLASS]
        )
        for name in missing:
            alarm = _alarm(name, group)
            alarm.full_clean(exclude={"tag"})  # it has none
            alarm.save()
            subject = Subject("alarms.alarm", str(alarm.uuid), alarm.path)
            record("configuration", "alarm.created", Actor.system("setup"), subject=subject, new={"name": name})
        revisions.bump("system:setup", f"Alarms of Isthmus itself: {len(missing)}")


def _missing() -> list[str]:
    known = {name.lower() for name in Alarm.objects.filter(tag=None).values_list("name", flat=True)}
    return [name for name in SYSTEM_ALARMS if name not in known]


def _alarm(name: str, group: AlarmClass) -> Alarm:
    said = SYSTEM_ALARMS[name]
    return Alarm(
        uuid=identity_of(name), name=name, kind=Kind.SYSTEM.value, message=said.message, alarm_class=group,
        on_delay_s=said.delays[0], off_delay_s=said.delays[1], severity=said.severity.value,
        time_to_respond_min=said.minutes, cause=said.cause, consequence=said.consequence,
        operator_action=said.operator_action, owner="Administration", approved_by="Delivered with Isthmus",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """The row when it was judged; `occurrence` None: there was none yet."""

    active: bool = False
    occurrence: int | None = None


def seen_rows(entries: Mapping[str, AlarmEntry]) -> dict[str, Seen]:
    rows = AlarmState.objects.filter(pk__in=[e.id for e in entries.values()])
    known = {row.pk: Seen(row.active, row.occurrence) for row in rows}
    return {name: known.get(entry.id, Seen()) for name, entry in entries.items()}


def write(entries: Mapping[str, AlarmEntry], happened: list[Happened], seen: Mapping[str, Seen], revision: int) -> int:
    """What still is as it was `seen`. The rows are asked again inside: what somebody else has written meanwhile is not
    written twice. Returns how many were written."""
    now_ms = time.time_ns() // 1_000_000
    with writing() as writer:
        there = set(Alarm.objects.filter(pk__in=[entries[h.name].id for h in happened]).values_list("pk", flat=True))
        for one in happened:
            entry, then = entries[one.name], seen[one.name]
            if entry.id not in there:
                continue
            row = writer.row(entry)
            if row.active is not then.active or then.occurrence not in (None, row.occurrence):
                continue
            when = When(now_ms, now_ms, one.value, 0, revision)
            writer.happen(entry, one.event, Who(WATCH, one.said[:300]), when)
        return len(writer.entries)
