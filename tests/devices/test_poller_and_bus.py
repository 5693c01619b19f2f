"""What the poller does when the bus goes away, comes back, or comes back without its memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bus import keys
from bus.client import BusError, connect
from bus.latest import read_latest
from bus.lease import Lease
from bus.messages import Block, decode, first_seq, order_after
from bus.quality import GOOD
from devices.points import DataType, Point, Table
from devices.poller.service import Poller
from tests.bus.servers import OwnValkey, own_valkey
from tests.devices.faulty import FaultyServer, Request, a_faulty_server
from tests.devices.rig import Plant, a_device, a_tag, polling, until

COUNT = Point(4, Table.HOLDING, 0, DataType.UINT16)
GROUP = "1:100"


class Counting:
    """A device whose register grows by one with every read."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        writer.write(request.frame(self.count))


@asynccontextmanager
async def a_counting_site(url: str) -> AsyncIterator[tuple[Poller, FaultyServer, Counting]]:
    counting = Counting()
    async with a_faulty_server(counting) as server:
        device = a_device(1, server.port)
        async with polling(url, Plant({device: [a_tag(device, COUNT, 100)]})) as poller:
            yield poller, server, counting


async def stream(bus: Redis) -> list[Block]:
    entries: Any = await bus.xrange(keys.SAMPLES)
    return [decode(fields[b"b"]) for _, fields in entries]


async def until_latest(bus: Redis, least: int, timeout_s: float = 6.0) -> Block:
    """Until the latest values hold at least this count, Good."""
    deadline = time.monotonic() + timeout_s
    while True:
        block = None
        with suppress(*BusError):
            block = (await read_latest(bus)).get(GROUP)
        if block is not None and block.statuses[0] == GOOD and int(block.values[0] or 0) >= least:
            return block
        assert time.monotonic() < deadline, f"{block} after {timeout_s} s; wanted {least}"
        await asyncio.sleep(0.02)


def assert_readable(blocks: list[Block]) -> None:
    known: int | None = None
    for block in blocks:
        assert order_after(known, block) == "next", f"{block} after {known}"
        known = block.seq


async def test_a_flushed_bus_begins_a_new_epoch_with_everything_in_full(bus: Redis, bus_url: str) -> None:
    async with a_counting_site(bus_url) as (_, _, counting):
        old = await until_latest(bus, 3)
        await bus.flushall()
        new = await until_latest(bus, counting.count + 2)
        assert new.epoch > old.epoch
        blocks = await stream(bus)
        assert {b.epoch for b in blocks} == {new.epoch}
        assert_readable(blocks)
        assert await bus.xlen(keys.EVENTS) == 1


async def test_a_lost_lease_stops_the_polling_until_it_is_free_again(bus: Redis, bus_url: str) -> None:
    async with a_counting_site(bus_url) as (poller, server, counting):
        await until_latest(bus, 2)
        other = Lease(bus)
        await bus.delete(keys.POLLER_LEASE)
        fence = await other.acquire()
        assert fence is not None
        await until(lambda: not poller.links)
        await until(lambda: not server.writers)
        asked = counting.count
        await asyncio.sleep(0.4)
        assert counting.count == asked, "devices are left alone"
        await other.release(fence)
        block = await until_latest(bus, asked + 2)
        assert block.seq > first_seq(fence + 1)
        assert_readable(await stream(bus))


async def test_a_second_poller_waits_for_the_first(bus: Redis, bus_url: str) -> None:
    async with a_counting_site(bus_url) as (first, _, _):
        await until_latest(bus, 2)
        async with a_counting_site(bus_url) as (second, server, _):
            await asyncio.sleep(0.5)
            assert server.connections == 0
            assert (first.figures()["is_polling"], second.figures()["is_polling"]) == (True, False)


async def test_without_ever_having_had_the_lease_no_device_is_touched(tmp_path: Path) -> None:
    async with a_counting_site(f"unix://{tmp_path}/nobody.sock") as (_, server, _):
        await asyncio.sleep(0.5)
        assert server.connections == 0


@pytest.mark.slow
@pytest.mark.parametrize("outage_s", [1.0, 7.0])
async def test_what_was_read_while_the_bus_was_dead_arrives_late_and_in_order(tmp_path: Path, outage_s: float) -> None:
    """kill -9 of Redis, shorter and longer than the lease: polling goes on, nothing is lost, nothing comes twice."""
    with own_valkey(tmp_path) as valkey:
        async with aclosing(connect(valkey.url, "test")) as bus, a_counting_site(valkey.url) as (poller, _, counting):
            await until_latest(bus, 5)
            await asyncio.sleep(1.2)  # the append-only file reaches the disk once a second
            valkey.kill()
            before = counting.count
            await asyncio.sleep(outage_s)
            assert counting.count > before + outage_s * 8
            await asyncio.to_thread(valkey.start)
            await until_latest(bus, counting.count + 3)
            blocks = await stream(bus)
            assert poller.outbox.dropped == 0
    assert_readable(blocks)
    late = [b for b in blocks if b.is_backfill]
    assert len(late) >= outage_s * 8
    told = [int(b.values[0] or 0) for b in blocks if b.ids]
    assert told == sorted(told)
    assert set(range(2, told[-1])) <= set(told), "every value that was read is there"
    assert all(a.read_at_ms <= b.read_at_ms for a, b in pairwise(blocks))


@pytest.mark.slow
async def test_a_bus_that_comes_back_with_yesterdays_data_begins_a_new_epoch(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as valkey:
        async with aclosing(connect(valkey.url, "test")) as bus, a_counting_site(valkey.url) as (_, _, counting):
            old = await until_latest(bus, 5)
            copy = valkey.copy_of_data()
            await until_latest(bus, 15)
            await come_back(valkey, copy)
            new = await until_latest(bus, counting.count + 3)
            assert new.epoch > old.epoch
            assert_readable(await stream(bus))


async def come_back(valkey: OwnValkey, copy: bytes) -> None:
    await asyncio.to_thread(valkey.come_back_with, copy)


@pytest.mark.slow
async def test_when_memory_runs_out_the_oldest_goes_and_the_rest_is_understood(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as valkey:
        async with aclosing(connect(valkey.url, "test")) as bus, a_counting_site(valkey.url) as (poller, _, counting):
            poller.outbox._limit_bytes = 2000
            await until_latest(bus, 5)
            await asyncio.sleep(1.2)
            valkey.kill()
            await until(lambda: poller.outbox.dropped > 20, 20)
            await asyncio.to_thread(valkey.start)
            await until_latest(bus, counting.count + 3)
            assert_readable(await stream(bus))
