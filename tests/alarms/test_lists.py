"""The list, the counts and what is muted: who sees what, in which order, and what it costs."""

import datetime
import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.permissions import NOWHERE, AreaSet
from alarms import actions, current, lists, standing
from alarms.kinds import Base, Event, Kind, Mute, Priority
from alarms.lists import Filters, Listed, counts, listed, muted, one, sounding
from alarms.models import Alarm, AlarmClass, AlarmState, Writing
from alarms.snapshot import AlarmSnapshot
from audit.actions import Actor
from plant import revisions
from tests.alarms.entries import alarm_entry, make_alarm
from tests.alarms.happenings import happens
from tests.cast import Works

EVERYWHERE = AreaSet(everywhere=True)
OMAR = Actor("user", "omar-id", "omar")
T0 = 1_700_000_000_000


def system_alarm() -> Alarm:
    group, _ = AlarmClass.objects.get_or_create(name="diagnostic")
    own = Alarm(name="disk-test", kind="system", message="Disk filling", alarm_class=group, time_to_respond_min=1)
    own.clean_values()
    own.save()
    return own


def paths(found: list[Listed]) -> list[str]:
    return [x.entry.path for x in found]


def test_the_list_is_what_is_not_normal_and_not_muted(works: Works) -> None:
    up, back, done, hidden, _ = (make_alarm(works.level, name) for name in ("up", "back", "done", "hidden", "never"))
    happens([up, hidden], Event.ALARM, at_ms=T0)
    happens(back, Event.ALARM, Event.RETURN, at_ms=T0)
    happens(done, Event.ALARM, Event.ACK, Event.RETURN, at_ms=T0)
    actions.shelve(OMAR, [str(hidden.uuid)], 10, "a reason", lambda _: True)
    assert paths(listed(EVERYWHERE, True)) == ["works/north/level:up", "works/north/level:back"]
    assert paths(muted(EVERYWHERE, True)) == ["works/north/level:hidden"]


def test_everybody_sees_their_own_areas_and_the_alarms_of_isthmus_who_may(works: Works) -> None:
    own, north, south = system_alarm(), make_alarm(works.level), make_alarm(works.flow)
    happens([own, north, south], Event.ALARM, at_ms=T0)
    of_north = AreaSet(ids=frozenset({works.north.pk}))
    assert paths(listed(of_north, False)) == ["works/north/level:hi"]
    assert paths(listed(of_north, True, order="path")) == ["isthmus:disk-test", "works/north/level:hi"]
    assert paths(listed(EVERYWHERE, False, order="path")) == ["works/north/level:hi", "works/south/flow:hi"]
    assert listed(NOWHERE, False) == []
    assert counts(of_north, False).total == 1
    assert counts(NOWHERE, False).top is None
    for alarm in (north, south):
        actions.shelve(OMAR, [str(alarm.uuid)], 10, "a reason", lambda _: True)
    assert paths(muted(of_north, True)) == ["works/north/level:hi"]
    assert counts(of_north, True).muted[Mute.SHELVED] == 1


def test_what_is_most_urgent_and_has_waited_longest_stands_first(works: Works) -> None:
    first, late, low = make_alarm(works.level, "z"), make_alarm(works.level, "a"), make_alarm(works.flow, severity=1)
    acked = make_alarm(works.level, "acked", severity=3)
    happens([low, acked], Event.ALARM, at_ms=T0)
    happens(acked, Event.ACK, at_ms=T0)
    happens(first, Event.ALARM, at_ms=T0 + 1000)
    happens(late, Event.ALARM, at_ms=T0 + 2000)
    expected = ["works/north/level:z", "works/north/level:a", "works/south/flow:hi", "works/north/level:acked"]
    assert paths(listed(EVERYWHERE, True)) == expected
    assert paths(listed(EVERYWHERE, True, limit=2)) == expected[:2]
    top = counts(EVERYWHERE, True).top
    assert top is not None
    assert top.entry.path == expected[0]


@pytest.mark.parametrize("order", lists.ORDERS)
def test_every_order_is_the_same_each_time(order: str, works: Works) -> None:
    happens([make_alarm(works.level, f"a{n}") for n in range(5)], Event.ALARM, at_ms=T0)
    found = paths(listed(EVERYWHERE, True, order=order))
    assert found == [f"works/north/level:a{n}" for n in range(5)]


def test_filters_narrow_the_list(works: Works) -> None:
    level, run = (
        make_alarm(works.level),
        make_alarm(works.run, kind="discrete", setpoint=None, states=[1], deadband=0.0),
    )
    minor = make_alarm(works.flow, severity=1, message="Überlauf droht")
    happens([level, run, minor], Event.ALARM, at_ms=T0)
    happens(level, Event.ACK, at_ms=T0)

    def found(**fields: Any) -> list[str]:
        return sorted(paths(listed(EVERYWHERE, True, replace(Filters(), **fields))))

    assert found(area="WORKS/north") == ["works/north/level:hi", "works/north/pumps/run:hi"]
    assert found(area="works/north/") == ["works/north/level:hi", "works/north/pumps/run:hi"]
    assert found(area="works/nor") == []
    assert found(text="überLAUF") == ["works/south/flow:hi"]
    assert found(text="PUMPS/") == ["works/north/pumps/run:hi"]
    assert found(states=frozenset({Base.ACKED})) == ["works/north/level:hi"]
    assert found(priorities=frozenset({Priority.LOW})) == ["works/south/flow:hi"]
    assert found(priorities=frozenset({Priority.LOW}), area="works/north") == []


def test_counts_by_priority_tell_what_wants_an_answer(works: Works) -> None:
    a, b, c = (make_alarm(works.level, name) for name in "abc")
    minor = make_alarm(works.flow, severity=1)
    happens([a, b, c, minor], Event.ALARM, at_ms=T0)
    happens(a, Event.ACK, at_ms=T0)
    happens(b, Event.RETURN, at_ms=T0)
    found = counts(EVERYWHERE, True)
    medium, low = found.priorities[Priority.MEDIUM], found.priorities[Priority.LOW]
    assert (medium.unacked, medium.active, medium.total) == (2, 2, 3)
    assert (low.unacked, low.active, low.total) == (1, 1, 1)
    assert (found.unacked, found.total, found.no) == (3, 4, 3)


def test_what_is_muted_tells_why_who_and_until_when(works: Works) -> None:
    """ALM-23: each stands once, under the reason that ranks first, and is found under each of its reasons."""
    shelved, out = make_alarm(works.level, "shelved"), make_alarm(works.level, "out")
    both = [str(shelved.uuid), str(out.uuid)]
    actions.shelve(OMAR, both, 10, "is cleaned", lambda _: True, now_ms=T0)
    day = timezone.localdate() + datetime.timedelta(days=1)
    actions.take_out_of_service(OMAR, [str(out.uuid)], "", "WO-1", day, lambda _: True)
    found = muted(EVERYWHERE, True)
    assert paths(found) == ["works/north/level:out", "works/north/level:shelved"]
    assert (found[1].row.shelved_by, found[1].row.shelved_reason) == ("omar", "is cleaned")
    assert found[1].row.shelved_until_ms == T0 + 600_000
    assert paths(muted(EVERYWHERE, True, Mute.SHELVED)) == ["works/north/level:out", "works/north/level:shelved"]
    assert paths(muted(EVERYWHERE, True, Mute.OUT_OF_SERVICE)) == ["works/north/level:out"]
    assert counts(EVERYWHERE, True).muted == {Mute.OUT_OF_SERVICE: 1, Mute.BY_DESIGN: 0, Mute.SHELVED: 1}


def test_the_horn_stays_silent_for_what_was_silenced_and_sounds_for_what_is_new(works: Works) -> None:
    """ALM-22"""
    urgent, minor = make_alarm(works.level, severity=3, time_to_respond_min=5), make_alarm(works.flow, severity=1)
    assert sounding(EVERYWHERE, True, 0) is None
    happens(urgent, Event.ALARM)
    assert sounding(EVERYWHERE, True, 0) is Priority.HIGH
    silenced = actions.silence(OMAR, 10**9).no
    assert sounding(EVERYWHERE, True, silenced) is None
    happens(minor, Event.ALARM)
    assert sounding(EVERYWHERE, True, silenced) is Priority.LOW
    actions.acknowledge(OMAR, [(str(minor.uuid), 1)], "", lambda _: True)
    assert sounding(EVERYWHERE, True, silenced) is None
    assert sounding(AreaSet(ids=frozenset({works.south.pk})), True, 0) is None


def test_an_alarm_that_was_never_active_is_normal(works: Works) -> None:
    alarm = make_alarm(works.level)
    entry = current.current_alarms().alarms[alarm.pk]
    assert (one(entry).base, one(entry).row.occurrence) == (Base.NORMAL, 0)


# -- what a process holds


@pytest.mark.django_db(transaction=True)
def test_what_is_held_follows_every_writing(works: Works) -> None:
    a, b = make_alarm(works.level, "a"), make_alarm(works.level, "b")
    assert listed(EVERYWHERE, True) == []
    happens(a, Event.ALARM)
    assert paths(listed(EVERYWHERE, True)) == ["works/north/level:a"]
    with CaptureQueriesContext(connection) as asked:
        counts(EVERYWHERE, True)
    assert len(asked) == 1
    happens(b, Event.ALARM)
    assert counts(EVERYWHERE, True).total == 2
    actions.shelve(OMAR, [str(b.uuid)], 10, "a reason", lambda _: True)
    assert paths(listed(EVERYWHERE, True)) == ["works/north/level:a"]
    assert paths(muted(EVERYWHERE, True)) == ["works/north/level:b"]
    actions.unshelve(OMAR, [str(b.uuid)], lambda _: True)
    happens([a, b], Event.ACK, Event.RETURN)
    assert listed(EVERYWHERE, True) == muted(EVERYWHERE, True) == []
    assert AlarmState.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_a_restored_database_nothing_newer_is_held(works: Works) -> None:
    """What was written after the backup is no more, whatever its number was."""
    alarm = make_alarm(works.level)
    happens(alarm, Event.ALARM)
    before = dict(AlarmState.objects.values().get()), dict(Writing.objects.values().get())
    happens(alarm, Event.ACK, Event.RETURN)
    assert counts(EVERYWHERE, True).total == 0
    AlarmState.objects.update(**before[0])
    Writing.objects.update(**before[1])
    assert counts(EVERYWHERE, True).unacked == 1


@pytest.mark.django_db(transaction=True)
def test_several_questions_about_one_moment_cost_nothing_more(works: Works) -> None:
    a, b = make_alarm(works.level, "a"), make_alarm(works.level, "b")
    happens(a, Event.ALARM)
    held = standing.standing(current.current_alarms())
    happens(b, Event.ALARM)
    with CaptureQueriesContext(connection) as asked:
        assert paths(listed(EVERYWHERE, True, held=held)) == ["works/north/level:a"]
        assert counts(EVERYWHERE, True, held).total == 1
        assert sounding(EVERYWHERE, True, 0, held) is not None
        assert muted(EVERYWHERE, True, held=held) == []
    assert len(asked) == 0
    assert counts(EVERYWHERE, True).total == 2


@pytest.mark.django_db(transaction=True)
def test_a_deleted_alarm_is_gone_from_what_is_held(works: Works) -> None:
    alarm = make_alarm(works.level)
    happens(alarm, Event.ALARM)
    assert counts(EVERYWHERE, True).total == 1
    with transaction.atomic():
        alarm.delete()
        revisions.bump("ada", "deleted")
    assert counts(EVERYWHERE, True).total == 0


@pytest.mark.django_db(transaction=True)
def test_what_a_transaction_took_back_is_not_held(works: Works) -> None:
    alarm = make_alarm(works.level)
    assert listed(EVERYWHERE, True) == []
    with transaction.atomic():
        happens(alarm, Event.ALARM)
        assert paths(listed(EVERYWHERE, True)) == ["works/north/level:hi"]
        transaction.set_rollback(True)
    assert listed(EVERYWHERE, True) == []
    happens(alarm, Event.ALARM)
    assert paths(listed(EVERYWHERE, True)) == ["works/north/level:hi"]


# -- many


def _many(count: int, standing_now: int) -> AlarmSnapshot:
    """Rows for `standing_now` of `count` alarms; their definitions are only held, not stored."""
    entries = {n: alarm_entry(n, priority=Priority(1 + n % 4)) for n in range(1, count + 1)}
    with connection.constraint_checks_disabled():
        AlarmState.objects.bulk_create(
            [
                AlarmState(
                    alarm_id=n, active=True, acked=n % 3 == 0, base=Base.ACKED if n % 3 == 0 else Base.UNACK,
                    is_listed=True, occurrence=1, seq=1, changed_no=n, annunciated_at_ms=T0 + n, annunciated_no=n,
                )
                for n in range(1, standing_now + 1)
            ]
        )  # fmt: skip
    by_uuid = {e.uuid: e for e in entries.values()}
    return AlarmSnapshot(1, entries, {e.path: e for e in entries.values()}, by_uuid, {})


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_five_thousand_standing_alarms_are_listed_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """ALM-32: the page of a flood costs one narrow query, and what was counted once is not counted again."""
    connection.disable_constraint_checking()
    snapshot = _many(10_000, 5_000)
    monkeypatch.setattr(lists, "current_alarms", lambda: snapshot)
    try:
        assert len(listed(EVERYWHERE, True, limit=200)) == 200
        with CaptureQueriesContext(connection) as asked:
            began = time.perf_counter()
            found = listed(EVERYWHERE, True, limit=200)
            list_s = time.perf_counter() - began
            total = counts(EVERYWHERE, True)
        assert len(asked) == 2
        began = time.perf_counter()
        assert counts(EVERYWHERE, True) is total
        again_s = time.perf_counter() - began
        assert total.total == 5_000
        assert {x.entry.kind for x in found} == {Kind.HI}
        assert list_s < 0.5
        assert again_s < 0.1
    finally:
        standing.forget()
        AlarmState.objects.all().delete()
        connection.enable_constraint_checking()
