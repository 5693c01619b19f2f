"""One transaction: the state row and the journal entry, or neither (ALM-20)."""

import pytest

from alarms import snapshot
from alarms.kinds import Base, Event
from alarms.logic import NEWER, NOT_ALARMING
from alarms.models import AlarmState, JournalEntry
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, writing
from audit.actions import Actor
from devices.snapshot import load
from tests.alarms.entries import make_alarm
from tests.cast import Works

ENGINE = Who(Actor.system("alarms"))
OMAR = Who(Actor("user", "omar", "omar"))


@pytest.fixture
def alarm(works: Works) -> AlarmEntry:
    row = make_alarm(works.level)
    return snapshot.load(load()).alarms[row.pk]


def at(ms: int) -> When:
    return When(ms, ms + 5, 11.5, 0, 3)


def test_an_alarm_is_raised_acknowledged_and_over(alarm: AlarmEntry) -> None:
    with writing() as writer:
        assert writer.happen(alarm, Event.ALARM, ENGINE, at(1000)) is None
    row = AlarmState.objects.get(pk=alarm.id)
    assert (row.base, row.is_listed, row.annunciated_at_ms, row.value) == (Base.UNACK, True, 1005, 11.5)
    with writing() as writer:
        assert writer.happen(alarm, Event.ACK, OMAR, at(2000), seen=1) is None
        assert writer.happen(alarm, Event.RETURN, ENGINE, at(3000)) is None
    row.refresh_from_db()
    assert (row.base, row.is_listed, row.acked_by) == (Base.NORMAL, False, "omar")
    entries = list(JournalEntry.objects.values_list("seq", "event", "from_state", "to_state", "annunciated"))
    assert entries == [
        (1, "alarm", "normal", "unack", True),
        (2, "ack", "unack", "acked", False),
        (3, "return", "acked", "normal", False),
    ]


def test_an_acknowledgement_of_what_is_past_is_refused(alarm: AlarmEntry) -> None:
    """ALM-03"""
    with writing() as writer:
        for event in (Event.ALARM, Event.RETURN, Event.ALARM):
            writer.happen(alarm, event, ENGINE, at(1000))
        assert writer.happen(alarm, Event.ACK, OMAR, at(2000), seen=1) is NEWER
        assert writer.happen(alarm, Event.ACK, OMAR, at(2000), seen=3) is NOT_ALARMING
    assert AlarmState.objects.get(pk=alarm.id).base == Base.UNACK


def test_nothing_is_written_when_the_writing_breaks(alarm: AlarmEntry) -> None:
    def broken() -> None:
        with writing() as writer:
            writer.happen(alarm, Event.ALARM, ENGINE, at(1000))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert not JournalEntry.objects.exists()
    assert not AlarmState.objects.exists()
