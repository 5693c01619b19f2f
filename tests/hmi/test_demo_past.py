"""The past of the demo before its first start: trends and alarms of one simulated month, whole or not at all."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alarms.demo.history import MARK, History, the_demo
from alarms.evaluation import Raised
from alarms.kinds import Event
from alarms.models import AlarmState, EngineMemory, JournalEntry
from alarms.process.engine import Engine
from audit.actions import Actor
from bus.messages import Value
from devices.models import Device
from devices.simulator.faults import Fault
from devices.simulator.month import Episode
from devices.simulator.past import Past
from devices.snapshot import Snapshot, TagEntry
from devices.snapshot import load as load_plant
from historian.configuration import key_of
from historian.samples import Row, Samples
from historian.storage.base import HOUR_MS, Sealed, Storage
from historian.storage.keeping import Keeping
from historian.storage.opening import open_storage
from hmi.demo_month import Making
from plant.document.transfer import import_document
from tests.devices.demo_plant import FILE

pytestmark = pytest.mark.django_db

NOW_MS = 1_800_000_000_000
LASTS_S = 1200.0
CHLORINE = Episode(60, 520, frozenset({Fault.DOSING_FAILURE}))
SILENT = Episode(900, 120, silent=frozenset({"meter"}))
Open = Callable[[], Storage]


class Killed(BaseException):
    """The process is gone: nothing that catches errors sees it."""


@pytest.fixture(autouse=True)
def demo() -> None:
    import_document(FILE.read_bytes(), FILE.name, Actor.system("test"))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the history of this site, each time as another process would."""
    stores: list[Storage] = []

    def open_it() -> Storage:
        stores.append(open_storage(f"sqlite:///{tmp_path / 'history.sqlite3'}"))
        stores[-1].prepare()
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


def making(opened: Open, now_ms: int = NOW_MS) -> Making:
    def play(plant: Snapshot, ends_ms: int) -> Past:
        return Past(plant, ends_ms, LASTS_S, [CHLORINE, SILENT])

    return Making(lambda: now_ms, opened, play)


def made(opened: Open, now_ms: int = NOW_MS) -> None:
    past = making(opened, now_ms)
    while not past.is_done:
        past.turn()
    past.close()


def tag(path: str) -> TagEntry:
    found = load_plant().tag(f"northgate/{path}")
    assert found is not None
    return found


def trend(storage: Storage, path: str) -> Samples:
    number = storage.series()[key_of(tag(path))]
    return storage.read([number], 0, 2**62)[number]


def everything(storage: Storage) -> dict[str, list[tuple[int, Value, int]]]:
    paths = storage.paths()
    found = storage.read(sorted(paths), 0, 2**62)
    return {paths[number]: told(samples) for number, samples in found.items()}


def told(samples: Samples) -> list[tuple[int, Value, int]]:
    values = [samples.value(place, is_text=True) for place in range(len(samples))]
    return list(zip(samples.times.tolist(), values, samples.statuses.tolist(), strict=True))


def entries() -> list[tuple[object, ...]]:
    return list(JournalEntry.objects.order_by("alarm_uuid", "seq").values_list("path", "event", "source_ms"))


def test_the_same_month_gives_the_same_rows_for_all_that_devices_say_and_what_is_computed_of_it(opened: Open) -> None:
    found = load_plant()
    blocks = []
    for _ in range(2):
        past = Past(found, NOW_MS, 1200, [CHLORINE])
        told_of = []
        while not past.is_over:
            told_of.append(past.go_on())
        blocks.append(told_of)
    assert blocks[0] == blocks[1]
    made(opened)
    rows = everything(opened())
    by_hand = {t.path for t in found.tags.values() if t.device_id is None and t.formula is None}
    assert rows.keys() == {t.path for t in found.tags.values() if t.enabled} - by_hand
    assert rows["northgate/plc/program"][0][1] == "NORTHGATE 4.2.1"


def test_a_trend_crosses_the_limit_when_the_alarm_says_so(opened: Open) -> None:
    """One month, two histories of it."""
    made(opened)
    demo = the_demo()
    assert demo is not None
    residual = trend(opened(), "treatment/chlorine/residual")
    alarm = demo.alarms["treatment/chlorine/residual:lolo"]
    raised = JournalEntry.objects.get(alarm_uuid=alarm.uuid, event=Event.ALARM)
    limit, delay_ms = alarm.definition.condition.setpoint, alarm.definition.on_delay_ms
    since = raised.source_ms - delay_ms
    assert residual.between(0, since - 8000).numbers.min() > limit
    during = residual.between(since, raised.source_ms + 1).numbers
    assert len(during) > 5
    assert during.max() < limit


def test_a_device_that_was_silent_has_a_gap(opened: Open) -> None:
    """HIS-07."""
    made(opened)
    power = trend(opened(), "energy/grid/power")
    began = NOW_MS - 1000 - round(LASTS_S * 1000)
    gap = power.between(began + 910_000, began + 1_010_000)
    assert all(status >> 31 for status in gap.statuses.tolist())
    last = power.between(0, began + 910_000)
    assert last.statuses[-1] >> 31
    assert power.statuses[-2] == 0


def test_history_says_until_when_it_is_simulated_and_ends_there(opened: Open) -> None:
    storage = opened()
    assert storage.simulated_before() is None
    made(opened)
    assert storage.simulated_before() == NOW_MS
    assert NOW_MS - 2000 < max(rows[-1][0] for rows in everything(storage).values()) < NOW_MS
    assert all(rows[-1][2] >> 31 for rows in everything(storage).values()), "no line to the real samples"


def test_a_start_that_is_killed_half_way_leaves_nothing_and_the_next_one_begins_anew(opened: Open) -> None:
    killed = making(opened)
    for _ in range(3):
        killed.turn()
    assert killed.pct is not None
    assert not JournalEntry.objects.exists()
    assert opened().usage().samples == 0
    made(opened, NOW_MS + 60_000)
    assert opened().simulated_before() == NOW_MS + 60_000
    assert JournalEntry.objects.exists()


def test_killed_while_history_is_written_nothing_of_it_is_there(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Keeping._put

    def half(self: Keeping, sealed: list[Sealed]) -> None:
        whole(self, sealed[: len(sealed) // 2])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Keeping, "_put", half)
        with pytest.raises(Killed):
            made(opened)
    storage = opened()
    assert storage.usage().samples == 0
    assert storage.simulated_before() is None
    made(opened)
    assert storage.usage().samples > 5000


def test_killed_between_history_and_alarms_the_next_start_makes_the_alarms_of_the_same_month(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: History) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(History, "write", killed)
        with pytest.raises(Killed):
            made(opened)
    rows = everything(opened())
    assert rows
    assert not JournalEntry.objects.exists()
    made(opened, NOW_MS + 3 * HOUR_MS)
    assert everything(opened()) == rows
    alarm = JournalEntry.objects.get(path__endswith="residual:lolo", event=Event.ALARM)
    times = [row[0] for row in rows["northgate/treatment/chlorine/residual"]]
    assert alarm.source_ms in times


def test_made_once_it_is_made_no_more(opened: Open) -> None:
    made(opened)
    rows, journal = everything(opened()), entries()
    made(opened, NOW_MS + 60_000)
    assert (everything(opened()), entries()) == (rows, journal)


def real(storage: Storage, *rows: tuple[int, float], path: str = "intake/raw_flow") -> None:
    number = storage.add_series({key_of(tag(path)): f"northgate/{path}"})[key_of(tag(path))]
    whole: list[Row] = [(ms, number, value, None, 0, ms) for ms, value in rows]
    storage.write(whole, None)


def test_the_month_ends_before_the_first_real_sample(opened: Open) -> None:
    storage = opened()
    real(storage, (NOW_MS - 90_000, 1.25), (NOW_MS - 60_000, 2.5))
    made(opened)
    assert storage.simulated_before() == NOW_MS - 90_000
    assert trend(storage, "intake/raw_flow").numbers[-2:].tolist() == [1.25, 2.5]


def test_real_samples_that_come_meanwhile_with_older_times_stay_and_nothing_simulated_follows_them(
    opened: Open,
) -> None:
    """A link that was away hands over what it kept."""
    past = making(opened)
    past.turn()
    real(opened(), (NOW_MS - 600_000, 1.25), (NOW_MS - 60_000, 2.5))
    while not past.is_done:
        past.turn()
    past.close()
    flow = trend(opened(), "intake/raw_flow")
    assert flow.between(NOW_MS - 600_000, 2**62).numbers.tolist() == [1.25, 2.5]
    assert len(flow) > 20
    assert len(trend(opened(), "intake/turbidity").between(NOW_MS - 600_000, NOW_MS)) > 5


def test_a_real_history_gets_nothing_before_it_but_alarms(opened: Open) -> None:
    storage = opened()
    real(storage, (NOW_MS - 2 * HOUR_MS, 1.25))
    made(opened)
    assert storage.usage().samples == storage.usage().hot_rows == 1
    assert storage.simulated_before() is None
    assert JournalEntry.objects.exists()


def test_history_that_is_away_is_asked_again(tmp_path: Path) -> None:
    place = tmp_path / "not_yet"
    past = making(lambda: open_storage(f"sqlite:///{place / 'history.sqlite3'}"))
    past.turn()
    assert (past.is_done, past.pct) == (False, None)
    place.mkdir()
    past.turn()
    assert past.pct == 0
    past.close()


def test_a_site_that_has_its_past_gets_none(opened: Open) -> None:
    EngineMemory.objects.create(part=MARK)
    made(opened)
    assert opened().usage().samples == 0


def test_a_plant_that_is_not_the_demo_gets_none(opened: Open) -> None:
    Device.objects.update(host="10.0.0.7")
    made(opened)
    assert opened().usage().samples == 0


def test_a_real_journal_gets_no_past_before_it(opened: Open) -> None:
    found = the_demo()
    assert found is not None
    entry = next(iter(found.alarms.values()))
    two_hours_ago = time.time_ns() // 1_000_000 - 7_200_000
    engine = Engine(found.configuration.alarms, now_ms=lambda: two_hours_ago)
    engine.apply([Raised(entry.id, Event.ALARM, two_hours_ago, 1, 0)], 1, "5-0")
    made(opened)
    assert AlarmState.objects.count() == 1
    assert opened().usage().samples == 0
