"""An engine reads every entry once, from its place on; it begins anew only where entries are lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bus import following, keys
from bus.client import connect
from bus.following import Anew, Entries, Following, Idle, Lost, Mark
from bus.messages import BACKFILL
from tests.bus.servers import own_valkey
from tests.pretend_poller import PretendPoller

pytestmark = pytest.mark.timeout(30)
G = "1:1000"


class Reader:
    def __init__(
        self, client: Redis, mark: Mark | None = None, seqs: dict[str, int] | None = None, *, from_first: bool = False
    ) -> None:
        self.following = Following(client, mark, seqs, from_first=from_first, block_ms=20)
        self.events: list[Entries | Anew | Idle | Lost] = []
        self._came = asyncio.Event()

    async def run(self) -> None:
        async for event in self.following.events():
            self.events.append(event)
            self._came.set()

    async def until(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_true():
                self._came.clear()
                await self._came.wait()

    @property
    def values(self) -> list[object]:
        return [b.values[0] for e in self.events if isinstance(e, Entries) for _, b in e.blocks if b.ids]

    @property
    def anews(self) -> list[Anew]:
        return [e for e in self.events if isinstance(e, Anew)]

    @property
    def is_idle(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], Idle)


@asynccontextmanager
async def reading(
    client: Redis, mark: Mark | None = None, seqs: dict[str, int] | None = None, *, from_first: bool = False
) -> AsyncIterator[Reader]:
    reader = Reader(client, mark, seqs, from_first=from_first)
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def poller(bus: Redis) -> PretendPoller:
    return await PretendPoller(bus, {G: {7: (0, 0)}}).start()


async def say(poller: PretendPoller, *values: int) -> None:
    for value in values:
        poller.values[G][7] = (value, 0)
        await poller.scan()


async def test_whoever_begins_gets_the_newest_values_and_then_every_entry(bus: Redis, poller: PretendPoller) -> None:
    await say(poller, 1, 2)
    async with reading(bus) as reader:
        await reader.until(lambda: len(reader.anews) == 1)
        assert [block.values for block in reader.anews[0].blocks] == [[2]]
        await say(poller, 3, 4, 5)
        await reader.until(lambda: reader.values == [3, 4, 5])


async def test_whoever_goes_on_gets_every_entry_after_the_place_and_none_before(
    bus: Redis, poller: PretendPoller
) -> None:
    await say(poller, 1, 2)
    async with reading(bus) as first:
        await first.until(lambda: first.is_idle)
        mark, seqs = first.following.mark, dict(first.following.seqs)
    await say(poller, 3)
    await poller.backfill(G)
    poller.values[G][7] = (4, 0)
    await poller.scan(flags=BACKFILL)
    async with reading(bus, mark, seqs) as again:
        await again.until(lambda: again.values == [3, 4])
        assert not again.anews


async def test_entries_that_were_trimmed_lead_to_a_new_beginning(bus: Redis, poller: PretendPoller) -> None:
    await say(poller, 1)
    async with reading(bus) as first:
        await first.until(lambda: first.is_idle)
        mark, seqs = first.following.mark, dict(first.following.seqs)
    await say(poller, 2, 3, 4)
    await bus.xtrim(keys.SAMPLES, maxlen=1, approximate=False)
    async with reading(bus, mark, seqs) as again:
        await again.until(lambda: len(again.anews) == 1)
        assert "trimmed" in again.anews[0].reason
        assert [block.values for block in again.anews[0].blocks] == [[4]]
        assert not again.values


async def test_what_was_read_before_a_missing_entry_is_told_first(bus: Redis, poller: PretendPoller) -> None:
    await say(poller, 1)
    async with reading(bus) as first:
        await first.until(lambda: first.is_idle)
        mark, seqs = first.following.mark, dict(first.following.seqs)
    await say(poller, 2, 3, 4)
    entries: Any = await bus.xrange(keys.SAMPLES)
    third = entries[2][0]
    await bus.xdel(keys.SAMPLES, third)
    async with reading(bus, mark, seqs) as again:
        await again.until(lambda: len(again.anews) == 1)
        assert again.values == [2]
        assert "missing" in again.anews[0].reason


async def test_another_epoch_is_a_new_beginning(bus: Redis, poller: PretendPoller) -> None:
    await say(poller, 1)
    async with reading(bus) as reader:
        await reader.until(lambda: reader.is_idle)
        await poller.start_epoch()
        await say(poller, 5)
        await reader.until(lambda: reader.anews[-1].mark.epoch == poller.epoch and 5 in newest(reader))


def newest(reader: Reader) -> list[object]:
    return [block.values[0] for block in reader.anews[-1].blocks] + reader.values


async def test_an_entry_nobody_can_read_is_put_aside(bus: Redis, poller: PretendPoller) -> None:
    await say(poller, 1)
    async with reading(bus) as reader:
        await reader.until(lambda: reader.is_idle)
        await bus.xadd(keys.SAMPLES, {b"b": b"\xc1"})
        await say(poller, 2)
        await reader.until(lambda: reader.values == [2])
        assert reader.following.put_aside == 1


async def test_far_behind_nothing_is_left_out(
    bus: Redis, poller: PretendPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "COUNT", 3)
    await say(poller, 1)
    async with reading(bus) as first:
        await first.until(lambda: first.is_idle)
        mark, seqs = first.following.mark, dict(first.following.seqs)
    await say(poller, *range(2, 12))
    async with reading(bus, mark, seqs) as again:
        await again.until(lambda: again.is_idle)
        assert again.values == list(range(2, 12))
        assert not again.anews


async def test_a_bus_that_comes_back_with_all_its_data_is_followed_from_the_same_place(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as server:
        client = connect(server.url, "test")
        poller = await PretendPoller(client, {G: {7: (0, 0)}}).start()
        await say(poller, 1)
        async with reading(client) as reader:
            await reader.until(lambda: reader.is_idle)
            await say(poller, 2)
            await reader.until(lambda: reader.values == [2])
            server.kill()
            await reader.until(lambda: any(isinstance(e, Lost) for e in reader.events))
            server.start()
            await say(poller, 3)
            await reader.until(lambda: reader.values == [2, 3])
            assert len(reader.anews) == 1
            assert len([e for e in reader.events if isinstance(e, Lost)]) == 1
        await client.aclose()


async def test_a_bus_that_comes_back_with_older_data_is_a_new_beginning_and_nothing_older_is_told(
    tmp_path: Path,
) -> None:
    with own_valkey(tmp_path) as server:
        client = connect(server.url, "test")
        poller = await PretendPoller(client, {G: {7: (0, 0)}}).start()
        await say(poller, 1)
        copy = server.copy_of_data()
        await say(poller, 2)
        async with reading(client) as reader:
            await reader.until(lambda: reader.is_idle)
            server.come_back_with(copy)
            await reader.until(lambda: len(reader.anews) == 2)
            assert reader.anews[-1].blocks == []
        await client.aclose()


async def in_another_epoch(bus: Redis, poller: PretendPoller) -> tuple[Mark, dict[str, int]]:
    """A place in an epoch that has ended; of the new one there are three entries."""
    await say(poller, 1)
    async with reading(bus) as first:
        await first.until(lambda: first.is_idle)
        mark, seqs = first.following.mark, dict(first.following.seqs)
    await poller.start_epoch()
    await say(poller, 2, 3, 4)
    return mark, seqs


async def test_of_a_new_epoch_every_entry_is_told_to_who_asks_for_them(bus: Redis, poller: PretendPoller) -> None:
    """HIS-11: Redis came back empty, and what was read without it is handed over before anybody looks."""
    mark, seqs = await in_another_epoch(bus, poller)
    async with reading(bus, mark, seqs, from_first=True) as again:
        await again.until(lambda: again.values == [2, 3, 4])
        assert [(anew.is_whole, anew.blocks) for anew in again.anews] == [(True, [])]
    async with reading(bus, again.anews[0].mark, {}, from_first=True) as later:  # killed before it had read any
        await later.until(lambda: later.values == [2, 3, 4])
        assert not later.anews


async def test_of_a_new_epoch_that_was_trimmed_the_newest_values_are_told(bus: Redis, poller: PretendPoller) -> None:
    mark, seqs = await in_another_epoch(bus, poller)
    await bus.xtrim(keys.SAMPLES, maxlen=2, approximate=False)
    async with reading(bus, mark, seqs, from_first=True) as again:
        await again.until(lambda: len(again.anews) == 1)
        assert [block.values for block in again.anews[0].blocks] == [[4]]
        assert not again.values
