"""What people do to alarms: acknowledge, reset, shelve, take out of service, silence, and end that.

Every function is an action on a set of alarms: one writing, and for each alarm its own answer, journal entry and audit
record; what is refused for one is no reason not to do it for another. `may` says for each alarm whether the actor has
the right (`lambda alarm: alarm.area_id in areas`); what does not exist is refused in the same words. `now_ms`: UTC.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import timezone

from alarms import muting
from alarms.current import current_alarms
from alarms.kinds import Event
from alarms.logic import Refused
from alarms.models import AlarmState, Writing
from alarms.snapshot import AlarmEntry, AlarmSnapshot
from alarms.transitions import When, Who, Writer, muting_of, state_of, writing
from audit.actions import Actor, Subject, record, record_all, unsaved
from audit.models import AuditRecord
from bus.messages import Value
from bus.quality import Severity, severity
from devices.current import current_snapshot
from devices.readings import Reading, read
from plant.models import validate_one_line

LONGEST_TEXT: Final = 200
LONGEST_WORK_ORDER: Final = 64

May = Callable[[AlarmEntry], bool]

NOT_YOURS: Final = Refused(
    "not_allowed", "You may not do this to this alarm, or there is none: an administrator can grant the right."
)
COMMENT_MISSING: Final = Refused("comment_missing", "Alarms of this class are acknowledged with a comment. Write one.")
REVIEW_MISSING: Final = Refused("review_missing", "Say on which day somebody looks at it again: today or later.")
WHY_MISSING: Final = Refused("reason_missing", "Name the work order, or say why, in at least 3 characters.")
DATABASE_AWAY: Final = Refused(
    "database_away", "The database did not answer, so this was not done or is not certain. Look again, then try again."
)


@dataclass(frozen=True, slots=True)
class Result:
    """`refused` None: done. `path` is empty where the actor may not know it."""

    uuid: str
    path: str
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Silenced:
    """`no`: what the session keeps; alarms that called with a higher number are heard."""

    no: int
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class _Deed:
    """What is done to each of a set. `event`: of the audit."""

    event: str
    actor: Actor
    may: May
    reason: str
    at_ms: int
    details: Mapping[str, Any] = field(default_factory=dict)


Step = Callable[[Writer, AlarmEntry, AlarmState, Who, When], Refused | None]
Details = Callable[[AlarmEntry, AlarmState, When], Mapping[str, Any]]


def acknowledge(
    actor: Actor, items: Iterable[tuple[str, int]], comment: str, may: May, *, now_ms: int | None = None
) -> list[Result]:
    """`items`: uuid of the alarm and the occurrence that was seen; a newer one is not acknowledged (ALM-03)."""
    seen = dict(items)
    comment = comment.strip()

    def step(writer: Writer, alarm: AlarmEntry, row: AlarmState, who: Who, when: When) -> Refused | None:
        if alarm.ack_comment and not comment and state_of(row).base.wants_ack:
            return COMMENT_MISSING
        return writer.happen(alarm, Event.ACK, who, when, seen=seen[alarm.uuid])

    deed = _Deed("alarm.acknowledged", actor, may, comment, _now(now_ms))
    return _each(deed, seen, step, _text_problem(comment), _since)


def reset(actor: Actor, uuids: Iterable[str], may: May, *, now_ms: int | None = None) -> list[Result]:
    """Latched alarms whose cause has gone and that are acknowledged."""

    def step(writer: Writer, alarm: AlarmEntry, _: AlarmState, who: Who, when: When) -> Refused | None:
        return writer.happen(alarm, Event.RESET, who, when)

    return _each(_Deed("alarm.reset", actor, may, "", _now(now_ms)), uuids, step)


def shelve(
    actor: Actor, uuids: Iterable[str], minutes: float, reason: str, may: May, *, one_shot: bool = False,
    now_ms: int | None = None,
) -> list[Result]:  # fmt: skip
    """The reason is kept with each alarm (ALM-24). `one_shot`: also ends when the alarm goes inactive."""
    reason = reason.strip()

    def step(writer: Writer, alarm: AlarmEntry, row: AlarmState, who: Who, when: When) -> Refused | None:
        outcome = muting.shelve(
            muting_of(row), state_of(row), alarm.shelve, minutes, reason, when.server_ms, one_shot=one_shot
        )
        return writer.mute(alarm, outcome, who, when)

    problem = _text_problem(reason)
    if not math.isfinite(minutes):
        problem = Refused("no_time", "Say for how many minutes.")
    details = {"minutes": minutes, "one_shot": one_shot}
    return _each(_Deed("alarm.shelved", actor, may, reason, _now(now_ms), details), uuids, step, problem)


def unshelve(
    actor: Actor, uuids: Iterable[str], may: May, *, reason: str = "", now_ms: int | None = None
) -> list[Result]:
    def step(writer: Writer, alarm: AlarmEntry, row: AlarmState, who: Who, when: When) -> Refused | None:
        return writer.mute(alarm, muting.unshelve(muting_of(row), state_of(row)), who, when)

    deed = _Deed("alarm.unshelved", actor, may, reason.strip(), _now(now_ms))
    return _each(deed, uuids, step, _text_problem(deed.reason))


def take_out_of_service(
    actor: Actor, uuids: Iterable[str], reason: str, work_order: str, review_on: date | None, may: May, *,
    now_ms: int | None = None,
) -> list[Result]:  # fmt: skip
    """Until somebody returns it to service. A work order or a reason, and the day on which somebody looks again."""
    reason, work_order = reason.strip(), work_order.strip()
    why = reason or (f"Work order {work_order}" if work_order else "")

    def step(writer: Writer, alarm: AlarmEntry, row: AlarmState, who: Who, when: When) -> Refused | None:
        return writer.mute(alarm, muting.out_of_service(muting_of(row), state_of(row), why), who, when)

    problem = _text_problem(reason) or _text_problem(work_order, LONGEST_WORK_ORDER)
    if problem is None and len(why) < muting.SHORTEST_REASON:
        problem = WHY_MISSING
    if problem is None and (review_on is None or review_on < timezone.localdate()):
        problem = REVIEW_MISSING
    details = {"work_order": work_order, "review_on": review_on.isoformat() if review_on else None}
    return _each(_Deed("alarm.out_of_service", actor, may, why, _now(now_ms), details), uuids, step, problem)


def return_to_service(
    actor: Actor, uuids: Iterable[str], may: May, *, reason: str = "", now_ms: int | None = None
) -> list[Result]:
    def step(writer: Writer, alarm: AlarmEntry, row: AlarmState, who: Who, when: When) -> Refused | None:
        return writer.mute(alarm, muting.in_service(muting_of(row), state_of(row)), who, when)

    deed = _Deed("alarm.in_service", actor, may, reason.strip(), _now(now_ms))
    return _each(deed, uuids, step, _text_problem(deed.reason))


def silence(actor: Actor, up_to_no: int) -> Silenced:
    """Stop the sound at one station for what has called so far (ALM-22); acknowledges nothing. The right is asked by
    the caller, who keeps the number. What has not happened yet cannot be silenced: a higher number is cut.
    """
    try:
        newest = Writing.objects.values_list("no", flat=True).first() or 0
        no = max(0, min(up_to_no, newest))
        record("alarm", "alarm.silenced", actor, subject=Subject("station", "", actor.station), new={"up_to_no": no})
    except DatabaseError:
        return Silenced(0, DATABASE_AWAY)
    return Silenced(no)


# -- what all of them do


def _now(now_ms: int | None) -> int:
    return time.time_ns() // 1_000_000 if now_ms is None else now_ms


def _text_problem(text: str, longest: int = LONGEST_TEXT) -> Refused | None:
    if len(text) > longest:
        return Refused("text_too_long", f"This has {len(text)} characters; the most is {longest}.")
    try:
        validate_one_line(text)
    except ValidationError as error:
        return Refused("bad_text", error.messages[0])
    return None


def _each(
    deed: _Deed, uuids: Iterable[str], step: Step, problem: Refused | None = None, more: Details | None = None
) -> list[Result]:
    """Each alarm once. `problem`: of what was said, the same for all. `more`: what else the records say of one."""
    wanted = list(dict.fromkeys(uuids))
    try:
        snapshot = current_alarms()
        alarms = {uuid: alarm for uuid in wanted if (alarm := snapshot.by_uuid.get(uuid)) and deed.may(alarm)}
        if problem is None:
            refused = _done(deed, snapshot, alarms.values(), step, more)
        else:
            refused = dict.fromkeys(alarms, problem)
    except DatabaseError:
        return [Result(uuid, "", DATABASE_AWAY) for uuid in wanted]
    return [
        Result(uuid, alarms[uuid].path, refused[uuid]) if uuid in alarms else Result(uuid, "", NOT_YOURS)
        for uuid in wanted
    ]


def _done(
    deed: _Deed, snapshot: AlarmSnapshot, alarms: Collection[AlarmEntry], step: Step, more: Details | None
) -> dict[str, Refused | None]:
    """One writing. The values are asked for before it begins: meanwhile nobody else could write."""
    values = _values(alarms)
    refused: dict[str, Refused | None] = {}
    records: list[AuditRecord] = []
    with writing() as writer:
        rows = writer.rows(alarms)
        for alarm in alarms:
            row = rows[alarm.id]
            value, status = values.get(alarm.id, (None, 0))
            when = When(deed.at_ms, deed.at_ms, value, status, snapshot.revision)
            details = {**deed.details, **(more(alarm, row, when) if more else {})}
            old = {"state": row.base, "muted": list(muting_of(row).reasons), "occurrence": row.occurrence}
            reason = refused[alarm.uuid] = step(writer, alarm, row, Who(deed.actor, deed.reason, details), when)
            if reason is None:
                new = {"state": row.base, "muted": list(muting_of(row).reasons), **details}
                records.append(_record(deed, alarm, old, new))
        record_all(records)
    return refused


def _record(deed: _Deed, alarm: AlarmEntry, old: Mapping[str, Any], new: Mapping[str, Any]) -> AuditRecord:
    subject = Subject("alarms.alarm", alarm.uuid, alarm.path)
    return unsaved("alarm", deed.event, deed.actor, subject=subject, old=old, new=new, reason=deed.reason)


def _since(alarm: AlarmEntry, row: AlarmState, when: When) -> dict[str, Any]:
    """ALM-21. The seconds are None for what has not called in this occurrence because it was muted."""
    called = row.annunciated_at_ms
    if called is not None and row.active_at_ms is not None and called < row.active_at_ms:
        called = None
    seconds = None if called is None else max(0.0, (when.server_ms - called) / 1000)
    value = {"value_at_ack": when.value, "unit": alarm.unit, "status_at_ack": when.status}
    return {"seconds_since_annunciation": seconds, "occurrence": row.occurrence, **value}


def _values(alarms: Collection[AlarmEntry]) -> dict[int, tuple[Value, int]]:
    """Alarm id -> what its tag says now. Without a bus the status says so."""
    of_tags = [alarm for alarm in alarms if alarm.tag is not None]
    readings = read([alarm.tag for alarm in of_tags if alarm.tag is not None], current_snapshot(), Reading)
    return {alarm.id: (_plain(r), r.status) for alarm, r in zip(of_tags, readings, strict=True)}


def _plain(reading: Reading) -> Value:
    """As JSON can keep it; nothing where Bad says not to use it."""
    value = reading.value
    if severity(reading.status) is Severity.BAD or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
