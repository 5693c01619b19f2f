"""A scan that takes long says of each value when it was taken; idle devices that hang up are no fault."""

import asyncio
import time

from redis.asyncio import Redis

from bus.messages import Block
from bus.quality import GOOD, UNCERTAIN_NO_COMMUNICATION
from devices.points import DataType, Point, Table
from devices.poller.schedule import phase_s
from devices.quirks import Quirks
from tests.devices.faulty import HONEST, Request, a_faulty_server, honest, never
from tests.devices.rig import Plant, a_device, a_tag, latest, polling, until, until_row
from tests.devices.waiting import slowness

FIRST = Point(1, Table.HOLDING, 0, DataType.UINT16)
LAST = Point(2, Table.HOLDING, 900, DataType.UINT16)


async def test_a_slow_scan_says_of_each_value_when_it_was_taken(bus: Redis, bus_url: str) -> None:
    """UA-01: the first of two reads is 1.2 s older than the second when the block is made. A period so long, and a
    device whose turn comes so late in it, that no second scan has begun when everything is told again."""
    number = next(n for n in range(1, 99) if 20 < (phase_s(n, 60.0) - time.monotonic()) % 60 < 55)
    name = f"{number}:60000"

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.2 if request.address == LAST.address else 0.0)
        await honest(request, writer)

    async with a_faulty_server(slowly) as server:
        device = a_device(number, server.port, timeout_ms=3000)
        plant = Plant({device: [a_tag(device, FIRST, 60_000), a_tag(device, LAST, 60_000)]})
        async with slowness() as slow, polling(bus_url, plant) as poller:
            await until_row(bus, name, 2, lambda found: found == (HONEST, GOOD), 8.0)
            block: Block = await latest(bus, name)
            assert block.source_ms is not None
            by_tag = dict(zip(block.ids, block.source_ms, strict=True))
            assert 1100 <= by_tag[2] - by_tag[1] <= 1500 + 3 * slow.ms
            assert 0 <= block.read_at_ms - by_tag[2] < 100 + slow.ms
            again = (await latest(bus, name)).seq
            poller.outbox.start_revision()  # a follower that starts anew wants everything in full
            deadline = time.monotonic() + 2
            while (full := await latest(bus, name)).seq == again:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert full.source_ms == block.source_ms, "told again, as of the same scan"


async def test_a_quick_scan_has_one_time_for_all(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, FIRST, 100), a_tag(device, LAST, 100)]})
        async with polling(bus_url, plant):
            await until_row(bus, "1:100", 2, lambda found: found == (HONEST, GOOD))
            assert (await latest(bus, "1:100")).source_ms is None


async def test_a_device_that_hangs_up_when_idle_is_never_missed(bus: Redis, bus_url: str) -> None:
    """MB-10: scanned every 3 s, it closes after 1 s of silence; we close before. No fault, no change of state."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port, quirks=Quirks(idle_close_s=1))
        async with polling(bus_url, Plant({device: [a_tag(device, FIRST, 3000)]})) as poller:
            await until_row(bus, "1:3000", 1, lambda found: found == (HONEST, GOOD))
            (link,) = poller.links.values()
            since = link.health().since_ms
            await until(lambda: not server.writers, 2.0)
            await until(lambda: server.connections >= 3, 8.0)
            health = link.health()
            assert (health.state, health.since_ms, health.detail["reconnects"]) == ("connected", since, 0)
            assert health.detail["units"]["1"]["state"] == "answering"


async def test_an_outage_is_not_said_to_be_a_slow_period(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, FIRST, 100)]})
        async with slowness() as slow, polling(bus_url, plant) as poller:
            await until_row(bus, "1:100", 1, lambda found: found == (HONEST, GOOD))
            server.answer = never
            await until_row(bus, "1:100", 1, lambda found: found[1] == UNCERTAIN_NO_COMMUNICATION)
            await asyncio.sleep(0.6)
            server.answer = honest
            await until_row(bus, "1:100", 1, lambda found: found == (HONEST, GOOD))
            (link,) = poller.links.values()
            (group,) = link.groups
            await until(lambda: group.achieved_ms is not None)
            await asyncio.sleep(0.5)
            assert (group.achieved_ms or 0) < 200 + slow.ms
