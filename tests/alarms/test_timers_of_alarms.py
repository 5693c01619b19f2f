"""What ends or comes again because time has passed, by the rows' own deadlines."""

import pytest

from alarms import muting, timers
from alarms.configuration import load
from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmState, JournalEntry
from alarms.snapshot import AlarmEntry
from alarms.timers import let_time_pass
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
