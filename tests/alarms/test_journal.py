"""Reading the journal: pages without gaps, filters, who may see which entry, and who is shelved too often."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import NOWHERE, AreaSet
from alarms import actions
from alarms import journal as journals
from alarms.journal import JournalFilters, journal, journal_all, often_shelved
from alarms.kinds import Event, Priority
from alarms.models import Alarm
from audit.actions import Actor
from plant.models import Area
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.alarms.test_lists import system_alarm
from tests.cast import Works

EVERYWHERE = AreaSet(everywhere=True)
OMAR = Actor("user", "omar-id", "Omar")
T0 = 1_700_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def told(works: Works) -> tuple[Alarm, Alarm]:
    """North alarmed at T0, was acknowledged and returned; south alarmed a second later."""
    north, south = make_alarm(works.level), make_alarm(works.flow, severity=1, message="Överfyllt")
    happens(north, Event.ALARM, at_ms=T0)
    actions.acknowledge(OMAR, [(str(north.uuid), 1)], "pump is on", lambda _: True, now_ms=T0 + 500)
    happens(south, Event.ALARM, at_ms=T0 + 1000)
    happens(north, Event.RETURN, at_ms=T0 + 2000)
    return north, south


def found(areas: AreaSet = EVERYWHERE, sees_system: bool = True, **fields: Any) -> list[str]:
    entries = journal_all(areas, sees_system, replace(JournalFilters(), **fields))
    return [f"{entry.path.rsplit('/')[-1]} {entry.event}" for entry in entries]


@pytest.mark.parametrize("limit", [1, 3, 4, 5])
def test_pages_neither_repeat_nor_skip_what_comes_meanwhile(
    limit: int, told: tuple[Alarm, Alarm], works: Works
) -> None:
    happens([make_alarm(works.level, f"a{n}") for n in range(5)], Event.ALARM, at_ms=T0 + 1000)  # all at one moment
    expected = [entry.pk for entry in journal(EVERYWHERE, True, limit=100).entries]
    assert len(expected) == 9
    seen, key = [], None
    while True:
        page = journal(EVERYWHERE, True, before=key, limit=limit)
        seen += [entry.pk for entry in page.entries]
        key = page.older
        if key is None:
            break
        happens(make_alarm(works.level, f"b{len(seen)}"), Event.ALARM, at_ms=T0 + 9000)
    assert seen == expected


def test_a_page_is_one_query_and_the_newest_stands_first(told: tuple[Alarm, Alarm]) -> None:
    with CaptureQueriesContext(connection) as asked:
        page = journal(EVERYWHERE, True)
    assert len(asked) == 1
    assert [entry.event for entry in page.entries] == ["return", "alarm", "ack", "alarm"]
    assert page.older is None


def test_filters_narrow_the_journal(told: tuple[Alarm, Alarm]) -> None:
    north, _ = told
    everything = ["level:hi alarm", "level:hi ack", "flow:hi alarm", "level:hi return"]
    assert found() == everything
    assert found(from_ms=T0 + 500, to_ms=T0 + 2000) == ["level:hi ack", "flow:hi alarm"]
    assert found(area="works/SOUTH") == ["flow:hi alarm"]
    assert found(area="works/sou") == []
    assert found(area="works") == everything
    assert found(priorities=frozenset({Priority.LOW})) == ["flow:hi alarm"]
    assert found(events=frozenset({Event.ACK, Event.RETURN})) == ["level:hi ack", "level:hi return"]
    assert found(text="PUMP is") == ["level:hi ack"]
    assert found(text="verfyllt") == ["flow:hi alarm"]
    assert found(actor="omar") == ["level:hi ack"]
    assert found(alarm=str(north.uuid), annunciated=True) == ["level:hi alarm"]
    assert found(alarm="nonsense") == []
    assert found(text="%") == found(text="pump\x00") == []


def test_everybody_reads_of_their_own_areas(told: tuple[Alarm, Alarm], works: Works) -> None:
    happens(system_alarm(), Event.ALARM, at_ms=T0 + 5000)
    of_south = AreaSet(ids=frozenset({works.south.pk}))
    assert found(of_south, False) == ["flow:hi alarm"]
    assert found(of_south, True) == ["flow:hi alarm", "isthmus:disk-test alarm"]
    assert found(NOWHERE, False) == []
    assert "isthmus:disk-test alarm" not in found(EVERYWHERE, False)


def test_what_is_left_of_a_deleted_area_is_read_by_who_sees_everything(told: tuple[Alarm, Alarm], works: Works) -> None:
    pk = works.south.pk
    told[1].delete()
    works.flow.delete()
    Area.objects.filter(pk=pk).delete()
    assert found(AreaSet(ids=frozenset({pk})), True) == []
    assert "flow:hi alarm" in found(EVERYWHERE, False)
    assert found(area="works/south") == ["flow:hi alarm"]


def test_an_export_reads_in_batches(told: tuple[Alarm, Alarm], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found()
    monkeypatch.setattr(journals, "BATCH", 2)
    with CaptureQueriesContext(connection) as asked:
        assert found() == expected
    assert len(asked) == 3


def test_an_alarm_that_is_shelved_again_and_again_is_reported(works: Works) -> None:
    """ALM-24: more than three times within seven days."""
    often, seldom, before = (make_alarm(works.level, name) for name in ("often", "seldom", "before"))
    for alarm, times, at_ms in ((often, 4, T0), (seldom, 3, T0), (before, 4, T0 - 8 * DAY_MS)):
        for n in range(times):
            actions.shelve(OMAR, [str(alarm.uuid)], 10, "again", lambda _: True, now_ms=at_ms + n)
    reported = often_shelved(EVERYWHERE, True, T0 + 1000)
    assert [(row.path, row.alarm_uuid, row.times) for row in reported] == [
        ("works/north/level:often", str(often.uuid), 4)
    ]
    assert often_shelved(AreaSet(ids=frozenset({works.south.pk})), True, T0 + 1000) == []
    assert often_shelved(EVERYWHERE, True, T0 + 8 * DAY_MS) == []
