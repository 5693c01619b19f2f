"""The month of the demo before its first start: made by the real evaluation and engine, whole or not at all."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from alarms.demo.history import Demo, History, the_demo
from alarms.demo.operator import deeds
from alarms.evaluation import Raised
from alarms.kinds import Base, Event
from alarms.models import AlarmState, JournalEntry
from alarms.process.engine import Engine
from alarms.rebuild import rebuild
from alarms.transitions import muting_of, state_of
from audit.actions import Actor
from devices.simulator.faults import Fault
from devices.simulator.month import DAY_S, DAYS, MONTH_S, Episode, bubbles, episodes
from devices.simulator.past import Past
from plant.document.transfer import import_document
from tests.devices.demo_plant import FILE

pytestmark = pytest.mark.django_db

ENDS_MS = 1_800_000_000_000
NOON_MS = ENDS_MS - ENDS_MS % 86_400_000 + 11 * 3_600_000
HOUR_S = 3600.0
CHLORINE = Episode(60, 640, frozenset({Fault.DOSING_FAILURE}))


@pytest.fixture(autouse=True)
def demo() -> None:
    import_document(FILE.read_bytes(), FILE.name, Actor.system("test"))


def lived(*script: Episode, hours: float = 0.5, ends_ms: int = ENDS_MS) -> History:
    found = the_demo()
    assert found is not None
    return played(found, Past(found.plant, ends_ms, hours * HOUR_S, script), has_deeds=False)


def played(found: Demo, past: Past, *, has_deeds: bool) -> History:
    history = History(found, past.began_ms, has_deeds=has_deeds)
    while not past.is_over:
        history.take(past.go_on())
    history.end(past.ends_ms)
    return history


def called(history: History) -> set[str]:
    """Names of the alarms that called, without the plant."""
    return {e.path.partition("/")[2] for e in history.writer.entries if e.annunciated}


def by_alarm() -> Iterator[list[JournalEntry]]:
    for uuid in JournalEntry.objects.order_by().values_list("alarm_uuid", flat=True).distinct():
        yield list(JournalEntry.objects.filter(alarm_uuid=uuid).order_by("seq"))


def test_a_cause_calls_and_what_follows_from_it_is_suppressed() -> None:
    """Chlorine dosing fails: the alarm that names it suppresses the low residual (ALM-15)."""
    history = lived(CHLORINE)
    assert {"treatment/chlorine/running:stopped", "treatment/chlorine/residual:lolo"} <= called(history)
    first = next(e for e in history.writer.entries if e.is_first_out)
    assert first.path.endswith("chlorine/running:stopped")
    low = next(e for e in history.writer.entries if e.path.endswith("residual:lo") and e.event == Event.ALARM)
    assert not low.annunciated
    assert low.mutes_after == "by_design"


def test_what_is_written_says_that_it_is_simulated_and_rebuilds_every_row() -> None:
    """ALM-04. The month ends with every alarm normal and none muted."""
    assert lived(CHLORINE, Episode(800, 100, tripped=frozenset({0}))).write() == JournalEntry.objects.count() > 10
    assert all(entry.details["simulated"] is True for entry in JournalEntry.objects.all())
    rows = {str(row.alarm.uuid): row for row in AlarmState.objects.select_related("alarm")}
    for entries in by_alarm():
        row = rows.pop(str(entries[0].alarm_uuid))
        assert rebuild(entries) == (state_of(row), muting_of(row))
        assert (row.base, row.seq, row.is_listed) == (Base.NORMAL, len(entries), False)
        assert max(entry.server_ms for entry in entries) <= ENDS_MS
    assert not rows


def test_people_acknowledge_after_a_while() -> None:
    history = lived(CHLORINE)
    acks = [e for e in history.writer.entries if e.event == Event.ACK and e.actor_kind == "user"]
    assert len(acks) >= 2
    for ack in acks:
        began = max(
            e.server_ms for e in history.writer.entries
            if e.path == ack.path and e.annunciated and e.occurrence == ack.occurrence
        )  # fmt: skip
        assert ack.server_ms - began >= 10_000


def test_it_is_written_once_however_often_it_is_made() -> None:
    history = lived(CHLORINE)
    count = history.write()
    assert history.write() == 0
    assert JournalEntry.objects.count() == count


def test_an_alarm_that_the_live_engine_has_written_of_is_left_as_it_is() -> None:
    history = lived(CHLORINE)
    found = the_demo()
    assert found is not None
    live = found.alarms["treatment/chlorine/residual:lolo"]
    Engine(found.configuration.alarms).apply([Raised(live.id, Event.ALARM, ENDS_MS, 0.1, 0)], 1, "5-0")
    history.write()
    assert [e.event for e in JournalEntry.objects.filter(alarm_uuid=live.uuid)] == ["alarm"]
    assert AlarmState.objects.get(pk=live.id).base == Base.UNACK
    assert JournalEntry.objects.filter(path__endswith="running:stopped").exists()


def test_the_script_is_the_same_everywhere_and_leaves_the_last_hours_calm() -> None:
    script = episodes(Random(1))
    assert [e.begins_s for e in script] == [e.begins_s for e in episodes(Random(1))]
    assert max(e.ends_s for e in script) < MONTH_S - 6 * HOUR_S
    assert all(0 <= deed.at_s < MONTH_S for deed in deeds())
    assert bubbles(1)[0] != bubbles(9)[0]


@pytest.mark.slow
def test_a_quiet_day_is_quiet() -> None:
    """At most three alarms, in 24 hours without a fault."""
    history = lived(hours=24)
    assert sum(e.annunciated for e in history.writer.entries) <= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.PUMP_TRIP, "distribution/pumps/hl1/state:trip"),
        (Fault.PUMP_WEAR, "distribution/pumps/hl2/vibration:hi"),
        (Fault.FILTER_BLOCKED, "treatment/filters/f2/head_loss:blocked"),
        (Fault.DOSING_FAILURE, "treatment/chlorine/running:stopped"),
        (Fault.PIPE_BURST, "distribution/demand:jump"),
        (Fault.POWER_DIP, "plc/mains_ok:failing"),
        (Fault.SENSOR_STUCK, "distribution/tower/level:stuck"),
        (Fault.SENSOR_DRIFT, "treatment/chlorine/residual:dev"),
        (Fault.SENSOR_NAN, "treatment/ph:bad"),
        (Fault.STORM, "intake/turbidity:hihi"),
        (Fault.DEMAND_PEAK, "distribution/demand:jump"),
    ],
)
def test_each_fault_of_the_process_raises_what_an_engineer_expects(fault: Fault, expected: str) -> None:
    lasts = {Fault.STORM: 1800, Fault.POWER_DIP: 30}.get(fault, 600)
    evening = NOON_MS + 9 * 3_600_000
    assert expected in called(lived(Episode(900, lasts, frozenset({fault})), hours=1.2, ends_ms=evening))


@pytest.mark.slow
def test_when_raw_water_fails_the_first_is_marked_and_the_rest_follows_in_order() -> None:
    """A trip of both raw-water pumps for three and a half hours: trip, flow, level, level low-low."""
    history = lived(Episode(600, 3.6 * HOUR_S, tripped=frozenset({0, 1})), hours=5, ends_ms=NOON_MS)
    begun = [e for e in history.writer.entries if e.event == Event.ALARM]
    order = [e.path.partition("/")[2] for e in begun]
    expected = ["intake/raw_flow:lo", "treatment/clear_level:lo", "treatment/clear_level:lolo"]
    assert sorted(expected, key=order.index) == expected
    firsts = {e.path.partition("/")[2] for e in begun if e.is_first_out}
    assert firsts & {*expected, "intake/pumps/rp1/state:trip", "intake/pumps/rp2/state:trip"} == {
        "intake/pumps/rp1/state:trip",
        "intake/pumps/rp2/state:trip",
    }
    suppressed = {e.path.partition("/")[2] for e in begun if not e.annunciated}
    assert {"intake/raw_flow:lo", "treatment/clear_level:lo"} <= suppressed
    assert "treatment/clear_level:lolo" in called(history)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_month_has_something_to_show() -> None:
    """One that chatters, one that stands for days, one flood; and most days are calm (1.5)."""
    history = lived_month()
    entries = [e for e in history.writer.entries if e.annunciated]
    began_ms = min(e.server_ms for e in entries)
    bubbling = sorted(e.server_ms for e in entries if e.path.endswith("intake/turbidity:hi"))
    assert any(c - a <= 60_000 for a, c in zip(bubbling, bubbling[2:], strict=False)), "chattering"
    battery = [e.server_ms for e in history.writer.entries if e.path.endswith("battery_low:low")]
    assert max(battery) - min(battery) > DAY_S * 1000, "stale"
    tens = Counter((e.server_ms - began_ms) // 600_000 for e in entries)
    assert max(tens.values()) > 10, "flood"
    days = Counter((e.server_ms - began_ms) // 86_400_000 for e in entries)
    assert sum(count < 20 for count in days.values()) > 0.8 * DAYS
    assert {e.event for e in history.writer.entries} >= {"shelve", "unshelve", "out_of_service", "in_service", "reset"}
    assert history.write() == JournalEntry.objects.count()


def lived_month() -> History:
    found = the_demo()
    assert found is not None
    return played(found, Past(found.plant, ENDS_MS), has_deeds=True)
