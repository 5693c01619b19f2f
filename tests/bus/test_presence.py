"""Presence: what a process last said of itself, and how long ago by the clock of Redis alone."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from bus import keys
from bus.client import connect, connect_blocking
from bus.presence import (
    LinkState,
    Presence,
    ProcessState,
    hear_links_blocking,
    hear_processes,
    hear_processes_blocking,
    starts_blocking,
)
from bus.process import Heartbeat

POLLER = ProcessState("poller", 41, "host", "0.1.0", 1000, 3, 5, {"tags": 2})
LINK = LinkState("modbus_tcp://plc:502", "disconnected", "No answer.", 1000, {"timeouts": 2})


async def test_what_was_said_is_heard_with_its_age(bus: Redis, bus_url: str) -> None:
    await Presence(bus).say_process(POLLER)
    await Presence(bus).say_links([LINK])
    heard = (await hear_processes(bus))["poller"]
    assert heard.state == POLLER
    assert 0 <= heard.age_ms < 1000
    with connect_blocking(bus_url, "test") as client:
        assert hear_processes_blocking(client)["poller"].state == POLLER
        assert hear_links_blocking(client)[LINK.link].state == LINK


async def test_ages_need_no_clock_but_that_of_redis(bus: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that speaks and the one that hears may both be an hour wrong."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    await Presence(bus).say_process(POLLER)
    assert 0 <= (await hear_processes(bus))["poller"].age_ms < 1000


async def test_a_silent_process_grows_old(bus: Redis) -> None:
    await Presence(bus).say_process(POLLER)
    said: Any = await bus.hget(keys.PROCESSES, "poller")
    at, _, packed = said.partition(b" ")
    await bus.hset(keys.PROCESSES, "poller", b"%d %s" % (int(at) - 60_000, packed))
    assert 60_000 <= (await hear_processes(bus))["poller"].age_ms < 61_000


async def test_what_was_said_before_the_clock_of_redis_went_back_is_not_recent(bus: Redis) -> None:
    await Presence(bus).say_process(POLLER)
    said: Any = await bus.hget(keys.PROCESSES, "poller")
    at, _, packed = said.partition(b" ")
    await bus.hset(keys.PROCESSES, "poller", b"%d %s" % (int(at) + 3_600_000, packed))
    assert (await hear_processes(bus))["poller"].age_ms > 3_000_000


@pytest.mark.parametrize("said", [b"", b"12", b"x y", b"12 \xc1", b"12 \x81\xa1a\x01"])
async def test_what_another_version_said_is_not_heard(bus: Redis, said: bytes) -> None:
    await bus.hset(keys.PROCESSES, "poller", said)
    await Presence(bus).say_process(replace(POLLER, role="web"))
    assert set(await hear_processes(bus)) == {"web"}


async def test_links_that_are_gone_are_forgotten(bus: Redis, bus_url: str) -> None:
    await Presence(bus).say_links([LINK])
    await Presence(bus).forget_links([LINK.link])
    await Presence(bus).forget_links([])
    with connect_blocking(bus_url, "test") as client:
        assert hear_links_blocking(client) == {}


async def test_a_heartbeat_speaks_at_once_and_counts_its_start_once(bus: Redis, bus_url: str) -> None:
    beat = asyncio.create_task(Heartbeat(bus, "jobs", revision=lambda: 9, detail=lambda: {"a": 1}).run())
    async with asyncio.timeout(3):
        while "jobs" not in await hear_processes(bus):  # noqa: ASYNC110  # Redis has no event to wait for
            await asyncio.sleep(0.01)
    beat.cancel()
    await asyncio.gather(beat, return_exceptions=True)
    state = (await hear_processes(bus))["jobs"].state
    assert (state.revision, state.detail) == (9, {"a": 1})
    with connect_blocking(bus_url, "test") as client:
        assert starts_blocking(client) == {"jobs": 1}


async def test_starts_are_counted_anew_in_another_run(bus: Redis, bus_url: str) -> None:
    """Stopping a site and starting it again is no restart of its processes."""
    presence = Presence(bus)
    for start, run, expected in [
        ("1@1", "a", 1),
        ("2@2", "a", 2),
        ("2@2", "a", 2),
        ("3@3", "b", 1),
        ("4@4", "b", 2),
        ("5@5", "", 1),
        ("6@6", "", 2),
    ]:
        await presence.count_start("jobs", start, run)
        with connect_blocking(bus_url, "test") as client:
            assert starts_blocking(client) == {"jobs": expected}


async def test_a_start_counted_by_an_earlier_version_goes_on(bus: Redis, bus_url: str) -> None:
    await bus.hset(keys.PROCESS_STARTS, "jobs", "7 1@1")
    await Presence(bus).count_start("jobs", "2@2")
    with connect_blocking(bus_url, "test") as client:
        assert starts_blocking(client) == {"jobs": 8}


async def test_a_heartbeat_without_a_bus_goes_on_and_ends_when_asked(tmp_path: object) -> None:
    client = connect(f"unix://{tmp_path}/no.sock", "test")
    beat = asyncio.create_task(Heartbeat(client, "jobs").run())
    await asyncio.sleep(0.2)
    assert not beat.done()
    beat.cancel()
    await asyncio.gather(beat, return_exceptions=True)
    assert beat.cancelled()
    await client.aclose()
