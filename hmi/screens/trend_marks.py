"""What happened to the tags of a trend in its time: alarms that came and went, and what people did."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from alarms.current import current_alarms
from alarms.journal import JournalFilters, selected
from alarms.kinds import Event, Priority
from alarms.models import JournalEntry
from audit.actions import Result
from audit.models import AuditRecord
from devices.snapshot import TagEntry
from hmi.screens.alarm_looks import LOOKS
from hmi.screens.alarm_rights import AlarmScope

MOST: Final = 300
"""Marks of one answer, the newest of them."""
_SERVER_LATER_MS: Final = 60_000
"""Marks stand at the time of the plant; the journal is read by the time of the server, which learns of it later."""
_EVENTS: Final = (
    Event.ALARM, Event.RETURN, Event.ACK, Event.RESET, Event.SHELVE, Event.UNSHELVE, Event.OUT_OF_SERVICE,
    Event.IN_SERVICE,
)  # fmt: skip
_DONE: Final = {
    "value.entered": "Value entered",
    "substitution.begun": "Substituted",
    "substitution.ended": "Substitution ended",
    "device.out_of_use": "Device taken out of use",
    "device.put_back": "Device put back into use",
    "total.preset": "Total preset",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """`kind`: alarm, return, or done (by somebody). `priority`: of an alarm, else 0. `uuid`: of the alarm, or empty."""

    at_ms: int
    kind: str
    priority: int
    text: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """In order of time. `is_cut`: there are more, older ones."""

    marks: list[Mark]
    is_cut: bool

    def as_rows(self, from_ms: int) -> list[list[Any]]:
        return [[m.at_ms - from_ms, m.kind, m.priority, m.text, m.uuid] for m in self.marks]


def marks_of(scope: AlarmScope, tags: Collection[TagEntry], from_ms: int, to_ms: int) -> Marks:
    """`tags`: those the person sees. Alarms and actions of other areas stay out, whatever tag they are about."""
    found = [*_alarms(scope, tags, from_ms, to_ms), *_done(scope, tags, from_ms, to_ms)]
    found.reverse()  # they come the newest first
    found.sort(key=lambda mark: mark.at_ms)
    return Marks(found[-MOST:], len(found) > MOST)


def _alarms(scope: AlarmScope, tags: Collection[TagEntry], from_ms: int, to_ms: int) -> Iterator[Mark]:
    ids = {tag.id for tag in tags}
    alarms = [alarm for alarm in current_alarms().alarms.values() if alarm.tag is not None and alarm.tag.id in ids]
    if not alarms:
        return
    filters = JournalFilters(from_ms=from_ms, to_ms=to_ms + _SERVER_LATER_MS)
    rows = selected(scope.areas, False, filters).filter(
        alarm_uuid__in=[alarm.uuid for alarm in alarms], event__in=[event.value for event in _EVENTS]
    )
    for row in rows.order_by("-server_ms", "-pk")[: MOST + 1]:
        if from_ms <= row.source_ms < to_ms:
            yield _of_alarm(row)


def _of_alarm(row: JournalEntry) -> Mark:
    event = Event(row.event)
    kind = {Event.ALARM: "alarm", Event.RETURN: "return"}.get(event, "done")
    who = f" by {row.actor_name}" if row.actor_kind in {"user", "token"} else ""
    because = f": {row.reason}" if row.reason and kind == "done" else ""
    text = f"{event.label.capitalize()}{who}: {row.message}{because}"
    priority = LOOKS[Priority(row.priority)].number if kind != "done" else 0
    return Mark(row.source_ms, kind, priority, text, str(row.alarm_uuid))


def _done(scope: AlarmScope, tags: Collection[TagEntry], from_ms: int, to_ms: int) -> Iterator[Mark]:
    """What people did to the tags, and to their devices where the person sees the area those stand in."""
    snapshot = scope.scope.layout.snapshot
    devices = {snapshot.devices[tag.device_id] for tag in tags if tag.device_id in snapshot.devices}
    uuids = [tag.uuid for tag in tags] + [d.uuid for d in devices if d.area_id in scope.areas]
    begin, end = (datetime.fromtimestamp(at / 1000, UTC) for at in (from_ms, to_ms))
    rows = AuditRecord.objects.filter(
        at__gte=begin, at__lt=end, category="operation", object_id__in=uuids, event__in=list(_DONE),
        result=Result.OK.value,
    )  # fmt: skip
    for row in rows.order_by("-at", "-pk")[: MOST + 1]:
        yield _of_action(row)


def _of_action(row: AuditRecord) -> Mark:
    what = f"{_DONE[row.event]} by {row.actor_name}: {row.object_text}"
    value = (row.new or {}).get("value")
    said = f"{what} = {value}" if value is not None else what
    at_ms = round(row.at.timestamp() * 1000)
    return Mark(at_ms, "done", 0, f"{said}, {row.reason}" if row.reason else said)
