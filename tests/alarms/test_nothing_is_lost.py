"""What might lose an alarm, or raise it twice: data that is gone, writings that are tried again, areas that vanish."""

import zlib
from math import inf, nan

import msgpack
import pytest
from django.db import transaction

from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmState, EngineMemory, JournalEntry
from alarms.process import checkpoint
from alarms.process.configuration import load
from alarms.process.engine import Step
from alarms.running import Raised
from bus.following import Anew, Mark
from bus.messages import FULL
from devices.models import Tag
from plant.models import Area
from plant.revisions import bump
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.alarms.stream import EPOCH, Plant, Process, journal, read
from tests.cast import Works
from tests.fault_seed import seeded


@pytest.fixture
def plant() -> Plant:
    return Plant()


def g(tag: Tag) -> str:
    return f"{tag.device_id}:{tag.scan_ms}"


def new_configuration() -> None:
    with transaction.atomic():
        bump("ada", "test")


def base_of(alarm: Alarm) -> str:
    return AlarmState.objects.get(pk=alarm.pk).base


def events_of(alarm: Alarm) -> list[str]:
    turns = JournalEntry.objects.filter(alarm_uuid=alarm.uuid, event__in=[Event.ALARM, Event.RETURN])
    return list(turns.order_by("seq").values_list("event", flat=True))


# -- Redis comes back without its newest entries, after the engine had written what they raised


def test_an_alarm_whose_return_was_in_entries_that_are_gone_is_raised_again(works: Works, plant: Plant) -> None:
    """After a power cut Redis may lack the last second. The journal says that it returned; now it is active."""
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    process.keep()
    process.hear(plant.say(g(works.level), {works.level.pk: 5.0}))  # lost by Redis
    assert base_of(alarm) == Base.RTN_UNACK
    again = Process()
    again.hear(plant.say(g(works.level), {works.level.pk: 12.0}, flags=FULL))
    assert (base_of(alarm), AlarmState.objects.get(pk=alarm.pk).occurrence) == (Base.UNACK, 2)


def test_an_alarm_that_was_raised_by_entries_that_are_gone_returns(works: Works, plant: Plant) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 5.0}))
    process.keep()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))  # lost by Redis
    again = Process()
    again.write(again.judging.caught_up())
    again.hear(plant.say(g(works.level), {works.level.pk: 5.0}, flags=FULL))
    assert base_of(alarm) == Base.RTN_UNACK


def check_restarts_with_losses(works: Works, turn: int, restarts: int) -> None:
    """The engine is killed, and Redis comes back without some of its newest entries. What the field says then counts:
    in the end no row says otherwise than the values, and no alarm went active twice without a return between."""
    chance, plant = seeded(turn), Plant()
    cause = make_alarm(works.level, "hi", on_delay_s=chance.choice([0, 2]))
    make_alarm(works.level, "hihi", kind="hihi", setpoint=20.0, latching=True)
    follows = make_alarm(works.level, "lo", kind="lo", setpoint=3.0, off_delay_s=chance.choice([0, 2]))
    follows.suppressed_by.add(cause)
    new_configuration()
    process = Process().begin()
    for _ in range(restarts):
        said = []
        for _ in range(chance.randint(1, 8)):
            said.append(plant.say(g(works.level), {works.level.pk: chance.choice([1.0, 5.0, 12.0, 25.0])}))
            process.hear(said[-1])
            if chance.random() < 0.3:
                process.keep()
                said.clear()
        process = Process()
        kept = said[: chance.randint(0, len(said))]
        if kept:
            process.hear(*kept)
        value = chance.choice([1.0, 5.0, 12.0, 25.0])
        process.hear(plant.say(g(works.level), {works.level.pk: value}, flags=FULL))
        process.hear(*[plant.say(g(works.level), {}) for _ in range(4)])
        active = dict(AlarmState.objects.values_list("alarm__name", "active"))
        assert active.get("hi", False) is (value >= 10)
        assert active.get("hihi", False) is (value >= 20)
        assert active.get("lo", False) is (value <= 3)
        assert AlarmState.objects.filter(alarm=follows).exclude(suppressed_rule="").exists() is (value >= 10)
    for alarm in Alarm.objects.all():
        turns = events_of(alarm)
        assert turns == [Event.ALARM, Event.RETURN] * (len(turns) // 2) + [Event.ALARM] * (len(turns) % 2)


def test_no_row_stands_otherwise_than_the_values_after_losses(works: Works) -> None:
    check_restarts_with_losses(works, 0, 4)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(1, 9))
def test_no_row_stands_otherwise_than_the_values_after_many_losses(works: Works, turn: int) -> None:
    check_restarts_with_losses(works, turn, 40)


def test_where_the_way_back_is_lost_the_values_that_were_known_are_judged_on(works: Works, plant: Plant) -> None:
    """A group that said nothing new since is not told again: its values are those of the memory."""
    make_alarm(works.level, on_delay_s=3)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    process.keep()
    again = Process()
    again.write(again.judging.anew(Anew(Mark(EPOCH, "9-0"), [], dict(again.judging.seqs), "the stream was trimmed")))
    plant.ids = 9
    again.hear(*[plant.say(g(works.level), {}) for _ in range(5)])
    assert journal("event") == [("alarm",)]


def test_a_tag_whose_first_value_was_still_owed_at_a_kill_is_judged_after_it(works: Works, plant: Plant) -> None:
    make_alarm(works.level)
    works.flow.scan_ms = works.level.scan_ms
    works.flow.save()
    process, group = Process().begin(), g(works.flow)
    _, full = first = plant.say(group, {works.level.pk: 5.0, works.flow.pk: 12.0})
    process.hear(first)
    make_alarm(works.flow)
    new_configuration()
    process.write(process.judging.adopt(load()))
    again = Process()
    again.write(again.judging.caught_up())
    assert again.judging.owed == [group]
    again.write(again.judging.pay({group: full}))
    assert journal() == [("works/south/flow:hi", "alarm")]
    assert not again.judging.owed


# -- a writing is tried again although it was committed


def test_a_batch_that_was_committed_unheard_is_not_written_again(works: Works, plant: Plant) -> None:
    """The connection breaks at the commit, and nobody knows. The batch holds a new beginning between two entries."""
    make_alarm(works.level)
    process = Process().begin()
    judging = process.judging
    steps: list[Step] = []
    steps += judging.entries(read(plant.say(g(works.level), {works.level.pk: 12.0})))
    _, back = plant.say(g(works.level), {works.level.pk: 5.0})
    steps += judging.anew(Anew(Mark(EPOCH, "2-0"), [back], {g(works.level): back.seq}, "trimmed"))
    steps += judging.entries(read(plant.say(g(works.level), {works.level.pk: 12.0})))
    process.engine.apply_steps(steps)
    expected = journal("event", "occurrence")
    assert expected == [("alarm", 1), ("return", 1), ("alarm", 2)]
    process.engine.apply_steps(steps)
    assert journal("event", "occurrence") == expected
    steps += judging.entries(read(plant.say(g(works.level), {works.level.pk: 5.0})))
    process.engine.apply_steps(steps)
    assert journal("event", "occurrence") == [*expected, ("return", 2)]


# -- what the database would refuse


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_value_that_is_no_number_keeps_no_alarm_from_the_journal(works: Works, plant: Plant, value: float) -> None:
    make_alarm(works.level, "bad", kind="bad_quality", setpoint=None, deadband=0)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: value}, status=0x80890000))
    assert (journal("event", "value"), process.engine.put_aside) == ([("alarm", None)], 0)


def test_one_event_that_cannot_be_written_takes_no_other_with_it(works: Works, plant: Plant) -> None:
    one, two, three = make_alarm(works.level), make_alarm(works.flow), make_alarm(works.level, "hihi", kind="hihi")
    process = Process().begin()
    raised = [Raised(a.pk, Event.ALARM, 1, 12.0, 2**70 if a is two else 0) for a in (one, two, three)]
    process.engine.apply(raised, EPOCH, "5-0")
    assert process.engine.put_aside == 1
    assert journal("path") == [("works/north/level:hi",), ("works/north/level:hihi",)]
    assert checkpoint.applied() == Mark(EPOCH, "5-0")


@pytest.mark.django_db(transaction=True)
def test_an_alarm_of_an_area_that_was_deleted_a_moment_ago_is_written(works: Works, plant: Plant) -> None:
    """Its tag was moved and the area deleted, and the engine has not heard of it yet."""
    alarm = make_alarm(works.flow)
    process = Process().begin()
    Tag.objects.filter(area=works.south).update(area=works.north)
    type(works.plc1).objects.filter(area=works.south).update(area=works.north)
    Area.objects.filter(pk=works.south.pk).delete()
    process.hear(plant.say(g(works.flow), {works.flow.pk: 12.0}))
    assert (base_of(alarm), process.engine.put_aside) == (Base.UNACK, 0)
    assert journal("path", "area_id") == [("works/south/flow:hi", None)]


def test_memory_of_another_version_leads_to_a_new_beginning_and_not_to_an_end(works: Works, plant: Plant) -> None:
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    process.keep()
    for part in ("state", "configuration"):
        EngineMemory.objects.filter(part=part).update(content=zlib.compress(msgpack.packb([2, {}, b"", 4, 5])))
        assert checkpoint.recall().memory is None


# -- what is switched off


def test_an_alarm_of_isthmus_itself_that_is_switched_off_does_not_stay_active_for_ever(
    works: Works, plant: Plant
) -> None:
    """Nobody looks at it any more: it returns, and still wants its acknowledgement."""
    own = make_alarm(works.level, "disk-test", kind="hi")
    Alarm.objects.filter(pk=own.pk).update(kind="system", tag=None)
    process = Process().begin()
    happens(own, Event.ALARM)
    new_configuration()
    process.write(process.judging.adopt(load()))
    assert base_of(own) == Base.UNACK
    Alarm.objects.filter(pk=own.pk).update(enabled=False)
    for _ in range(2):
        new_configuration()
        process.write(process.judging.adopt(load()))
    assert base_of(own) == Base.RTN_UNACK
    assert journal("event") == [("alarm",), ("return",)]
    assert "switched off" in JournalEntry.objects.get(event="return").reason


def test_definitions_are_compared_once_after_a_start_and_not_with_every_reading(works: Works, plant: Plant) -> None:
    make_alarm(works.level)
    new_configuration()
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 5.0}))
    process.keep()
    again = Process()
    assert again.judging.configuration is not again.configuration.known
    assert again.judging.caught_up() == []
    assert again.judging.configuration is again.configuration.known
