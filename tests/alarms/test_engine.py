"""From what is raised to the journal: once, in order, whatever is killed, and whatever people do meanwhile."""

import random
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, transaction

from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmState, Checkpoint, EngineMemory, JournalEntry
from alarms.process import checkpoint, engine
from alarms.process.checkpoint import Unreadable
from alarms.process.configuration import load
from alarms.process.engine import Engine, Step
from alarms.running import Raised
from alarms.transitions import When, Who, writing
from audit.actions import Actor
from bus.following import Anew, Mark
from bus.messages import Block
from devices.models import Tag
from plant.revisions import bump
from tests.alarms.entries import make_alarm
from tests.alarms.stream import EPOCH, Plant, Process, journal
from tests.cast import Works
from tests.fault_seed import seeded

OMAR = Who(Actor("user", "omar", "omar"))


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def works(works: Works) -> Works:
    """The flow is in a scan group of its own."""
    works.flow.scan_ms = 2000
    works.flow.save()
    return works


def g(tag: Tag) -> str:
    """The scan group of the tag."""
    return f"{tag.device_id}:{tag.scan_ms}"


def changed() -> None:
    """Whatever was saved becomes a new revision."""
    with transaction.atomic():
        bump("ada", "test")


def new_configuration(process: Process) -> None:
    changed()
    process.write(process.judging.adopt(load()))


def base_of(alarm: Alarm) -> str:
    return AlarmState.objects.get(pk=alarm.pk).base


def acknowledge(alarm: Alarm) -> None:
    entry = load().alarms.alarms[alarm.pk]
    with writing() as writer:
        assert writer.happen(entry, Event.ACK, OMAR, When(1, 1)) is None


# -- once


def test_an_entry_that_is_read_twice_is_written_once(works: Works, plant: Plant) -> None:
    make_alarm(works.level)
    process = Process().begin()
    entries = [plant.say(g(works.level), {works.level.pk: v}) for v in (5.0, 12.0, 5.0, 12.0)]
    process.hear(*entries)
    process.hear(*entries)
    assert journal("event", "occurrence") == [("alarm", 1), ("return", 1), ("alarm", 2)]


def test_a_writing_whose_commit_was_not_heard_of_is_tried_again_and_adds_nothing(works: Works, plant: Plant) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    raised = [Raised(alarm.pk, e, 1, 12.0, 0) for e in (Event.ALARM, Event.RETURN)]
    for _ in range(2):
        process.engine.apply(raised, EPOCH, "5-0")
    assert journal("event") == [("alarm",), ("return",)]


def test_a_database_that_is_away_leaves_the_step_to_be_tried_again(
    works: Works, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    save = checkpoint.save_applied

    def locked(*_: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(checkpoint, "save_applied", locked)
    raised = [Raised(alarm.pk, Event.ALARM, 1, 12.0, 0)]
    with pytest.raises(engine.AWAY):
        process.engine.apply(raised, EPOCH, "5-0")
    assert not JournalEntry.objects.exists()
    monkeypatch.setattr(checkpoint, "save_applied", save)
    process.engine.apply(raised, EPOCH, "5-0")
    assert journal("event") == [("alarm",)]


def test_what_cannot_be_written_is_put_aside_and_the_rest_is_written(works: Works, plant: Plant) -> None:
    one, two = make_alarm(works.level), make_alarm(works.flow)
    process = Process().begin()
    steps = [
        Step(Mark(EPOCH, "5-0"), [Raised(one.pk, Event.ALARM, 1, 12.0, 2**70)]),
        Step(Mark(EPOCH, "6-0"), [Raised(two.pk, Event.ALARM, 1, 12.0, 0)]),
    ]
    process.engine.apply_steps(steps)
    assert process.engine.put_aside == 1
    assert journal("path", "event") == [("works/south/flow:hi", "alarm")]
    assert checkpoint.applied() == Mark(EPOCH, "6-0")


def test_an_alarm_deleted_a_moment_ago_keeps_nothing_back(works: Works, plant: Plant) -> None:
    one, two = make_alarm(works.level), make_alarm(works.flow)
    process = Process().begin()
    Alarm.objects.filter(pk=one.pk).delete()
    process.engine.apply([Raised(a.pk, Event.ALARM, 1, 12.0, 0) for a in (one, two)], EPOCH, "5-0")
    assert (journal("path"), process.engine.put_aside) == ([("works/south/flow:hi",)], 0)


# -- after a kill


def test_a_delay_goes_on_after_a_kill_where_it_stood(works: Works, plant: Plant) -> None:
    make_alarm(works.level, on_delay_s=4)
    process = Process().begin()
    process.hear(
        plant.say(g(works.level), {works.level.pk: 5.0}),
        plant.say(g(works.level), {works.level.pk: 12.0}),
        plant.say(g(works.level), {}),
    )
    process.keep()
    again = Process()
    assert again.judging.has_place
    again.hear(plant.say(g(works.level), {}), plant.say(g(works.level), {}))
    assert journal() == []
    again.hear(plant.say(g(works.level), {}))
    assert journal() == [("works/north/level:hi", "alarm")]


def excursions(works: Works, chance: random.Random, count: int) -> list[tuple[str, Block]]:
    plant, groups = Plant(), {g(works.level): works.level.pk, g(works.flow): works.flow.pk}
    found = [plant.say(g, {tag: 5.0}) for g, tag in groups.items()]
    for _ in range(count):
        group = chance.choice(list(groups))
        values: dict[int, Any] = {} if chance.random() < 0.3 else {groups[group]: chance.choice([5.0, 9.5, 12.0, 30.0])}
        found.append(plant.say(group, values, status=chance.choice([0, 0, 0, 0, 0x808C0000])))
    return found


def define(works: Works) -> None:
    cause = make_alarm(works.level, "hi", on_delay_s=2, first_out="trip")
    make_alarm(works.level, "hihi", kind="hihi", setpoint=20.0, latching=True)
    follows = make_alarm(works.flow, "hi", off_delay_s=3, first_out="trip")
    follows.suppressed_by.add(cause)
    make_alarm(works.flow, "bad", kind="bad_quality", setpoint=None, deadband=0)


COLUMNS = ("path", "seq", "occurrence", "event", "from_state", "to_state", "source_ms", "value", "is_first_out")


@pytest.mark.parametrize("turn", range(3))
def test_a_journal_with_kills_is_the_journal_without(works: Works, turn: int) -> None:
    """The engine is thrown away at random entries, with or without having kept its memory shortly before."""
    define(works)
    changed()
    chance = seeded(turn)
    entries = excursions(works, chance, 120)
    Process().begin().hear(*entries)
    expected = journal(*COLUMNS)
    assert len(expected) > 20
    for table in (JournalEntry, AlarmState, EngineMemory, Checkpoint):
        table.objects.all().delete()
    process, done = Process().begin(), 0
    while done < len(entries):
        some = chance.randint(1, 25)
        process.hear(*entries[done : done + some])
        done = min(len(entries), done + some)
        if chance.random() < 0.4:
            process.keep()
        process = Process()
        start = int(process.judging.mark.entry_id.partition("-")[0])
        if entries[start:done]:
            process.hear(*entries[start:done])
    assert journal(*COLUMNS) == expected


def test_an_acknowledgement_made_while_the_engine_was_away_stands(works: Works, plant: Plant) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    process.keep()
    acknowledge(alarm)
    Process().hear(plant.say(g(works.level), {works.level.pk: 13.0}), plant.say(g(works.level), {works.level.pk: 5.0}))
    assert journal("event", "to_state") == [("alarm", "unack"), ("ack", "acked"), ("return", "normal")]


def test_with_a_trimmed_stream_an_active_alarm_stays_active_until_it_is_judged(works: Works, plant: Plant) -> None:
    level, flow = make_alarm(works.level), make_alarm(works.flow)
    Process().begin().hear(
        plant.say(g(works.level), {works.level.pk: 12.0}), plant.say(g(works.flow), {works.flow.pk: 12.0})
    )  # fmt: skip
    _, newest = plant.say(g(works.level), {works.level.pk: 5.0})
    again = Process()
    again.write(again.judging.anew(Anew(Mark(EPOCH, "90-0"), [newest], {g(works.level): newest.seq}, "trimmed")))
    assert (base_of(level), base_of(flow)) == (Base.RTN_UNACK, Base.UNACK)
    assert checkpoint.applied() == Mark(EPOCH, "90-0")


def test_memory_that_cannot_be_read_leads_to_a_new_beginning(works: Works, plant: Plant) -> None:
    make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    process.keep()
    EngineMemory.objects.filter(part="state").update(content=b"damaged")
    assert not Process().judging.has_place
    with pytest.raises(Unreadable):
        checkpoint.unpack_known(b"damaged")


def test_what_is_evaluated_survives_as_bytes(works: Works) -> None:
    define(works)
    known = load().known
    assert checkpoint.unpack_known(checkpoint.pack_known(known)) == known


# -- first-out


def test_the_first_of_a_group_is_marked_and_all_of_the_same_scan(works: Works, plant: Plant) -> None:
    """ALM-17"""
    make_alarm(works.level, "hi", first_out="trip")
    make_alarm(works.level, "hihi", kind="hihi", setpoint=11.0, first_out="trip")
    make_alarm(works.flow, "hi", first_out="trip")
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}), plant.say(g(works.flow), {works.flow.pk: 12.0}))
    marks = dict(JournalEntry.objects.values_list("path", "is_first_out"))
    assert marks == {"works/north/level:hi": True, "works/north/level:hihi": True, "works/south/flow:hi": False}
    process.hear(plant.say(g(works.level), {works.level.pk: 5.0}), plant.say(g(works.flow), {works.flow.pk: 5.0}))
    process.hear(plant.say(g(works.flow), {works.flow.pk: 12.0}))
    assert journal("path", "is_first_out")[-1] == ("works/south/flow:hi", True)


def test_what_is_out_of_service_does_not_take_the_mark_from_others(works: Works, plant: Plant) -> None:
    make_alarm(works.level, first_out="trip")
    broken = make_alarm(works.flow, first_out="trip")
    process = Process().begin()
    process.hear(plant.say(g(works.flow), {works.flow.pk: 12.0}))
    AlarmState.objects.filter(pk=broken.pk).update(out_of_service=True)
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    assert journal("path", "is_first_out")[-1] == ("works/north/level:hi", True)


# -- a new configuration


def test_a_changed_limit_of_an_active_alarm_is_noted_and_judged_anew(works: Works, plant: Plant) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    Alarm.objects.filter(pk=alarm.pk).update(setpoint=20.0)
    new_configuration(process)
    assert journal("event", "to_state") == [("alarm", "unack"), ("changed", "unack"), ("return", "rtn_unack")]
    assert JournalEntry.objects.get(event="changed").details == {"setpoint": {"old": 10.0, "new": 20.0}}


def test_an_active_alarm_that_is_switched_off_returns_and_still_wants_its_acknowledgement(
    works: Works, plant: Plant
) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    Alarm.objects.filter(pk=alarm.pk).update(enabled=False)
    new_configuration(process)
    assert journal("event", "to_state") == [("alarm", "unack"), ("changed", "unack"), ("return", "rtn_unack")]
    assert "switched off" in JournalEntry.objects.get(event="return").reason
    acknowledge(alarm)
    new_configuration(process)
    assert len(journal()) == 4, "a further revision adds nothing"
    Alarm.objects.filter(pk=alarm.pk).update(enabled=True)
    new_configuration(process)
    process.hear(plant.say(g(works.level), {works.level.pk: 12.5}))
    assert journal("event", "occurrence")[-1] == ("alarm", 2)


def test_of_a_deleted_alarm_the_journal_says_that_it_ended_and_goes_on_when_it_is_back(
    works: Works, plant: Plant
) -> None:
    alarm = make_alarm(works.level)
    uuid = alarm.uuid
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    alarm.delete()
    new_configuration(process)
    assert journal("event", "from_state", "to_state")[-1] == ("changed", "unack", "normal")
    make_alarm(works.level, uuid=uuid)
    new_configuration(process)
    process.hear(plant.say(g(works.level), {works.level.pk: 5.0}), plant.say(g(works.level), {works.level.pk: 13.0}))
    assert journal("seq", "event", "occurrence") == [(1, "alarm", 1), (2, "changed", 1), (3, "alarm", 2)]


def test_an_alarm_deleted_while_the_engine_was_away_is_noticed_at_its_start(works: Works, plant: Plant) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    process.keep()
    alarm.delete()
    changed()
    again = Process()
    again.write(again.judging.caught_up())
    assert journal("event")[-1] == ("changed",)


def test_a_change_is_written_once_though_it_is_tried_twice(works: Works, plant: Plant) -> None:
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}))
    Alarm.objects.filter(pk=alarm.pk).update(deadband=2.0)
    changed()
    steps = process.judging.adopt(load())
    process.write(steps)
    process.write(steps)
    assert journal("event") == [("alarm",), ("changed",)]


def test_entries_before_the_mark_are_judged_by_the_limits_of_then(works: Works, plant: Plant) -> None:
    """The limit is raised while the engine is dead: what the journal has is neither repeated nor taken back unsaid."""
    alarm = make_alarm(works.level)
    process = Process().begin()
    process.keep()
    entries = [plant.say(g(works.level), {works.level.pk: v}) for v in (12.0, 5.0, 12.0)]
    process.hear(*entries)
    Alarm.objects.filter(pk=alarm.pk).update(setpoint=20.0)
    changed()
    again = Process()
    again.hear(*entries, plant.say(g(works.level), {works.level.pk: 25.0}))
    assert journal("event") == [("alarm",), ("return",), ("alarm",), ("changed",), ("return",), ("alarm",)]


def test_a_tag_that_stands_still_is_judged_when_an_alarm_begins_to_look_at_it(works: Works, plant: Plant) -> None:
    make_alarm(works.level)
    process = Process().begin()
    works.flow.scan_ms = works.level.scan_ms
    works.flow.save()
    group = g(works.flow)
    _, full = first = plant.say(group, {works.level.pk: 5.0, works.flow.pk: 12.0})
    process.hear(first)
    make_alarm(works.flow)
    new_configuration(process)
    assert process.judging.owed == [group]
    process.write(process.judging.pay({group: replace(full, seq=full.seq + 1)}))
    assert journal() == [], "a value from a later scan waits until that scan has been evaluated"
    process.write(process.judging.pay({group: full}))
    assert journal() == [("works/south/flow:hi", "alarm")]
    assert not process.judging.owed


def test_a_suppression_that_is_taken_out_of_the_definition_ends(works: Works, plant: Plant) -> None:
    cause, follows = make_alarm(works.level), make_alarm(works.flow)
    follows.suppressed_by.add(cause)
    process = Process().begin()
    process.hear(plant.say(g(works.level), {works.level.pk: 12.0}), plant.say(g(works.flow), {works.flow.pk: 12.0}))
    assert not AlarmState.objects.get(pk=follows.pk).is_listed
    follows.suppressed_by.clear()
    new_configuration(process)
    assert AlarmState.objects.get(pk=follows.pk).is_listed
    assert journal("event").count(("unsuppress",)) == 1


def test_engines_of_simulated_history_bring_their_own_clock(works: Works) -> None:
    alarm = make_alarm(works.level)
    past = Engine(load().alarms, now_ms=lambda: 1_000)
    past.apply([Raised(alarm.pk, Event.ALARM, 990, 12.0, 0)], 1, "1-0")
    past.apply_steps([Step(Mark(1, "2-0"), [Raised(alarm.pk, Event.RETURN, 1_990, 5.0, 0)], server_ms=2_000)])
    assert journal("source_ms", "server_ms") == [(990, 1_000), (1_990, 2_000)]
