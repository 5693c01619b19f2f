"""The key figures out of the database: the same as those of the recipe, cut to what a person may see."""

import uuid
from collections.abc import Iterator

import pytest

from accounts.permissions import NOWHERE, AreaSet
from alarms.kinds import Event
from alarms.kpi import reading as kpi_reading
from alarms.kpi.figures import Figures, Row, Tally
from alarms.kpi.reading import figures_of, named, own_targets, read, stood_at
from alarms.models import Alarm, AlarmTarget, JournalEntry
from tests.alarms.entries import make_alarm
from tests.alarms.month import ACTIVE, JUNE, OLD_SINCE, STOOD, at, month, row
from tests.cast import Works

EVERYWHERE = AreaSet(everywhere=True)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    kpi_reading.forget()
    yield
    kpi_reading.forget()


def write(rows: list[Row], alarms: dict[str, Alarm], works: Works) -> dict[str, str]:
    """The rows as entries of the journal; what is not among `alarms` was deleted. Name -> key in the figures."""
    uuids = {
        name: alarms[name].uuid if name in alarms else uuid.uuid5(uuid.NAMESPACE_OID, name) for name in names(rows)
    }
    seq = dict.fromkeys(uuids, 0)
    entries = []
    for r in rows:
        seq[r.alarm] += 1
        area = works.south if r.alarm == "valve" else works.north
        entries.append(
            JournalEntry(
                alarm_uuid=uuids[r.alarm], seq=seq[r.alarm], occurrence=1, path=f"{area.path}/t:{r.alarm}", area=area,
                area_path=area.path, message=f"{r.alarm} high", kind="hi", priority=r.priority, alarm_class="process",
                event=r.event, from_state="normal", to_state=ACTIVE[r.active], mutes_after=r.mutes_after,
                annunciated=r.annunciated, source_ms=r.source_ms, server_ms=r.server_ms, writing_no=1,
                actor_kind=r.actor_kind, actor_id="x", actor_name="x", reason=r.reason, revision=r.revision,
            )
        )  # fmt: skip
    JournalEntry.objects.bulk_create(entries, 500)
    return {name: str(value).replace("-", "") for name, value in uuids.items()}


def names(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(r.alarm for r in rows))


@pytest.fixture
def june(works: Works) -> dict[str, str]:
    alarms = {"old": make_alarm(works.level, "old")}
    return write([row("old", Event.ALARM, OLD_SINCE), *month()], alarms, works)


def pure() -> Figures:
    tally = Tally(JUNE, STOOD)
    tally.take(month())
    return tally.figures()


def test_the_database_gives_the_figures_of_the_recipe(june: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """ALM-30. In portions that split the entries of one moment."""
    monkeypatch.setattr(kpi_reading, "BATCH", 7)
    found, expected = read(EVERYWHERE, True, "", JUNE), pure()
    plain = {key.replace("-", ""): name for name, key in june.items()}
    assert {plain[k.replace("-", "")]: n for k, n in found.stale.items()} == expected.stale
    assert [(plain[a.alarm.replace("-", "")], a.count) for a in found.bad_actors][:2] == [("pump", 360), ("valve", 5)]
    for name in ("total", "hours_over", "buckets_over", "max_10min", "floods", "days", "irregular", "mutes", "ack_s"):
        assert getattr(found, name) == getattr(expected, name), name


def test_only_what_the_person_sees_is_counted(june: dict[str, str], works: Works) -> None:
    south = AreaSet(ids=frozenset({works.south.pk}))
    assert read(south, False, "", JUNE).total == 5
    assert read(EVERYWHERE, True, "works/SOUTH", JUNE).total == 5
    assert read(EVERYWHERE, True, "works/sou", JUNE).total == 0
    assert read(NOWHERE, False, "", JUNE).total == 0
    key = read(south, False, "", JUNE).bad_actors[0].alarm
    assert named(south, False, [key], JUNE)[key].message == "valve high"
    assert named(NOWHERE, False, [key], JUNE) == {}


def test_what_stood_at_the_beginning_is_known_by_its_newest_entry(works: Works) -> None:
    alarms = {name: make_alarm(works.level, name) for name in ("stands", "gone", "muted", "later")}
    rows = [
        row("stands", Event.ALARM, at(1, "10:00:00")), row("stands", Event.ACK, at(1, "10:01:00"), actor_kind="user"),
        row("gone", Event.ALARM, at(1, "10:00:00")), row("gone", Event.RETURN, at(1, "10:02:00")),
        row("muted", Event.ALARM, at(1, "10:00:00")),
        row("muted", Event.SHELVE, at(1, "10:03:00"), mutes_after="shelved", actor_kind="user", reason="noise"),
        row("later", Event.ALARM, at(2, "10:00:00")),
    ]  # fmt: skip
    keys = write(rows, alarms, works)
    found = {k.replace("-", ""): tuple(v) for k, v in stood_at(EVERYWHERE, True, "", at(2, "00:00:00")).items()}
    begin = at(1, "10:00:00")
    assert found == {keys["stands"]: (begin, False), keys["muted"]: (begin, True)}
    assert stood_at(AreaSet(ids=frozenset({works.south.pk})), False, "", at(2, "00:00:00")) == {}
    assert stood_at(EVERYWHERE, True, "works/south", at(2, "00:00:00")) == {}


def test_figures_are_kept_until_the_journal_grows_and_a_minute_has_passed(
    june: dict[str, str], works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = figures_of(EVERYWHERE, True, "", JUNE)
    assert figures_of(EVERYWHERE, True, "", JUNE) is first
    write([row("new", Event.ALARM, at(9, "12:34:00"))], {}, works)
    assert figures_of(EVERYWHERE, True, "", JUNE) is first
    monkeypatch.setattr(kpi_reading, "FRESH_S", 0.0)
    assert figures_of(EVERYWHERE, True, "", JUNE).total == first.total + 1


def test_the_site_has_targets_of_its_own(works: Works) -> None:
    AlarmTarget.objects.create(figure="per_day", goal=50, manageable=None)
    assert own_targets() == {"per_day": (50.0, None)}
