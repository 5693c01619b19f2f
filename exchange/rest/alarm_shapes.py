"""What REST answers about alarms carry. The names are a contract with programs outside: docs/api.md."""

from typing import Annotated, Final, Literal

from ninja import Schema
from pydantic import Field

from alarms.kinds import Priority
from alarms.lists import Listed
from alarms.models import JournalEntry
from alarms.transitions import muting_of
from bus.wire import wire_value
from exchange.rest.shapes import Time, iso
from exchange.rest.statuses import Word, word_of

PriorityWord = Literal["high", "medium", "low", "diagnostic"]
StateWord = Literal["normal", "unack", "acked", "rtn_unack", "latch_unack", "latch_ack"]
MuteWord = Literal["out_of_service", "by_design", "shelved"]
PRIORITIES: Final[dict[Priority, PriorityWord]] = {
    Priority.HIGH: "high", Priority.MEDIUM: "medium", Priority.LOW: "low", Priority.DIAGNOSTIC: "diagnostic",
}  # fmt: skip
Value = Annotated[
    bool | int | float | str | None, Field(description="Integers beyond 2^53 as text; null: none that can be used.")
]


class ShelvedOut(Schema):
    until: Time
    one_shot: Annotated[bool, Field(description="Ends also when the alarm goes inactive")]
    by: str
    since: Time
    reason: str


class OutOut(Schema):
    by: str
    since: Time
    reason: str
    work_order: str
    review_on: Annotated[str | None, Field(description="ISO 8601 date on which somebody looks again")]


class AlarmOut(Schema):
    path: Annotated[str, Field(description="Path of the tag, a colon, the name of the alarm")]
    uuid: str
    area: Annotated[str, Field(description="Path of the area; empty: an alarm of Isthmus itself")]
    message: str
    kind: str
    priority: PriorityWord
    alarm_class: str
    enabled: bool
    state: Annotated[StateWord, Field(description="Derived from active, acked and latched")]
    active: bool
    acked: bool
    latched: bool
    muted: Annotated[list[MuteWord], Field(description="Why it is not annunciated; the first is what is shown")]
    occurrence: Annotated[int, Field(description="How often it went active; an acknowledgement names it", ge=0)]
    realarms: Annotated[int, Field(description="Repeated calls of this occurrence", ge=0)]
    is_first_out: bool
    value: Annotated[Value, Field(description="At the newest alarm or return")]
    unit: str
    quality: Annotated[Word, Field(description="Of that value")]
    setpoint: float | None
    active_ts: Annotated[Time, Field(description="When the newest occurrence began, by its sample")]
    returned_ts: Time
    annunciated_ts: Annotated[Time, Field(description="When it last called for the operator")]
    acked_ts: Time
    acked_by: str
    shelved: ShelvedOut | None
    suppressed_by: Annotated[str, Field(description="The rule that suppresses it by design; empty: none")]
    shows_because: Annotated[
        str, Field(description="Why that rule is not in effect: nobody sees the causes it names; empty: it is")
    ]
    out_of_service: OutOut | None


class AlarmDetailOut(AlarmOut):
    cause: str
    consequence: str
    operator_action: str
    time_to_respond_min: float


class AlarmPage(Schema):
    items: list[AlarmOut]
    next: Annotated[str | None, Field(description="Give it as `cursor` for the page after this one; null: the end.")]
    at: Annotated[Time, Field(description="When this answer was made")]
    revision: Annotated[int, Field(description="Revision of the configuration the answer was made from")]


class AckIn(Schema):
    occurrence: Annotated[int, Field(description="The occurrence that was seen", ge=0, le=2**53)]
    comment: Annotated[str, Field(max_length=200)] = ""


class EntryOut(Schema):
    event_id: str
    alarm_uuid: str
    path: str
    area: str
    message: str
    kind: str
    priority: PriorityWord
    alarm_class: str
    event: str
    from_state: str
    to_state: str
    muted_before: list[str]
    muted_after: list[str]
    annunciated: bool
    is_first_out: bool
    occurrence: int
    realarms: int
    value: Value
    unit: str
    quality: Word
    status: int
    setpoint: float | None
    source_ts: Time
    server_ts: Time
    actor: str
    station: str
    reason: str
    details: dict[str, object]
    revision: int


class JournalOut(Schema):
    items: list[EntryOut]
    next: Annotated[str | None, Field(description="Give it as `cursor` for older entries; null: the end.")]


def alarm_out(found: Listed) -> AlarmOut:
    return AlarmOut.model_validate(_fields(found))


def detail_out(found: Listed) -> AlarmDetailOut:
    entry = found.entry
    guidance = {
        "cause": entry.cause, "consequence": entry.consequence, "operator_action": entry.operator_action,
        "time_to_respond_min": entry.time_to_respond_min,
    }  # fmt: skip
    return AlarmDetailOut.model_validate(_fields(found) | guidance)


def _fields(found: Listed) -> dict[str, object]:
    entry, row = found.entry, found.row
    was_active = row.occurrence > 0
    return {
        "path": entry.path, "uuid": entry.uuid, "area": entry.area_path, "message": entry.message,
        "kind": entry.kind.value, "priority": PRIORITIES[entry.priority], "alarm_class": entry.class_name,
        "enabled": entry.enabled, "state": row.base, "active": row.active, "acked": row.acked, "latched": row.latched,
        "muted": [mute.value for mute in muting_of(row).reasons], "occurrence": row.occurrence,
        "realarms": row.realarms, "is_first_out": row.is_first_out, "value": wire_value(row.value, row.status),
        "unit": entry.unit, "quality": word_of(row.status),
        "setpoint": row.setpoint if was_active else entry.setpoint, "active_ts": iso(row.active_at_ms),
        "returned_ts": iso(row.returned_at_ms), "annunciated_ts": iso(row.annunciated_at_ms),
        "acked_ts": iso(row.acked_at_ms), "acked_by": row.acked_by, "shelved": _shelved(found),
        "suppressed_by": row.suppressed_rule, "shows_because": row.bared, "out_of_service": _out(found),
    }  # fmt: skip


def _shelved(found: Listed) -> ShelvedOut | None:
    row = found.row
    if row.shelved_until_ms is None:
        return None
    return ShelvedOut(
        until=iso(row.shelved_until_ms), one_shot=row.shelved_once, by=row.shelved_by, since=iso(row.shelved_at_ms),
        reason=row.shelved_reason,
    )  # fmt: skip


def _out(found: Listed) -> OutOut | None:
    row = found.row
    if not row.out_of_service:
        return None
    review_on = row.out_review_on.isoformat() if row.out_review_on else None
    return OutOut(
        by=row.out_by, since=iso(row.out_at_ms), reason=row.out_reason, work_order=row.out_work_order,
        review_on=review_on,
    )  # fmt: skip


def entry_out(entry: JournalEntry) -> EntryOut:
    return EntryOut(
        event_id=str(entry.event_id), alarm_uuid=str(entry.alarm_uuid), path=entry.path, area=entry.area_path,
        message=entry.message, kind=entry.kind, priority=PRIORITIES[Priority(entry.priority)],
        alarm_class=entry.alarm_class,
        event=entry.event, from_state=entry.from_state, to_state=entry.to_state,
        muted_before=_words(entry.mutes_before), muted_after=_words(entry.mutes_after), annunciated=entry.annunciated,
        is_first_out=entry.is_first_out, occurrence=entry.occurrence, realarms=entry.realarms,
        value=wire_value(entry.value, entry.status), unit=entry.unit, quality=word_of(entry.status),
        status=entry.status, setpoint=entry.setpoint, source_ts=iso(entry.source_ms), server_ts=iso(entry.server_ms),
        actor=entry.actor_name, station=entry.station, reason=entry.reason, details=entry.details,
        revision=entry.revision,
    )  # fmt: skip


def _words(text: str) -> list[str]:
    return text.split(",") if text else []
