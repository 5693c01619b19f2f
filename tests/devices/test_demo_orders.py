"""Orders to break the demo plant: taken up within a second, let go at their time, and seen through the poller."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from bus import keys
from bus.client import connect
from bus.latest import read_latest
from bus.quality import is_good
from devices.management.commands.simulate_plant import _figures, _follow_orders
from devices.simulator.faults import Fault, order_for
from devices.simulator.process import Waterworks
from tests.devices.demo_plant import DEAD, DOCUMENT, configured, served
from tests.devices.rig import Plant, polling, until


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def order(bus: Redis, fault: Fault, *, started_ms: int | None = None) -> None:
    document = order_for(fault, now_ms() if started_ms is None else started_ms, "ada").document()
    await bus.hset(keys.SIMULATOR, fault.value, json.dumps(document))


@asynccontextmanager
async def following(client: Redis) -> AsyncIterator[Waterworks]:
    works = Waterworks()
    task = asyncio.create_task(_follow_orders(client, works))
    try:
        yield works
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_ordered_is_there_and_what_is_taken_back_is_gone(bus: Redis) -> None:
    async with following(bus) as works:
        await order(bus, Fault.PUMP_TRIP)
        await order(bus, Fault.STORM)
        await until(lambda: works.faults == {Fault.PUMP_TRIP, Fault.STORM})
        assert works.distribution.station.pumps[0].is_tripped
        assert _figures(works, 15020) == {"port": 15020, "faults": ["pump_trip", "storm"]}
        await bus.hdel(keys.SIMULATOR, Fault.PUMP_TRIP.value)
        await until(lambda: works.faults == {Fault.STORM})
        assert not works.distribution.station.pumps[0].is_tripped


async def test_an_order_that_nobody_takes_back_ends_at_its_time(bus: Redis) -> None:
    async with following(bus) as works:
        await order(bus, Fault.POWER_DIP, started_ms=now_ms() - 28_500)
        await until(lambda: works.faults == {Fault.POWER_DIP})
        await until(lambda: not works.faults)
        assert await bus.hexists(keys.SIMULATOR, "power_dip"), "it ended without anybody's doing"


async def test_what_is_no_order_harms_nothing(bus: Redis) -> None:
    await bus.hset(keys.SIMULATOR, mapping={"power_dip": b"\xff\xfe", "storm": "[]", "earthquake": "{}"})
    async with following(bus) as works:
        await order(bus, Fault.PLC_BUSY)
        await until(lambda: works.faults == {Fault.PLC_BUSY})


async def test_while_the_bus_is_away_the_plant_goes_on_and_faults_end_at_their_time(bus: Redis) -> None:
    await order(bus, Fault.STORM)
    await order(bus, Fault.POWER_DIP, started_ms=now_ms() - 27_500)
    client = connect("unix:///nowhere/valkey.sock", "test")
    client.connection_pool, there = bus.connection_pool, client.connection_pool
    async with following(client) as works:
        await until(lambda: works.faults == {Fault.STORM, Fault.POWER_DIP})
        client.connection_pool = there
        await until(lambda: works.faults == {Fault.STORM})
    await client.aclose()


LOST = {
    Fault.PLC_SILENT: {"plc"},
    Fault.PLC_BUSY: {"plc"},
    Fault.LINK_CUT: {"raw_meter", "town_meter", "analyser", "turbidity"},
    Fault.WRONG_UNIT: {"inverter"},
}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", LOST)
async def test_a_fault_on_the_way_marks_its_devices_and_no_other(bus: Redis, bus_url: str, fault: Fault) -> None:
    """Seen through the real poller: what a fault touches is not Good while it lasts, and Good again afterwards."""
    works = Waterworks.in_operation(1, 10 * 3600)
    device_of = {n: tag["device"] for n, tag in enumerate(DOCUMENT["tags"], start=1)}

    async def not_good() -> set[str]:
        blocks = (await read_latest(bus)).values()
        rows = [row for b in blocks for row in zip(b.ids, b.statuses, strict=True)]
        missing = {device_of[tag] for tag in device_of.keys() - {tag for tag, _ in rows}}
        return missing | {device_of[tag] for tag, status in rows if not is_good(status)} - {DEAD}

    async def until_lost(expected: set[str]) -> None:
        deadline = time.monotonic() + 45
        while (found := await not_good()) - {DEAD} != expected:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)

    async with served(works) as base, polling(bus_url, Plant(configured(base))):
        await until_lost(set())
        works.set_faults(frozenset({fault}))
        await until_lost(LOST[fault])
        works.set_faults(frozenset())
        await until_lost(set())
