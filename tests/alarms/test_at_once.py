"""Several people and the engine at once: each deed is done by one of them, and nobody sees half of a writing."""

import threading
from collections import Counter
from collections.abc import Callable

from django.db import connection

from accounts.permissions import AreaSet
from alarms import actions
from alarms.current import current_alarms
from alarms.kinds import Event
from alarms.lists import counts, listed
from alarms.models import AlarmState, JournalEntry
from alarms.standing import standing
from alarms.transitions import When, writing
from audit.actions import Actor
from audit.models import AuditRecord
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import ENGINE, happens
from tests.cast import Works
from tests.file_database import file_database

__all__ = ["file_database"]

EVERYWHERE = AreaSet(everywhere=True)
PEOPLE = 4


def at_once(deeds: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, begun together. What one of them raises is raised here."""
    begin, failures = threading.Barrier(len(deeds)), list[BaseException]()

    def run(deed: Callable[[], None]) -> None:
        try:
            begin.wait(10)
            deed()
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_of_several_who_acknowledge_at_once_one_was_first(file_database: None, works: Works) -> None:
    """ALM-03, ALM-21"""
    alarms = [make_alarm(works.level, f"a{n}") for n in range(5)]
    happens(alarms, Event.ALARM)
    items = [(str(alarm.uuid), 1) for alarm in alarms]
    told: list[tuple[str, str]] = []

    def acknowledge(name: str) -> None:
        for result in actions.acknowledge(Actor("user", name, name), items, "", lambda _: True):
            told.append((result.uuid, result.refused.code if result.refused else "done"))

    at_once([lambda name=f"person {n}": acknowledge(name) for n in range(PEOPLE)])  # type: ignore[misc]  # a default binds it
    for uuid, _ in items:
        assert Counter(code for found, code in told if found == uuid) == {"done": 1, "already_acked": PEOPLE - 1}
    acked = JournalEntry.objects.filter(event="ack")
    assert acked.count() == AuditRecord.objects.filter(event="alarm.acknowledged").count() == len(alarms)
    assert sorted(acked.values_list("actor_name", flat=True)) == sorted(
        AlarmState.objects.values_list("acked_by", flat=True)
    )


def test_nobody_sees_half_of_a_writing_and_in_the_end_nothing_is_missed(file_database: None, works: Works) -> None:
    """The engine raises and ends three alarms together, again and again; two look meanwhile."""
    alarms = [make_alarm(works.level, f"a{n}") for n in range(3)]
    entries = [current_alarms().alarms[alarm.pk] for alarm in alarms]
    over = threading.Event()
    seen: set[int] = set()

    def raise_and_end() -> None:
        try:
            for n in range(10):
                for event in (Event.ALARM, Event.ACK, Event.RETURN):
                    with writing() as writer:
                        for entry in entries:
                            writer.happen(entry, event, ENGINE, When(n, n, 1.0))
            happens(alarms, Event.ALARM)
        finally:
            over.set()

    def look() -> None:
        while not over.wait(0.002):
            seen.update((len(listed(EVERYWHERE, True)), counts(EVERYWHERE, True).total))

    at_once([raise_and_end, look, look])
    assert seen
    assert seen <= {0, 3}
    assert counts(EVERYWHERE, True).unacked == 3
    held = standing(current_alarms())
    assert {pk: row.seq for pk, row in held.rows.items()} == dict(AlarmState.objects.values_list("pk", "seq"))
