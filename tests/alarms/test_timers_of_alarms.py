"""What ends or comes again because time has passed, by the rows' own deadlines."""

import pytest

from alarms import muting
from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmState, JournalEntry
from alarms.process import timers
from alarms.process.configuration import load
from alarms.process.timers import WallClock, let_time_pass
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, muting_of, state_of, writing
from audit.actions import Actor
from tests.alarms.entries import make_alarm
from tests.alarms.stream import journal
from tests.cast import Works

OMAR = Who(Actor("user", "omar", "omar"), "being cleaned")
MINUTE = 60_000


def entry_of(row: Alarm) -> AlarmEntry:
    return load().alarms.alarms[row.pk]


def happen(entry: AlarmEntry, event: Event, ms: int) -> None:
    with writing() as writer:
        writer.happen(entry, event, OMAR, When(ms, ms, 12.0))


def shelve(entry: AlarmEntry, minutes: float, ms: int) -> None:
    with writing() as writer:
        row = writer.row(entry)
        outcome = muting.shelve(
            muting_of(row), state_of(row), entry.shelve, minutes, "being cleaned", ms, one_shot=False
        )
        assert writer.mute(entry, outcome, OMAR, When(ms, ms)) is None


@pytest.fixture
def alarm(works: Works) -> AlarmEntry:
    return entry_of(make_alarm(works.level, realarm_min=10, realarm_limit=2))


def test_a_shelving_ends_when_its_time_is_over_and_the_alarm_calls_again(alarm: AlarmEntry) -> None:
    """ALM-24"""
    happen(alarm, Event.ALARM, 0)
    shelve(alarm, 5, 1000)
    assert let_time_pass(load().alarms, 1000 + 5 * MINUTE - 1) == 0
    let_time_pass(load().alarms, 1000 + 5 * MINUTE)
    row = AlarmState.objects.get(pk=alarm.id)
    assert (row.shelved_until_ms, row.is_listed, row.annunciated_at_ms) == (None, True, 1000 + 5 * MINUTE)
    last = JournalEntry.objects.order_by("pk").last()
    assert last is not None
    assert (last.event, last.actor_kind, last.annunciated) == ("unshelve", "system", True)


def test_an_acknowledged_alarm_comes_again_as_often_as_it_may(alarm: AlarmEntry) -> None:
    """ALM-16"""
    happen(alarm, Event.ALARM, 0)
    now = 0
    for _ in range(3):
        happen(alarm, Event.ACK, now)
        now += 10 * MINUTE
        let_time_pass(load().alarms, now)
        let_time_pass(load().alarms, now)
    assert [event for (event,) in journal("event")].count("realarm") == 2
    assert AlarmState.objects.get(pk=alarm.id).base == Base.ACKED


def test_what_a_person_did_in_the_same_moment_stands(alarm: AlarmEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is asked again inside the writing: here the alarm returns between the question and the writing."""
    happen(alarm, Event.ALARM, 0)
    happen(alarm, Event.ACK, 0)
    write = timers._write

    def later(*words: object) -> None:
        happen(alarm, Event.RETURN, 5)
        write(*words)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(timers, "_write", later)
    assert let_time_pass(load().alarms, 10 * MINUTE) == 1
    assert [event for (event,) in journal("event")] == ["alarm", "ack", "return"]


def test_a_definition_without_re_alarm_leaves_nothing_that_is_due_for_ever(alarm: AlarmEntry) -> None:
    happen(alarm, Event.ALARM, 0)
    happen(alarm, Event.ACK, 0)
    Alarm.objects.filter(pk=alarm.id).update(realarm_min=0)
    assert [let_time_pass(load().alarms, 10 * MINUTE) for _ in range(2)] == [1, 0]
    assert len(journal()) == 2


# -- a clock that is set back


def test_when_the_clock_is_set_back_no_alarm_stays_shelved_for_longer_than_was_said(alarm: AlarmEntry) -> None:
    """ALM-24: shelved for the most there is, and an hour later the clock is set back by an hour."""
    happen(alarm, Event.ALARM, 0)
    shelve(alarm, 480, 0)
    assert let_time_pass(load().alarms, 60 * MINUTE) == 0
    let_time_pass(load().alarms, 0, set_back_ms=60 * MINUTE)
    row = AlarmState.objects.get(pk=alarm.id)
    assert (row.shelved_until_ms, row.is_listed) == (None, True)
    assert "set back" in JournalEntry.objects.get(event="unshelve").reason
    let_time_pass(load().alarms, 0, set_back_ms=60 * MINUTE)
    assert [event for (event,) in journal("event")] == ["alarm", "shelve", "unshelve"]


def test_when_the_clock_is_set_back_a_re_alarm_comes_when_it_would_have(alarm: AlarmEntry) -> None:
    """ALM-16"""
    happen(alarm, Event.ALARM, 60 * MINUTE)
    happen(alarm, Event.ACK, 60 * MINUTE)
    let_time_pass(load().alarms, 5 * MINUTE, set_back_ms=60 * MINUTE)
    assert AlarmState.objects.get(pk=alarm.id).base == Base.ACKED
    let_time_pass(load().alarms, 10 * MINUTE)
    assert AlarmState.objects.get(pk=alarm.id).base == Base.UNACK


def looked(clock: WallClock, *looks: tuple[int, int]) -> int:
    for wall_ms, monotonic_ms in looks:
        clock.look(wall_ms, monotonic_ms)
    return clock.set_back_ms


def test_a_clock_that_is_set_back_is_noticed_also_over_a_restart_and_in_small_steps() -> None:
    hour, day = 60 * MINUTE, 24 * 60 * MINUTE
    assert looked(WallClock(0), (day, 5), (day + 1000, 1005), (day + 900, 2005), (day + hour, 3000)) == 0
    assert looked(WallClock(0), (day, 0), (day - hour + 1000, 1000)) == hour
    assert looked(WallClock(day), (day - hour, 7)) == hour
    assert looked(WallClock(day - 5 * MINUTE), (day, 7), (day + 1000, 1007)) == 0
    assert looked(WallClock(0), *((day - 25_000 * n, 0) for n in range(4))) == 75_000
    clock = WallClock(day)
    assert looked(clock, (day - hour, 0)) == hour
    clock.set_back_ms = 0
    assert looked(clock, (day - hour + 1000, 1000)) == 0
