"""What sockets are told about alarms: that there is something new, soon, and never too often."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from alarms.kinds import Event
from alarms.snapshot import AlarmEntry
from alarms.snapshot import load as load_alarms
from alarms.transitions import When, Who, writing
from audit.actions import Actor
from bus.presence import Presence, ProcessState
from bus.roles import ALARMS
from devices.snapshot import load
from hmi.live import hub as hubs
from hmi.live.alarm_news import GATHER_MS, PER_S, AlarmFeed, AlarmNews, Pace
from hmi.live.hub import Hub
from plant import revisions
from tests.alarms.entries import make_alarm
from tests.cast import Cast, Works
from tests.hmi.sockets import Socket, cookie_of

ENGINE = Who(Actor.system("alarms"))


@pytest.fixture
async def hub(cast: Cast, bus_url: str) -> AsyncIterator[Hub]:
    yield hubs.running()
    await hubs.stop()


def entry_of(works: Works) -> AlarmEntry:
    row = make_alarm(works.level)
    return load_alarms(load()).alarms[row.pk]


def happen(alarm: AlarmEntry, event: Event) -> int:
    with writing() as writer:
        writer.happen(alarm, event, ENGINE, When(1000, 1000, 11.0))
    return writer.no


def _new_revision() -> int:
    with transaction.atomic():
        return revisions.bump("test", "a limit")


@given(st.lists(st.integers(0, 400), max_size=60))
def test_however_often_alarms_change_it_is_told_twice_a_second_at_most(gaps: list[int]) -> None:
    pace, now, told = Pace(), 0, list[int]()
    for gap in gaps:
        now += gap
        if pace.wait_ms(now) == 0:
            pace.told(now)
            told.append(now)
    assert all(b - a >= GATHER_MS for a, b in pairwise(told))
    assert all(c - a >= 1000 for a, c in zip(told, told[PER_S:], strict=False))


def test_what_changes_after_a_quiet_time_is_told_at_once() -> None:
    pace = Pace()
    pace.told(0)
    assert pace.wait_ms(GATHER_MS) == 0
    pace.told(GATHER_MS)
    assert pace.wait_ms(2 * GATHER_MS) == 1000 - 2 * GATHER_MS
    assert pace.wait_ms(1000) == 0


async def test_a_thousand_announcements_are_a_few_looks_and_the_last_one_is_told(bus: Redis) -> None:
    no, looks, told = 0, 0, list[str]()

    async def look() -> AlarmNews:
        nonlocal looks
        looks += 1
        return AlarmNews(no, 1, True)

    async def tell(text: str) -> None:
        told.append(text)

    feed = AlarmFeed(bus, look, tell)
    task = asyncio.create_task(feed.run())
    await _until(lambda: bool(told))
    for no in range(1, 1001):  # noqa: B007  # look() reads it
        await bus.publish("isthmus:alarm-news", b"")
    await _until(lambda: told[-1] == AlarmNews(1000, 1, True).text)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await feed.close()
    assert len(told) <= 5
    assert looks < 500


async def _until(is_true: Callable[[], bool], within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not is_true():  # noqa: ASYNC110  # a condition of the test, not of the product, has no event
            await asyncio.sleep(0.005)


@pytest.mark.django_db(transaction=True)
async def test_every_socket_hears_of_a_change_with_its_number(hub: Hub, cast: Cast, works: Works) -> None:
    alarm = await sync_to_async(entry_of)(works)
    async with Socket(await cookie_of(cast.vera)) as one, Socket(await cookie_of(cast.sam)) as other:
        no = await sync_to_async(happen)(alarm, Event.ALARM)
        for socket in (one, other):
            while (await socket.message("alarms"))["no"] != no:
                pass


@pytest.mark.django_db(transaction=True)
async def test_who_connects_is_told_how_the_alarms_stand(hub: Hub, cast: Cast, works: Works) -> None:
    alarm = await sync_to_async(entry_of)(works)
    no = await sync_to_async(happen)(alarm, Event.ALARM)
    async with Socket(await cookie_of(cast.vera)) as socket:
        while (await socket.message("alarms"))["no"] != no:
            pass
    async with Socket(await cookie_of(cast.vera)) as socket:
        assert (await socket.message("alarms", 0.5))["no"] == no


@pytest.mark.django_db(transaction=True)
async def test_a_change_that_nobody_announced_is_found_within_two_seconds(
    hub: Hub, cast: Cast, works: Works, settings: Any
) -> None:
    """An announcement may be lost: the bus was away."""
    alarm = await sync_to_async(entry_of)(works)
    async with Socket(await cookie_of(cast.vera)) as socket:
        await socket.message("alarms")
        settings.REDIS_URL = "unix:///nowhere/valkey.sock"
        began = time.monotonic()
        no = await sync_to_async(happen)(alarm, Event.ALARM)
        while (await socket.message("alarms"))["no"] != no:
            pass
        assert time.monotonic() - began < 2


@pytest.mark.django_db(transaction=True)
async def test_another_configuration_is_news_too(hub: Hub, cast: Cast, works: Works) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        await socket.message("alarms")
        revision = await sync_to_async(_new_revision)()
        while (await socket.message("alarms"))["revision"] != revision:
            pass


@pytest.mark.django_db(transaction=True)
async def test_an_engine_that_is_silent_and_one_that_speaks_are_told_apart(
    hub: Hub, cast: Cast, works: Works, bus: Redis
) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        while (await socket.message("alarms"))["evaluated"] is not False:
            pass
        await Presence(bus).say_process(ProcessState(ALARMS, 1, "here", "0", 0))
        while (await socket.message("alarms"))["evaluated"] is not True:
            pass
        while (await socket.message("alarms", 7))["evaluated"] is not False:
            pass
