"""What people do to alarms: each alarm its own answer, entry and record; rights asked for each."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from accounts.actors import actor_of_user
from accounts.models import User
from accounts.permissions import Action, areas_where
from alarms import actions
from alarms.actions import Result
from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmClass, AlarmState, JournalEntry
from alarms.muting import MINUTE_MS
from alarms.snapshot import AlarmEntry
from audit.actions import Actor
from audit.models import AuditRecord
from bus import keys, quality
from bus.client import connect_blocking
from bus.messages import FULL, Block, encode
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens, now_ms
from tests.cast import Cast, Works

OMAR = Actor("user", "omar-id", "omar", "session", "10.0.0.7", "control room")
RAISED_MS = 1_700_000_000_000
LATER_MS = RAISED_MS + 12_500


def anything(_: AlarmEntry) -> bool:
    return True


def where(user: User, action: Action) -> Callable[[AlarmEntry], bool]:
    areas = areas_where(user, action)
    return lambda alarm: alarm.area_id in areas


def codes(results: list[Result]) -> list[str]:
    return [result.refused.code if result.refused else "done" for result in results]


def base(alarm: Alarm) -> str:
    return AlarmState.objects.get(pk=alarm.pk).base


@pytest.fixture
def high(works: Works) -> Alarm:
    return make_alarm(works.level)


def seen(*alarms: Alarm, occurrence: int = 1) -> list[tuple[str, int]]:
    return [(str(alarm.uuid), occurrence) for alarm in alarms]


def uuids(*alarms: Alarm) -> list[str]:
    return [str(alarm.uuid) for alarm in alarms]


# -- acknowledge


def test_an_acknowledgement_says_who_where_why_after_how_long_and_at_which_value(
    high: Alarm, works: Works, bus_url: str
) -> None:
    """ALM-20, ALM-21"""
    happens(high, Event.ALARM, at_ms=RAISED_MS)
    block = Block(1, 1, f"{works.plc1.pk}:{works.level.scan_ms}", 1, now_ms(), FULL, [works.level.pk], [12.25], [0])
    with connect_blocking(bus_url, "test") as client:
        client.hset(keys.LATEST, block.group, encode(block))
    results = actions.acknowledge(OMAR, seen(high), " pump is on ", anything, now_ms=LATER_MS)
    assert results == [Result(str(high.uuid), "works/north/level:hi", None)]
    entry = JournalEntry.objects.get(event="ack")
    assert (entry.actor_name, entry.session, entry.ip, entry.station) == ("omar", "session", "10.0.0.7", "control room")
    assert (entry.reason, entry.value, entry.server_ms, entry.occurrence) == ("pump is on", 12.25, LATER_MS, 1)
    assert entry.details == {
        "seconds_since_annunciation": 12.5, "occurrence": 1, "value_at_ack": 12.25, "unit": "m", "status_at_ack": 0,
    }  # fmt: skip
    told = AuditRecord.objects.get(category="alarm")
    assert (told.event, told.actor_name, told.station, told.reason) == (
        "alarm.acknowledged", "omar", "control room", "pump is on",
    )  # fmt: skip
    assert (told.object_id, told.object_text) == (str(high.uuid), "works/north/level:hi")
    assert told.old is not None
    assert told.new is not None
    assert (told.old["state"], told.new["state"], told.new["value_at_ack"]) == ("unack", "acked", 12.25)


def test_without_a_bus_an_acknowledgement_works_and_the_value_is_not_made_up(high: Alarm) -> None:
    happens(high, Event.ALARM)
    assert codes(actions.acknowledge(OMAR, seen(high), "", anything)) == ["done"]
    entry = JournalEntry.objects.get(event="ack")
    assert entry.value is None
    assert quality.severity(entry.status) is quality.Severity.BAD


def test_a_second_one_is_refused_politely_and_not_recorded(high: Alarm) -> None:
    """ALM-03"""
    happens(high, Event.ALARM)
    assert codes(actions.acknowledge(OMAR, seen(high), "", anything)) == ["done"]
    (late,) = actions.acknowledge(OMAR, seen(high), "", anything)
    assert late.refused is not None
    assert (late.refused.code, late.refused.sentence) == ("already_acked", "The alarm is acknowledged already.")
    assert JournalEntry.objects.filter(event="ack").count() == 1
    assert AuditRecord.objects.filter(category="alarm").count() == 1


def test_what_came_again_meanwhile_is_not_acknowledged(high: Alarm) -> None:
    """ALM-03: only what existed before the press."""
    happens(high, Event.ALARM, Event.RETURN, Event.ALARM)
    assert codes(actions.acknowledge(OMAR, seen(high, occurrence=1), "", anything)) == ["newer_occurrence"]
    assert base(high) == Base.UNACK
    assert codes(actions.acknowledge(OMAR, seen(high, occurrence=3), "", anything)) == ["not_alarming"]


def test_a_set_is_one_record_an_alarm_and_one_refusal_holds_up_nobody(high: Alarm, works: Works) -> None:
    """ALM-21"""
    others = [make_alarm(works.level, f"a{n}") for n in range(3)]
    happens([high, *others[:2]], Event.ALARM)
    results = actions.acknowledge(OMAR, [*seen(high, *others), *seen(high)], "", anything)
    assert codes(results) == ["done", "done", "done", "not_alarming"]
    entries = JournalEntry.objects.filter(event="ack")
    assert {entry.writing_no for entry in entries} == {2}
    assert sorted(e.path for e in entries) == sorted(
        AuditRecord.objects.filter(event="alarm.acknowledged").values_list("object_text", flat=True)
    )
    assert entries.count() == 3


def test_a_class_can_ask_for_a_comment(high: Alarm) -> None:
    happens(high, Event.ALARM)
    AlarmClass.objects.update(ack_comment=True)
    assert codes(actions.acknowledge(OMAR, seen(high), "  ", anything)) == ["comment_missing"]
    assert base(high) == Base.UNACK
    assert codes(actions.acknowledge(OMAR, seen(high), "seen", anything)) == ["done"]
    assert codes(actions.acknowledge(OMAR, seen(high), "", anything)) == ["already_acked"]


@pytest.mark.parametrize(("comment", "code"), [("x" * 201, "text_too_long"), ("a\nb", "bad_text")])
def test_a_comment_that_nobody_could_read_is_refused(comment: str, code: str, high: Alarm) -> None:
    happens(high, Event.ALARM)
    assert codes(actions.acknowledge(OMAR, seen(high), comment, anything)) == [code]
    assert base(high) == Base.UNACK


def test_everybody_acknowledges_at_home_only(high: Alarm, works: Works, cast: Cast) -> None:
    """The alarm of another area is refused in the same words as one that does not exist."""
    foreign = make_alarm(works.flow)
    happens([high, foreign], Event.ALARM)
    items = [*seen(high, foreign), ("00000000-0000-0000-0000-000000000000", 1), ("nonsense", 1)]
    results = actions.acknowledge(actor_of_user(cast.omar), items, "", where(cast.omar, Action.ACKNOWLEDGE))
    assert codes(results) == ["done", "not_allowed", "not_allowed", "not_allowed"]
    assert [r.path for r in results] == ["works/north/level:hi", "", "", ""]
    assert len({r.refused for r in results[1:]}) == 1
    assert base(foreign) == Base.UNACK
    viewer = actions.reset(actor_of_user(cast.vera), uuids(high), where(cast.vera, Action.RESET))
    assert codes(viewer) == ["not_allowed"]


def test_the_alarms_of_isthmus_itself_need_the_right_everywhere(works: Works, cast: Cast) -> None:
    group, _ = AlarmClass.objects.get_or_create(name="diagnostic")
    own = Alarm(name="disk", kind="system", message="Disk filling", alarm_class=group)
    own.clean_values()
    own.save()
    happens(own, Event.ALARM, value=None)
    omar, ada = (where(user, Action.ACKNOWLEDGE) for user in (cast.omar, cast.ada))
    assert codes(actions.acknowledge(OMAR, seen(own), "", omar)) == ["not_allowed"]
    assert codes(actions.acknowledge(OMAR, seen(own), "", ada)) == ["done"]


def test_done_and_recorded_or_neither(high: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that fails in the middle is a sentence, and nothing has happened."""
    happens(high, Event.ALARM)

    def fail(*_: Any) -> None:
        raise DatabaseError("disk I/O error")

    monkeypatch.setattr(actions, "record_all", fail)
    (result,) = actions.acknowledge(OMAR, seen(high), "", anything)
    assert result.refused is actions.DATABASE_AWAY
    assert base(high) == Base.UNACK
    assert not JournalEntry.objects.filter(event="ack").exists()


# -- reset


def test_a_latched_alarm_is_reset_after_its_cause_and_its_acknowledgement(works: Works) -> None:
    """ALM-22: reset is not acknowledge."""
    latch = make_alarm(works.level, "trip", latching=True)
    happens(latch, Event.ALARM)
    assert codes(actions.reset(OMAR, uuids(latch), anything)) == ["still_active"]
    happens(latch, Event.RETURN)
    assert codes(actions.reset(OMAR, uuids(latch), anything)) == ["ack_first"]
    assert codes(actions.acknowledge(OMAR, seen(latch), "", anything)) == ["done"]
    assert base(latch) == Base.LATCH_ACK
    assert codes(actions.reset(OMAR, uuids(latch), anything)) == ["done"]
    assert base(latch) == Base.NORMAL
    assert codes(actions.reset(OMAR, uuids(latch), anything)) == ["not_latched"]
    assert AuditRecord.objects.filter(event="alarm.reset").count() == 1


# -- shelve


def test_one_reason_is_kept_with_each_shelved_alarm(high: Alarm, works: Works) -> None:
    """ALM-24"""
    other = make_alarm(works.level, "lo", kind="lo", setpoint=1.0)
    happens(high, Event.ALARM)
    done = actions.shelve(OMAR, uuids(high, other), 30, "sensor is cleaned", anything, now_ms=LATER_MS)
    assert codes(done) == ["done", "done"]
    for row in AlarmState.objects.all():
        assert (row.shelved_until_ms, row.shelved_once) == (LATER_MS + 30 * MINUTE_MS, False)
        assert (row.shelved_by, row.shelved_reason, row.is_listed) == ("omar", "sensor is cleaned", False)
    told = AuditRecord.objects.filter(event="alarm.shelved")
    assert [(r.reason, r.new["minutes"]) for r in told if r.new] == [("sensor is cleaned", 30)] * 2
    assert base(high) == Base.UNACK  # what is shelved goes on working


@pytest.mark.parametrize(
    ("minutes", "reason", "code"),
    [
        (61, "a reason", "too_long"),
        (0, "a reason", "no_time"),
        (-5, "a reason", "no_time"),
        (float("nan"), "a reason", "no_time"),
        (float("inf"), "a reason", "no_time"),
        (30, " x ", "reason_missing"),
        (30, "x" * 201, "text_too_long"),
    ],
)
def test_shelving_ends_in_time_and_has_a_reason(minutes: float, reason: str, code: str, works: Works) -> None:
    """ALM-24: the least of what alarm, class and site allow."""
    alarm = make_alarm(works.level, max_shelve_min=60)
    assert codes(actions.shelve(OMAR, uuids(alarm), minutes, reason, anything)) == [code]
    assert not AlarmState.objects.exists()
    assert not AuditRecord.objects.filter(category="alarm").exists()


def test_what_protects_people_is_not_shelved(high: Alarm) -> None:
    AlarmClass.objects.update(shelvable=False)
    assert codes(actions.shelve(OMAR, uuids(high), 10, "a reason", anything)) == ["not_shelvable"]


def test_unshelving_shows_the_alarm_as_it_is_and_acknowledges_nothing(high: Alarm) -> None:
    happens(high, Event.ALARM)
    actions.shelve(OMAR, uuids(high), 10, "a reason", anything, one_shot=True)
    assert AlarmState.objects.get().shelved_once
    assert codes(actions.unshelve(OMAR, uuids(high), anything)) == ["done"]
    row = AlarmState.objects.get()
    assert (row.base, row.is_listed, row.shelved_until_ms) == (Base.UNACK, True, None)
    assert JournalEntry.objects.get(event="unshelve").annunciated
    assert codes(actions.unshelve(OMAR, uuids(high), anything)) == ["not_shelved"]


# -- out of service


def test_out_of_service_has_a_work_order_or_a_reason_and_a_day_to_look_again(high: Alarm, works: Works) -> None:
    other = make_alarm(works.level, "lo", kind="lo", setpoint=1.0)
    day = timezone.localdate() + datetime.timedelta(days=7)
    out = actions.take_out_of_service
    assert codes(out(OMAR, uuids(high), "", "WO-4711", day, anything)) == ["done"]
    assert codes(out(OMAR, uuids(other), "cable is cut", "", day, anything)) == ["done"]
    rows = AlarmState.objects.order_by("pk").values_list(
        "out_of_service", "out_by", "out_reason", "out_work_order", "out_review_on"
    )
    assert list(rows) == [
        (True, "omar", "Work order WO-4711", "WO-4711", day),
        (True, "omar", "cable is cut", "", day),
    ]
    assert codes(out(OMAR, uuids(high), "again", "", day, anything)) == ["out_of_service"]
    assert codes(actions.return_to_service(OMAR, uuids(high), anything)) == ["done"]
    assert codes(actions.return_to_service(OMAR, uuids(high), anything)) == ["in_service"]
    assert list(AuditRecord.objects.filter(category="alarm").values_list("event", flat=True)) == [
        "alarm.out_of_service", "alarm.out_of_service", "alarm.in_service",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "work_order", "days", "code"),
    [
        ("", "", 7, "reason_missing"),
        ("cable is cut", "", None, "review_missing"),
        ("cable is cut", "", -1, "review_missing"),
        ("cable is cut", "x" * 65, 7, "text_too_long"),
    ],
)
def test_out_of_service_for_no_reason_or_for_ever_is_refused(
    reason: str, work_order: str, days: int | None, code: str, high: Alarm
) -> None:
    day = None if days is None else timezone.localdate() + datetime.timedelta(days=days)
    assert codes(actions.take_out_of_service(OMAR, uuids(high), reason, work_order, day, anything)) == [code]
    assert not AlarmState.objects.exists()


# -- silence


def test_silence_is_for_one_station_and_acknowledges_nothing(high: Alarm) -> None:
    """ALM-22"""
    happens(high, Event.ALARM)
    assert actions.silence(OMAR, 1).no == 1
    assert base(high) == Base.UNACK
    told = AuditRecord.objects.get(event="alarm.silenced")
    assert (told.object_type, told.object_text, told.new) == ("station", "control room", {"up_to_no": 1})
    assert not JournalEntry.objects.exclude(event="alarm").exists()


def test_what_has_not_happened_yet_cannot_be_silenced(high: Alarm) -> None:
    happens(high, Event.ALARM)
    assert actions.silence(OMAR, 10**12).no == 1
    assert actions.silence(OMAR, -3).no == 0
