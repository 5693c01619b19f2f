"""Following: a snapshot and every block after it, each once, and never an older value after a newer."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bus import keys
from bus.client import BusError, connect
from bus.follower import RETRY_S, Event, Follower, Idle, Lost, News, Snapshot
from bus.latest import read_latest
from bus.messages import BACKFILL, LIVE, encode
from bus.streams import Entry
from tests.bus.poller_double import GROUP, Screen, Speaker, now_ms
from tests.bus.servers import OwnValkey, own_valkey
from tests.fault_seed import seeded, times

GROUPS = ["1:1000", "2:1000", "3:500"]
pytestmark = pytest.mark.timeout(30)


class Reader:
    """A follower at work: its events, in order."""

    def __init__(self, client: Redis, block_ms: int = 20) -> None:
        self.follower = Follower(client, block_ms=block_ms)
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def run(self) -> None:
        async for event in self.follower.events():
            self.events.put_nowait(event)

    async def next(self) -> Event:
        async with asyncio.timeout(10):
            return await self.events.get()

    async def snapshot(self) -> Snapshot:
        async with asyncio.timeout(10):
            while not isinstance(event := await self.events.get(), Snapshot):
                pass
            return event

    async def news(self) -> News:
        async with asyncio.timeout(10):
            while not isinstance(event := await self.events.get(), News):
                pass
            return event

    async def lost(self) -> Lost:
        async with asyncio.timeout(10):
            while not isinstance(event := await self.events.get(), Lost):
                pass
            return event


@asynccontextmanager
async def following(client: Redis) -> AsyncIterator[Reader]:
    reader = Reader(client)
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_snapshot_comes_first_and_news_follow(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say("1:1000", "2:1000")
    async with following(bus) as reader:
        snapshot = await reader.next()
        assert isinstance(snapshot, Snapshot)
        assert snapshot.epoch == speaker.publisher.epoch
        assert set(snapshot.blocks) == {"1:1000", "2:1000"}
        await speaker.say("2:1000")
        news = await reader.news()
        assert [b.seq for b in news.blocks] == [speaker.seqs["2:1000"]]


async def test_an_empty_bus_is_a_snapshot_of_nothing(bus: Redis) -> None:
    async with following(bus) as reader:
        assert await reader.next() == Snapshot(0, {})
        assert isinstance(await reader.next(), Idle)
        speaker = await Speaker(bus).start()
        await speaker.say()
        snapshot = await reader.snapshot()
        assert GROUP in snapshot.blocks


async def test_what_is_said_between_cursor_and_latest_is_told_once(bus: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last id is remembered first: a block published meanwhile is in the snapshot and in the stream."""
    speaker = await Speaker(bus).start()
    await speaker.say()

    async def slowly(client: Redis) -> object:
        await speaker.say()
        return await read_latest(client)

    monkeypatch.setattr("bus.follower.read_latest", slowly)
    async with following(bus) as reader:
        snapshot = await reader.next()
        assert isinstance(snapshot, Snapshot)
        assert snapshot.blocks[GROUP].seq == speaker.seqs[GROUP]
        assert isinstance(await reader.next(), Idle)
        await speaker.say()
        news = await reader.news()
        assert [b.seq for b in news.blocks] == [speaker.seqs[GROUP]]


async def test_a_hole_in_the_stream_leads_to_a_new_snapshot(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    async with following(bus) as reader:
        await reader.next()
        speaker.next_entry()
        after, epoch = speaker.next_entry(), speaker.publisher.epoch
        await bus.hset(keys.LATEST, GROUP, encode(replace(after.change, epoch=epoch)))
        await bus.xadd(keys.SAMPLES, {"b": encode(replace(after.change, epoch=epoch))})
        assert (await reader.snapshot()).blocks[GROUP].seq == speaker.seqs[GROUP]


async def test_a_new_epoch_leads_to_a_new_snapshot(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say("1:1000", "2:1000")
    async with following(bus) as reader:
        await reader.next()
        await speaker.publisher.start_epoch(speaker.fence, now_ms())
        speaker.is_full_due = {"1:1000"}
        await speaker.say("1:1000")
        snapshot = await reader.snapshot()
        assert snapshot.epoch == speaker.publisher.epoch
        assert "2:1000" not in snapshot.blocks


async def test_an_entry_that_nobody_can_read_is_put_aside(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    async with following(bus) as reader:
        await reader.snapshot()
        await bus.xadd(keys.SAMPLES, {"b": b"\xc1 not a block"})
        await bus.xadd(keys.SAMPLES, {"other": b"field"})
        await speaker.say()
        assert [b.seq for b in (await reader.news()).blocks] == [speaker.seqs[GROUP]]
        assert reader.follower.put_aside == 2


async def test_late_entries_are_told_and_no_snapshot_takes_the_reader_back_behind_them(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    async with following(bus) as reader:
        await reader.snapshot()
        late = speaker.next_entry().change
        await speaker.publisher.publish(speaker.fence, [Entry(replace(late, flags=BACKFILL), None)])
        assert (await reader.news()).blocks[0].is_backfill
        unknown = replace(late, group="9:1000", epoch=speaker.publisher.epoch, flags=LIVE)
        await bus.xadd(keys.SAMPLES, {"b": encode(unknown)})
        assert GROUP not in (await reader.snapshot()).blocks
        await speaker.say()
        assert (await reader.news()).blocks[0].seq == speaker.seqs[GROUP]


async def test_a_lost_bus_is_said_once_and_what_follows_is_a_snapshot(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as server:
        client = connect(server.url, "test")
        speaker = await Speaker(client).start()
        await speaker.say()
        async with following(client) as reader:
            await reader.snapshot()
            server.kill()
            await reader.lost()
            await asyncio.sleep(2.5 * RETRY_S)
            assert reader.events.empty(), "a loss is said once, not at each try"
            server.start()
            again = await reader.next()
            assert isinstance(again, Snapshot)
            assert again.epoch == speaker.publisher.epoch
        await client.aclose()


async def test_a_redis_that_came_back_empty_is_a_snapshot_of_nothing_and_then_of_a_new_epoch(tmp_path: Path) -> None:
    with own_valkey(tmp_path, persist=False) as server:
        client = connect(server.url, "test")
        speaker = await Speaker(client).start()
        await speaker.say("1:1000", "2:1000")
        before = speaker.publisher.epoch
        screen = Screen()
        async with following(client) as reader:
            screen.apply(await reader.next())
            server.kill()
            server.start()
            nothing = await reader.snapshot()
            assert nothing == Snapshot(0, {})
            await until_said(speaker, "1:1000")
            snapshot = await reader.snapshot()
            assert snapshot.epoch > before
            assert set(snapshot.blocks) == {"1:1000"}
        await client.aclose()


async def test_a_redis_that_lost_its_newest_seconds_shows_nothing_older(tmp_path: Path) -> None:
    """The copy holds the same epoch with older values: they are not shown, and the poller begins a new epoch."""
    with own_valkey(tmp_path) as server:
        client = connect(server.url, "test")
        speaker = await Speaker(client).start()
        await speaker.say("1:1000", "2:1000")
        older = server.copy_of_data()
        for _ in range(5):
            await speaker.say("1:1000")
        screen = Screen()
        async with following(client) as reader:
            screen.apply(await reader.next())
            server.come_back_with(older)
            snapshot = await reader.snapshot()
            screen.apply(snapshot)
            assert "1:1000" not in screen.shown
            assert "2:1000" in screen.shown, "this group lost nothing"
            epoch = speaker.publisher.epoch
            await until_said(speaker, "1:1000", "2:1000")
            assert speaker.publisher.epoch > epoch
            screen.apply(await reader.snapshot())
            assert set(screen.shown) == {"1:1000", "2:1000"}
        await client.aclose()


async def test_a_copy_from_before_the_epoch_is_not_believed_until_the_poller_speaks(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as server:
        client = connect(server.url, "test")
        speaker = await Speaker(client).start()
        await speaker.say()
        older = server.copy_of_data()
        await speaker.publisher.start_epoch(speaker.fence, now_ms())
        speaker.is_full_due = {GROUP}
        await speaker.say()
        screen = Screen()
        async with following(client) as reader:
            screen.apply(await reader.next())
            server.come_back_with(older)
            screen.apply(await reader.snapshot())
            assert screen.shown == {}
            await until_said(speaker, GROUP)
            screen.apply(await reader.snapshot())
            assert GROUP in screen.shown
        await client.aclose()


def restart(server: OwnValkey, chance: random.Random, copies: list[bytes]) -> None:
    if copies and chance.random() < 0.5:
        server.come_back_with(chance.choice(copies))
    else:
        server.kill()
        server.start()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(times(6, 60)))
async def test_no_order_of_losses_shows_an_older_value_after_a_newer(tmp_path: Path, turn: int) -> None:
    """Random publishing, new pollers, new epochs, holes, kills and older copies, seeded; a reader all along.

    Screen.apply fails at the first value that is older than one shown before.
    """
    chance = seeded(turn)
    with own_valkey(tmp_path) as server:
        client, ears = connect(server.url, "test"), connect(server.url, "test-reader")
        speaker = await Speaker(client, lease_ms=300).start()
        screen, copies = Screen(), [server.copy_of_data()]
        async with following(ears) as reader:
            for _ in range(60):
                step = chance.choice(["say"] * 8 + ["copy", "poller", "hole", "restart"])
                if step == "copy":
                    copies.append(server.copy_of_data())
                elif step == "restart":
                    restart(server, chance, copies)
                elif step == "hole":
                    await client.xtrim(keys.SAMPLES, maxlen=1, approximate=False)
                elif step == "poller":
                    await client.delete(keys.POLLER_LEASE)
                for group in chance.sample(GROUPS, 2):
                    await until_said(speaker, group)
                while not reader.events.empty():
                    screen.apply(reader.events.get_nowait())
            await until_shown(speaker, screen, reader)
        await client.aclose()
        await ears.aclose()


async def until_said(speaker: Speaker, *groups: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                return await speaker.say_whatever_happened(*groups)
            except (*BusError, AssertionError):
                await asyncio.sleep(0.02)  # the bus is starting, or the lease that a copy brought back runs out


async def until_shown(speaker: Speaker, screen: Screen, reader: Reader) -> None:
    """After all the losses the reader shows every group while the poller does no more than speak once a scan."""
    async with asyncio.timeout(10):
        while set(screen.shown) != set(GROUPS) or screen.epoch != speaker.publisher.epoch:
            for group in GROUPS:
                await until_said(speaker, group)
            screen.apply(await reader.next())
