"""Journal entries are only ever added; the database itself sees to it (ALM-20)."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from alarms import snapshot
from alarms.apps import guard_journal
from alarms.journal_guard import JOURNAL
from alarms.kinds import Event
from alarms.models import Alarm, AlarmState, JournalEntry, Writing
from alarms.transitions import When, Who, writing
from audit.actions import Actor
from devices.snapshot import load
from plant.models import Area
from tests.alarms.entries import make_alarm
from tests.cast import Works

ENGINE = Who(Actor.system("alarms"))


@pytest.fixture
def guarded(works: Works) -> Iterator[Works]:
    """One entry, in the north, under guard."""
    alarm = make_alarm(works.level)
    with writing() as writer:
        writer.happen(snapshot.load(load()).alarms[alarm.pk], Event.ALARM, ENGINE, When(1000, 1005, 11.5))
    JOURNAL.install(connection)
    yield works
    JOURNAL.drop(connection)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM alarms_journalentry",
        "UPDATE alarms_journalentry SET actor_name = 'x'",
        "UPDATE alarms_journalentry SET server_ms = 1, area_id = NULL",
        "UPDATE alarms_journalentry SET area_id = 2",
        "UPDATE alarms_journalentry SET details = '{}'",
        "UPDATE alarms_journalentry SET value = '1'",
    ],
)
def test_an_entry_cannot_be_changed_or_deleted(statement: str, guarded: Works) -> None:
    before = list(JournalEntry.objects.values())
    if "details" in statement:
        statement = statement.replace("{}", '{"minutes": 1}')
    with (
        pytest.raises(DatabaseError, match="a journal entry cannot be"),
        transaction.atomic(),
        connection.cursor() as sql,
    ):
        sql.execute(statement)
    assert list(JournalEntry.objects.values()) == before


def test_entries_go_on_being_added_and_outlive_their_alarm_and_area(guarded: Works) -> None:
    alarm = snapshot.load(load()).by_path["works/north/level:hi"]
    with writing() as writer:
        writer.happen(alarm, Event.RETURN, ENGINE, When(2000, 2005, 9.0))
    Alarm.objects.all().delete()
    for tag in (guarded.level, guarded.run, guarded.flow):
        tag.delete()
    guarded.plc1.delete()
    Area.objects.filter(name="pumps").delete()
    Area.objects.filter(name="north").delete()
    kept: list[tuple[object, ...]] = list(JournalEntry.objects.values_list("event", "path", "area", "area_path"))
    assert kept == [
        ("alarm", "works/north/level:hi", None, "works/north"),
        ("return", "works/north/level:hi", None, "works/north"),
    ]


def _problems() -> list[str]:
    found = run_checks(databases=["default"])
    return [str(problem.id) for problem in found if str(problem.id).startswith("alarms.")]


def test_a_site_without_the_guard_says_so_and_migrate_brings_it_back(guarded: Works) -> None:
    assert _problems() == []
    JOURNAL.drop(connection)
    assert _problems() == ["alarms.E001"]
    guard_journal(using="default")
    assert _problems() == []


def test_a_restore_replaces_alarms_and_journal_and_guards_them_again(
    guarded: Works, tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR = tmp_path
    tables = (Alarm, AlarmState, JournalEntry, Writing)
    before = [list(table._default_manager.order_by("pk").values()) for table in tables]
    call_command("backup", str(tmp_path / "site.zip"), stdout=StringIO(), stderr=StringIO())
    alarm = snapshot.load(load()).by_path["works/north/level:hi"]
    with writing() as writer:
        writer.happen(alarm, Event.ACK, ENGINE, When(2000, 2005))
    Alarm.objects.all().delete()
    make_alarm(guarded.flow, "new")
    guarded.level.delete()
    call_command("restore", str(tmp_path / "site.zip"), "--yes", stdout=StringIO(), stderr=StringIO())
    assert [list(table._default_manager.order_by("pk").values()) for table in tables] == before
    assert JOURNAL.missing(connection) == []
