"""Orders to break the demo plant, as its process follows them: taken up within a second, let go at their time."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from bus import keys
from bus.client import connect
from devices.management.commands.simulate_plant import _figures, _follow_orders
from devices.simulator.faults import Fault, order_for
from devices.simulator.process import Waterworks
from tests.devices.rig import until


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
