"""What the system page says, also of what it cannot know."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from django.test import Client

from accounts.models import User
from bus import keys
from bus.client import connect_blocking
from bus.presence import LinkState, ProcessState
from devices.models import Device
from hmi.screens import system
from hmi.screens.system_facts import size
from tests.cast import Cast, Works

NOW_MS = time.time_ns() // 1_000_000
POLLER = ProcessState("poller", 41, "plant-pc", "0.1.0", NOW_MS - 60_000, revision=0, lag_ms=3)


def say(url: str, key: str, name: str, state: ProcessState | LinkState, *, ago_ms: int = 0) -> None:
    """What a process or link said, so long ago by the clock of Redis."""
    client = connect_blocking(url, "test")
    seconds, micros = client.time()
    at_ms = seconds * 1000 + micros // 1000 - ago_ms
    fields = {slot: getattr(state, slot) for slot in state.__slots__}
    client.hset(key, name, f"{at_ms} ".encode() + msgpack.packb(fields))
    client.close()


HIDDEN = r'<script.*?</script>|<span class="when-lost.*?unknown</span>'
"""What the first paint does not show."""


def page(person: User, *, refresh: bool = False) -> str:
    client = Client(headers={"HX-Request": "true"} if refresh else {})
    client.force_login(person)
    response = client.get("/system/")
    assert response.status_code == 200
    plain = re.sub(HIDDEN, "", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", plain))


def test_a_process_that_speaks_is_up(cast: Cast, bus_url: str) -> None:
    say(bus_url, keys.PROCESSES, "poller", POLLER)
    assert re.search(r"Poller poller up \S+ \S+ 0 3 ms – 0\.1\.0", page(cast.omar))


def test_a_process_that_fell_silent_is_named_with_how_long(cast: Cast, bus_url: str) -> None:
    say(bus_url, keys.PROCESSES, "poller", POLLER, ago_ms=9_500)
    assert "Silent for 9 s" in page(cast.omar)


def test_a_process_that_never_spoke_is_named_too(cast: Cast, bus_url: str) -> None:
    assert page(cast.omar).count("× not heard") == len(system.EXPECTED)


def test_restarts_are_counted_without_the_first_start(cast: Cast, bus_url: str) -> None:
    say(bus_url, keys.PROCESSES, "poller", POLLER)
    client = connect_blocking(bus_url, "test")
    client.hset(keys.PROCESS_STARTS, "poller", 3)
    client.close()
    assert re.search(r"Poller poller up \S+ \S+ 2 3 ms", page(cast.omar))


def test_an_overloaded_process_says_how_late_it_wakes(cast: Cast, bus_url: str) -> None:
    say(bus_url, keys.PROCESSES, "poller", replace(POLLER, lag_ms=900))
    assert "woke up 900 ms late" in page(cast.omar)


def test_a_link_says_its_state_and_its_reason(cast: Cast, works: Works, bus_url: str) -> None:
    link = "modbus_tcp://127.0.0.1:15020"
    say(bus_url, keys.LINKS, link, LinkState(link, "disconnected", "Nobody listens there. Start the device.", NOW_MS))
    assert "× no connection Nobody listens there. Start the device." in page(cast.omar)


def test_the_last_word_of_a_dead_poller_about_a_link_is_not_believed(cast: Cast, works: Works, bus_url: str) -> None:
    link = "modbus_tcp://127.0.0.1:15020"
    say(bus_url, keys.LINKS, link, LinkState(link, "connected", "Answers.", NOW_MS), ago_ms=40_000)
    text = page(cast.omar)
    assert "? unknown" in text
    assert "connected" not in text


def test_links_are_shown_only_of_the_areas_somebody_may_diagnose(cast: Cast, works: Works, bus_url: str) -> None:
    Device.objects.create(name="plc9", area=works.south, host="10.9.9.9")
    assert "10.9.9.9" in page(cast.sam)
    assert "10.9.9.9" not in page(cast.omar)


def test_an_event_of_the_system_is_told_as_a_sentence_with_the_time_of_the_plant(cast: Cast, bus_url: str) -> None:
    noon_ms = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp() * 1000)
    said: dict[Any, Any] = {"kind": "clock_step", "text": "The clock was set back by 3600.0 s."}
    client = connect_blocking(bus_url, "test")
    client.xadd(keys.EVENTS, said, id=f"{noon_ms}-0")
    client.close()
    text = page(cast.omar)
    assert "2026-07-01 14:00:00 The clock was set back by 3600.0 s." in text
    assert "clock_step" not in text


def test_memory_disk_versions_and_clock_are_there(cast: Cast, bus_url: str) -> None:
    text = page(cast.omar)
    words = ("Memory", "268.4 MB", "refuses, and says so", "Disk", "free of", "Database", "Valkey", "Django")
    assert [word for word in (*words, "Clock against Redis") if word not in text] == []


def test_without_persistence_it_says_what_a_restart_will_cost(cast: Cast, bus_url: str) -> None:
    assert "Redis starts empty after a restart" in page(cast.omar)


def test_without_the_bus_it_says_what_is_not_known(cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = "redis://:secret@127.0.0.1:9/0"
    text = page(cast.omar)
    assert "does not answer" in text
    assert "secret" not in text
    assert text.count("? unknown") >= 3
    assert "Disk" in text


def test_the_refresh_is_the_same_without_the_frame(cast: Cast, bus_url: str) -> None:
    assert "Processes" in page(cast.omar, refresh=True)
    assert "Skip to the content" not in page(cast.omar, refresh=True)


@pytest.mark.parametrize(
    ("used", "limit", "quality"),
    [(10, 100, "good"), (85, 100, "uncertain"), (97, 100, "bad"), (10, 0, "uncertain")],
)
def test_memory_is_judged_by_its_share(used: int, limit: int, quality: str) -> None:
    assert system._memory_fact(used, limit).quality == quality


def test_a_policy_that_throws_values_away_is_bad() -> None:
    assert system._eviction_fact("allkeys-lru").quality == "bad"
    assert system._eviction_fact("noeviction").quality == "good"


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_400_000, "3.4 MB")])
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    assert size(count) == text
