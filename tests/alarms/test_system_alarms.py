"""The alarms of Isthmus itself: each raised and cleared by a real part, or by a pretended disk and memory."""

from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgpack
import pytest
import redis
from django.utils import timezone

from alarms import snapshot
from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmState, EngineMemory, JournalEntry
from alarms.rules.rationalisation import rationalised
from alarms.snapshot import AlarmSnapshot
from alarms.system.alarms import EngineFigures, SystemWatch
from alarms.system.conditions import JUDGES, UNITS, Delays, Happened, Observation, restarts_within
from alarms.system.definitions import SYSTEM_ALARMS
from alarms.system.engine_silence import EngineSilence
from alarms.system.records import Seen, seed, write
from audit.actions import Actor, record
from audit.sealer import seal
from bus import keys
from bus.client import connect, connect_blocking
from bus.presence import LinkState, Presence, hear_links_blocking
from devices import snapshot as plant

Usage = namedtuple("Usage", "total used free")
WELL = Observation(
    has_bus=True, silent_ms=dict.fromkeys(("web", "poller", "jobs", "alarms", "historian"), 900), memory=(50, 100),
    disk=(50 * 10**9, 10**11), unsealed_s=0.0, backup_days=1.0, has_backup=True, behind_ms=100,
    history={"behind_ms": 900, "waiting": 3, "why_away": "", "missed_ms": 0, "missed_age_ms": None},
)  # fmt: skip
TROUBLES = {
    "web_silent": {"silent_ms": {**WELL.silent_ms, "web": 9000}},
    "poller_silent": {"silent_ms": {"web": 900, "jobs": 900, "alarms": 900, "historian": 900}},
    "historian_silent": {"silent_ms": {**WELL.silent_ms, "historian": 9000}},
    "history_waits": {"history": {"behind_ms": 900, "waiting": 9, "why_away": "The disk is full."}},
    "history_missed": {"history": {"missed_ms": 9000, "missed_age_ms": 100}},
    "jobs_silent": {"silent_ms": {**WELL.silent_ms, "jobs": 9000}},
    "alarms_silent": {"silent_ms": {**WELL.silent_ms, "alarms": 9000}},
    **{f"{role}_restarting": {"restarts": {role: 3}} for role in ("web", "poller", "jobs", "alarms", "historian")},
    "link_lost": {"links": {"modbus_tcp://10.0.0.1:502": "disconnected"}},
    "redis_memory": {"memory": (81, 100)},
    "disk": {"disk": (900_000_000, 10**11)},
    "clock_step": {"events": {"clock_step": 5000}},
    "audit_behind": {"unsealed_s": 61.0},
    "backup_old": {"backup_days": 8.0},
    "evaluation_behind": {"behind_ms": 11_000},
    "samples_missed": {"missed_ms": 9000, "missed_age_ms": 100},
    "bus_lost": {"has_bus": False},
}


def test_nothing_is_true_of_a_site_that_is_well() -> None:
    for name, judge in JUDGES.items():
        for was in (False, True):
            verdict = judge(WELL, was)
            assert verdict is not None, name
            assert not verdict.is_true, name


def test_every_alarm_has_its_trouble_and_says_what_is_the_case() -> None:
    assert set(TROUBLES) == set(JUDGES) == set(SYSTEM_ALARMS)
    for name, what in TROUBLES.items():
        seen = replace(WELL, **what)  # type: ignore[arg-type]  # each has its own fields
        true = {other for other, judge in JUDGES.items() if (v := judge(seen, False)) and v.is_true and v.said}
        assert true == {name}


def test_every_value_has_a_unit() -> None:
    seen = {name: replace(WELL, **what) for name, what in TROUBLES.items()}  # type: ignore[arg-type]  # as above
    counted = {name for name, look in seen.items() if (v := JUDGES[name](look, False)) and v.value is not None}
    assert counted
    assert counted <= set(UNITS) <= set(JUDGES)


def test_what_a_lost_bus_would_tell_is_not_judged() -> None:
    seen = Observation(has_bus=False)
    judged = {name for name, judge in JUDGES.items() if judge(seen, True) is not None}
    assert judged == {"bus_lost", "samples_missed"}


def test_a_restart_of_a_process_is_over_before_its_alarm() -> None:
    delays, on = Delays(), {"poller_silent": (15.0, 5.0)}
    gone = replace(WELL, silent_ms={**WELL.silent_ms, "poller": 8000})
    assert delays.judge(gone, {"poller_silent": False}, on, 0.0) == []
    assert delays.judge(gone, {"poller_silent": False}, on, 14.0) == []
    assert delays.judge(WELL, {"poller_silent": False}, on, 14.5) == []
    assert delays.judge(gone, {"poller_silent": False}, on, 16.0) == []
    (found,) = delays.judge(gone, {"poller_silent": False}, on, 31.0)
    assert (found.event, found.value) == (Event.ALARM, 8)


def test_full_and_almost_full_are_apart() -> None:
    """A value at the limit makes one alarm, not many (ALM-14)."""
    for share, was, is_true in ((79, False, False), (80, False, True), (76, True, True), (74, True, False)):
        verdict = JUDGES["redis_memory"](replace(WELL, memory=(share, 100)), was)
        assert verdict is not None
        assert verdict.is_true is is_true


def test_restarts_are_counted_within_ten_minutes_and_anew_in_a_new_run() -> None:
    minute = 60_000
    counts = [(0, 1), (minute, 2), (2 * minute, 3), (3 * minute, 4)]
    assert restarts_within(counts, 4 * minute) == 3
    assert restarts_within(counts, 11 * minute + 1) == 2
    assert restarts_within([*counts, (4 * minute, 1), (5 * minute, 2)], 6 * minute) == 4
    assert restarts_within([(0, 7)], minute) == 0


# -- with real parts


@dataclass
class Site:
    """A watch whose clock is the test's: an hour passes at each look, so every delay is over at the second."""

    url: str
    now_s: float = 0.0
    free: int = 50 * 10**9
    figures: EngineFigures = field(default_factory=EngineFigures)

    def __post_init__(self) -> None:
        seed()
        self.alarms: AlarmSnapshot = snapshot.load(plant.load())
        self.figures = EngineFigures(self.alarms)
        self.begin()

    def begin(self) -> None:
        """As after a restart of the alarms process."""
        self.watch = SystemWatch(
            lambda: self.figures, url=lambda: self.url, disk_usage=self.disk, now_s=lambda: self.now_s
        )

    def disk(self, _: Path) -> Any:
        return Usage(10**11, 10**11 - self.free, self.free)

    def look(self, times: int = 3) -> set[str]:
        """Names of the alarms that are active then."""
        for _ in range(times):
            self.now_s += 3600
            self.watch.look()
        return set(AlarmState.objects.filter(active=True).values_list("alarm__name", flat=True))


def say(url: str, **ages: int) -> None:
    """Role -> it was heard so many ms ago."""
    client = connect_blocking(url, "test")
    seconds, micros = client.time()
    for role, age_ms in ages.items():
        state = {"role": role, "pid": 1, "host": "here", "version": "1", "started_at_ms": 1}
        said = b"%d " % (seconds * 1000 + micros // 1000 - age_ms) + msgpack.packb(state)
        client.hset(keys.PROCESSES, role, said)
    client.close()


@pytest.fixture
def client(bus_url: str) -> Iterator[redis.Redis]:
    client = connect_blocking(bus_url, "test")
    yield client
    client.close()


@pytest.fixture
def site(bus_url: str, db: None) -> Site:
    site = Site(bus_url)
    say(bus_url, web=0, poller=0, jobs=0, alarms=0, historian=0)
    while seal()[0]:
        pass
    return site


def test_a_site_that_is_well_has_no_alarm(site: Site) -> None:
    assert site.look() == set()
    assert not JournalEntry.objects.exists()


def test_what_the_site_gets_is_complete_and_given_once(site: Site) -> None:
    alarms = list(Alarm.objects.filter(tag=None))
    assert {alarm.name for alarm in alarms} == set(SYSTEM_ALARMS)
    for alarm in alarms:
        assert set(rationalised(alarm)) <= {"approved_on", "review_on"}, "a date is the site's to set"
    Alarm.objects.filter(name="disk").update(on_delay_s=99, enabled=False)
    seed()
    assert Alarm.objects.get(name="disk").on_delay_s == 99
    assert Alarm.objects.filter(tag=None).count() == len(SYSTEM_ALARMS)


def test_a_process_that_is_silent_calls_and_returns(site: Site) -> None:
    say(site.url, poller=20_000)
    assert site.look() == {"poller_silent"}
    assert JournalEntry.objects.get().reason.startswith("The process poller has said nothing for 2")
    say(site.url, poller=0)
    assert site.look() == set()
    assert AlarmState.objects.get().base == Base.RTN_UNACK


def test_another_watch_does_not_raise_it_twice(site: Site) -> None:
    say(site.url, jobs=20_000)
    assert site.look() == {"jobs_silent"}
    site.begin()
    assert site.look() == {"jobs_silent"}
    assert JournalEntry.objects.count() == 1


def test_a_process_that_restarts_again_and_again_is_told_of_also_after_a_restart_of_the_watch(
    site: Site, client: redis.Redis
) -> None:
    for number in (1, 2, 3, 4):
        client.hset(keys.PROCESS_STARTS, "alarms", f"{number} start{number} run")
        site.begin()
        found = site.look(2)
    assert found == {"alarms_restarting"}
    assert EngineMemory.objects.filter(part="system_watch").exists()


async def test_a_link_that_is_lost_is_named(bus_url: str) -> None:
    """The poller's own way of saying it."""
    own = connect(bus_url, "test")
    await Presence(own).say_links([LinkState("modbus_tcp://10.0.0.9:502", "disconnected", "No route.", 0)])
    asking = connect_blocking(bus_url, "test")
    links = {link: heard.state.state for link, heard in hear_links_blocking(asking).items()}
    asking.close()
    await own.aclose()
    verdict = JUDGES["link_lost"](replace(WELL, links=links), False)
    assert verdict is not None
    assert verdict.is_true
    assert "10.0.0.9" in verdict.said


def test_a_full_memory_and_a_full_disk(site: Site, client: redis.Redis) -> None:
    """The limit is moved, not the memory filled."""
    used = int(client.info("memory")["used_memory"])
    before = client.config_get("maxmemory")["maxmemory"]
    try:
        client.config_set("maxmemory", int(used * 1.1))
        site.free = 400_000_000
        assert site.look() == {"redis_memory", "disk"}
    finally:
        client.config_set("maxmemory", str(before))
    site.free = 50 * 10**9
    assert site.look() == set()


def test_a_step_of_the_clock(site: Site, client: redis.Redis) -> None:
    client.xadd(keys.EVENTS, {"kind": "clock_step", "text": "The clock was set."})
    assert site.look() == {"clock_step"}
    client.delete(keys.EVENTS)
    assert site.look() == set()


def test_an_audit_that_nobody_seals(site: Site) -> None:
    record("system", "something", Actor.system("test"))
    assert site.look() == {"audit_behind"}
    seal()
    assert site.look() == set()


def test_a_site_without_any_backup_says_so_and_a_backup_ends_it(site: Site) -> None:
    with pretended_days(8):
        assert site.look() == {"backup_old"}
        assert JournalEntry.objects.get().reason == "No backup of this site is known."
        record("backup", "backup.made", Actor.system("test"))
    seal()
    assert site.look() == set()


def test_a_bus_that_is_away(site: Site) -> None:
    away, site.url = site.url, "redis://127.0.0.1:1"
    site.begin()
    assert site.look() == {"bus_lost"}
    site.url = away
    site.begin()
    assert site.look() == set()


def test_an_evaluation_that_is_behind_or_has_missed_something(site: Site, client: redis.Redis) -> None:
    client.xadd(keys.SAMPLES, {"b": b""}, id="1800000020000-0")
    site.figures = EngineFigures(site.alarms, reached_ms=1_800_000_005_000)
    assert site.look() == {"evaluation_behind"}
    site.figures = EngineFigures(site.alarms, 1_800_000_020_000, missed_ms=42_000, missed_at_s=site.now_s + 3600)
    assert site.look(1) == {"evaluation_behind", "samples_missed"}
    assert site.look() == set()
    assert JournalEntry.objects.filter(value=42, unit="s").exists(), "no value without its unit"


def test_one_that_is_switched_off_is_not_raised(site: Site) -> None:
    Alarm.objects.filter(name="disk").update(enabled=False)
    site.figures = EngineFigures(snapshot.load(plant.load()))
    site.free = 0
    assert site.look() == set()


# -- the alarm engine itself, which another process watches


@dataclass
class Outside:
    """The watch in the process for background work."""

    url: str
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.watch = EngineSilence(url=lambda: self.url, now_s=lambda: self.now_s)

    def look(self, step_s: float = 20.0, times: int = 2) -> list[str]:
        """Events of the journal then, in order."""
        for _ in range(times):
            self.now_s += step_s
            self.watch.look()
        return list(JournalEntry.objects.order_by("pk").values_list("event", flat=True))


def test_a_silent_engine_is_told_by_another_process_and_returned_by_whoever_sees_it_first(site: Site) -> None:
    outside = Outside(site.url)
    assert outside.look() == []
    say(site.url, alarms=20_000)
    assert outside.look() == ["alarm"]
    entry = JournalEntry.objects.get()
    assert (entry.path, entry.priority) == ("isthmus:alarms_silent", Alarm.objects.get(name="web_silent").priority)
    assert entry.reason.startswith("The process alarms has said nothing for 2")
    assert site.look() == {"alarms_silent"}, "the engine, which begins again, does not raise it twice"
    say(site.url, alarms=0, web=0, poller=0, jobs=0)
    site.look()
    assert outside.look() == ["alarm", "return"]
    say(site.url, alarms=20_000)
    assert outside.look()[2:] == ["alarm"]
    say(site.url, alarms=0, historian=0)
    assert outside.look()[3:] == ["return"]
    assert site.look() == set()
    assert JournalEntry.objects.count() == 4


def test_a_start_of_the_engine_is_over_before_its_alarm(site: Site, client: redis.Redis) -> None:
    client.hdel(keys.PROCESSES, "alarms")
    outside = Outside(site.url)
    assert outside.look(step_s=2.0, times=7) == []
    say(site.url, alarms=0, historian=0)
    assert outside.look(step_s=2.0, times=7) == []


def test_an_engine_that_never_ran_is_told_of_too(bus_url: str, db: None) -> None:
    """It would have given the site its alarms."""
    outside = Outside(bus_url)
    assert outside.look(times=1) == []
    assert not Alarm.objects.exists()
    assert outside.look(times=1) == ["alarm"]
    assert Alarm.objects.count() == len(SYSTEM_ALARMS)


def test_the_watch_that_was_restarted_and_a_bus_that_is_away_change_nothing(site: Site) -> None:
    say(site.url, alarms=20_000)
    assert Outside(site.url).look() == ["alarm"]
    assert Outside(site.url).look() == ["alarm"]
    assert Outside("redis://127.0.0.1:1").look() == ["alarm"]


def test_what_another_process_wrote_since_the_look_is_not_written_again(site: Site) -> None:
    entry = next(a for a in site.alarms.alarms.values() if a.name == "alarms_silent")

    def attempt(event: Event, seen: Seen) -> int:
        return write({entry.name: entry}, [Happened(entry.name, event, None, "said")], {entry.name: seen}, 1)

    assert attempt(Event.ALARM, Seen()) == 1
    assert attempt(Event.ALARM, Seen()) == 0
    assert attempt(Event.RETURN, Seen(True, 1)) == 1
    assert attempt(Event.ALARM, Seen(False, 0)) == 0, "it came and went since"
    assert attempt(Event.ALARM, Seen(False, 1)) == 1
    assert attempt(Event.RETURN, Seen(True, 1)) == 0, "that was the one before"
    assert list(JournalEntry.objects.order_by("pk").values_list("event", flat=True)) == ["alarm", "return", "alarm"]


def test_an_engine_whose_alarm_is_switched_off_is_not_told_of(site: Site) -> None:
    Alarm.objects.filter(name="alarms_silent").update(enabled=False)
    say(site.url, alarms=20_000)
    assert Outside(site.url).look() == []


@contextmanager
def pretended_days(days: float) -> Iterator[None]:
    """The watch believes it is so many days later."""
    later = timezone.now() + timedelta(days=days)
    with patch("alarms.system.alarms.timezone.now", return_value=later):
        yield
