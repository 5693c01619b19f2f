"""What a process holds for the lists is what the database has, whatever happens in whatever order."""

import random

import pytest
from django.db import transaction

from accounts.permissions import AreaSet
from alarms import muting
from alarms.current import current_alarms
from alarms.kinds import Base, Event, Mute
from alarms.lists import counts, listed, muted
from alarms.models import Alarm, AlarmState, Writing
from alarms.snapshot import AlarmEntry
from alarms.standing import forget
from alarms.transitions import When, Who, muting_of, state_of, writing
from audit.actions import Actor
from plant.revisions import bump
from tests.alarms.entries import make_alarm
from tests.cast import Works
from tests.fault_seed import seeded

EVERYWHERE = AreaSet(everywhere=True)
SOMEBODY = Who(Actor("user", "omar", "omar"), "a reason")
BASE = (Event.ALARM, Event.ALARM, Event.RETURN, Event.ACK, Event.RESET, Event.REALARM)
MUTES = ("shelve", "shelve once", "unshelve", "suppress", "unsuppress", "out", "in")


def check() -> None:
    """Against the rows as they are, each looked at by itself."""
    entries = current_alarms().alarms
    rows = [row for row in AlarmState.objects.all() if row.pk in entries]
    calling = {row.pk for row in rows if state_of(row).base is not Base.NORMAL and muting_of(row).shown is None}
    hidden = {row.pk: muting_of(row).shown for row in rows if muting_of(row).shown is not None}
    found = listed(EVERYWHERE, True)
    assert {x.entry.id for x in found} == calling
    assert {x.entry.id: (x.row.base, x.row.occurrence, x.row.seq) for x in found} == {
        row.pk: (row.base, row.occurrence, row.seq) for row in rows if row.pk in calling
    }
    assert {x.entry.id for x in muted(EVERYWHERE, True)} == set(hidden)
    total = counts(EVERYWHERE, True)
    assert total.total == len(calling)
    assert total.unacked == sum(not row.acked for row in rows if row.pk in calling)
    assert total.muted == {mute: sum(shown is mute for shown in hidden.values()) for mute in Mute}


def mute(what: str, entry: AlarmEntry, row: AlarmState) -> muting.Outcome:
    held, state = muting_of(row), state_of(row)
    match what:
        case "shelve" | "shelve once":
            return muting.shelve(held, state, entry.shelve, 10, "a reason", 1, one_shot=what == "shelve once")
        case "unshelve":
            return muting.unshelve(held, state)
        case "suppress":
            return muting.suppress(held, state, entry.definition.rules, "rule")
        case "unsuppress":
            return muting.unsuppress(held, state, entry.definition.rules)
        case "out":
            return muting.out_of_service(held, state, "a reason")
        case _:
            return muting.in_service(held, state)


def write(chance: random.Random) -> None:
    entries = list(current_alarms().alarms.values())
    with writing() as writer:
        for entry in chance.sample(entries, min(len(entries), chance.randint(1, 3))):
            row, when = writer.row(entry), When(1, 1, 12.0)
            if chance.random() < 0.6:
                writer.happen(entry, chance.choice(BASE), SOMEBODY, when)
                continue
            writer.mute(entry, mute(chance.choice(MUTES), entry, row), SOMEBODY, when)


def taken_back(chance: random.Random) -> None:
    with transaction.atomic():
        write(chance)
        listed(EVERYWHERE, True)
        transaction.set_rollback(True)


def configure(chance: random.Random, works: Works, number: int) -> None:
    with transaction.atomic():
        alarms = list(Alarm.objects.all())
        if chance.random() < 0.5 and len(alarms) > 3:
            chance.choice(alarms).delete()
        else:
            make_alarm(works.level, f"n{number}", latching=chance.random() < 0.5, severity=chance.choice([1, 2, 3]))
        bump("ada", "test")


def play(works: Works, turn: int, steps: int) -> None:
    forget()
    chance = seeded(turn)
    for n in range(4):
        make_alarm(works.level, f"a{n}", latching=n % 2 == 0)
    with transaction.atomic():
        bump("ada", "test")
    for number in range(steps):
        what = chance.random()
        if what < 0.8:
            write(chance)
        elif what < 0.88:
            taken_back(chance)
        elif what < 0.98:
            configure(chance, works, number)
        else:  # an older database, noticed before as much has been written to it (or after half a minute)
            check()
            AlarmState.objects.all().delete()
            Writing.objects.update(no=0)
            check()
        if chance.random() < 0.7:
            check()
    check()


@pytest.mark.django_db(transaction=True)
def test_lists_and_counts_are_those_of_the_rows(works: Works) -> None:
    """ALM-32"""
    play(works, 0, 15)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(1, 6))
def test_lists_and_counts_are_those_of_the_rows_for_long(works: Works, turn: int) -> None:
    """ALM-32"""
    play(works, turn, 150)
