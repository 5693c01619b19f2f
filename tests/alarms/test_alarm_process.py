"""The engine as a whole: from a block on the bus to the journal and the news, in one process."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections, transaction
from redis.asyncio import Redis

from alarms.models import Alarm, AlarmState, JournalEntry
from alarms.process import checkpoint, service
from alarms.process.service import AlarmEngine
from bus import keys
from bus.presence import hear_processes
from plant.revisions import bump
from tests.alarms.entries import make_alarm
from tests.cast import build_works
from tests.file_database import file_database
from tests.pretend_poller import PretendPoller

__all__ = ["file_database"]

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("file_database"),
]


def in_database(work: Callable[[], Any]) -> Any:
    """In a thread that leaves no connection behind."""
    try:
        return work()
    finally:
        connections.close_all()


async def ask(work: Callable[[], Any]) -> Any:
    return await sync_to_async(lambda: in_database(work), thread_sensitive=False)()


@asynccontextmanager
async def running(client: Redis) -> AsyncIterator[AlarmEngine]:
    engine = AlarmEngine(client)
    task = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(is_true: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(15):
        while not await ask(is_true):  # noqa: ASYNC110  # a database has no event to wait for
            await asyncio.sleep(0.02)


class Site:
    def __init__(self, client: Redis) -> None:
        self.works = build_works()
        self.alarm = make_alarm(self.works.level)
        self.group = f"{self.works.plc1.pk}:{self.works.level.scan_ms}"
        self.poller = PretendPoller(client, {self.group: {self.works.level.pk: (5.0, 0)}})

    async def say(self, *values: float) -> None:
        for value in values:
            self.poller.values[self.group][self.works.level.pk] = (value, 0)
            await self.poller.scan()


@pytest.fixture
async def site(bus: Redis) -> Site:
    site: Site = await ask(lambda: Site(bus))
    await site.poller.start()
    await site.say(5.0)
    return site


def events() -> list[str]:
    return list(JournalEntry.objects.order_by("pk").values_list("event", flat=True))


async def test_an_excursion_is_journalled_and_announced_and_the_process_says_what_it_does(
    site: Site, bus: Redis
) -> None:
    news = bus.pubsub(ignore_subscribe_messages=True)
    await news.subscribe(keys.ALARM_NEWS)
    async with running(bus) as engine:
        await until(lambda: checkpoint.applied().epoch == site.poller.epoch, "it follows")
        await site.say(12.0)
        async with asyncio.timeout(10):
            while await news.get_message(timeout=1.0) is None:  # waits by itself
                pass
        assert await ask(events) == ["alarm"]
        await until(lambda: engine.figures()["waiting"] == 0, "all is written")
        figures = engine.figures()
        assert (figures["definitions"], figures["raised"], figures["put_aside"]) == (1, 1, 0)
        assert "alarms" in await hear_processes(bus)
    await news.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it without types


async def test_a_stop_leaves_nothing_to_be_evaluated_again(site: Site, bus: Redis) -> None:
    async with running(bus):
        await until(lambda: checkpoint.applied().epoch == site.poller.epoch, "it follows")
        await site.say(12.0, 5.0, 12.0)
        await until(lambda: len(events()) == 3, "the journal has it")
        await site.say(12.5, 13.0)
    recalled = await ask(checkpoint.recall)
    assert recalled.memory is not None
    assert recalled.memory.mark == recalled.applied
    await site.say(5.0, 14.0)
    async with running(bus):
        await until(lambda: len(events()) == 5, "it has caught up")
    assert await ask(events) == ["alarm", "return", "alarm", "return", "alarm"]


async def test_while_the_database_is_away_excursions_are_seen_and_written_when_it_is_back(
    site: Site, bus: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away = threading.Event()
    save = checkpoint.save_applied

    def perhaps(*words: Any) -> None:
        if is_away.is_set():
            raise OperationalError("database is locked")
        save(*words)

    monkeypatch.setattr(checkpoint, "save_applied", perhaps)
    async with running(bus) as engine:
        await until(lambda: checkpoint.applied().epoch == site.poller.epoch, "it follows")
        is_away.set()
        await site.say(12.0, 5.0, 12.0, 5.0)
        await until(lambda: engine.figures()["database_waits"] > 1 and engine.figures()["waiting"] == 4, "it waits")
        assert await ask(events) == []
        is_away.clear()
        await until(lambda: len(events()) == 4, "the journal has it")
    assert await ask(events) == ["alarm", "return", "alarm", "return"]


async def test_a_new_limit_is_judged_by_within_a_second_of_its_saving(site: Site, bus: Redis) -> None:
    def lower() -> None:
        with transaction.atomic():
            Alarm.objects.filter(pk=site.alarm.pk).update(setpoint=4.0)
            bump("ada", "lower")

    async with running(bus):
        await until(lambda: checkpoint.applied().epoch == site.poller.epoch, "it follows")
        await ask(lower)
        await until(lambda: AlarmState.objects.filter(active=True).exists(), "the value that stands is judged by it")


async def test_a_shelving_ends_by_itself(site: Site, bus: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TIMERS_S", 0.05)
    await ask(lambda: AlarmState.objects.create(alarm=site.alarm, shelved_until_ms=1, shelved_by="omar"))
    async with running(bus):
        await until(lambda: events() == ["unshelve"], "the shelving is over")
