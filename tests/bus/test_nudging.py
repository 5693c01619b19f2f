"""A nudge wakes whoever waits; without it, and without Redis, they look by themselves."""

import asyncio
import time
from pathlib import Path

from redis.asyncio import Redis

from bus import keys
from bus.client import connect, connect_blocking
from bus.nudge import NudgeWaiter, nudge_blocking
from tests.bus.servers import own_valkey


async def waited_s(waiter: NudgeWaiter, timeout_s: float) -> float:
    began = time.monotonic()
    await waiter.wait(timeout_s)
    return time.monotonic() - began


async def listens(client: Redis) -> None:
    async with asyncio.timeout(3):
        while (await client.pubsub_numsub(keys.NUDGE))[0][1] == 0:  # noqa: ASYNC110  # Redis has no event to wait for
            await asyncio.sleep(0.005)


async def test_a_nudge_wakes_who_waits(bus: Redis, bus_url: str) -> None:
    waiting = asyncio.create_task(waited_s(NudgeWaiter(bus), 5.0))
    await listens(bus)
    with connect_blocking(bus_url, "test") as client:
        nudge_blocking(client)
    assert await waiting < 2.0


async def test_without_a_nudge_they_look_by_themselves(bus: Redis) -> None:
    assert 0.1 <= await waited_s(NudgeWaiter(bus), 0.1) < 1.0


async def test_without_redis_they_look_by_themselves(tmp_path: Path) -> None:
    client = connect(f"unix://{tmp_path}/no.sock", "test")
    waiter = NudgeWaiter(client)
    for _ in range(3):
        assert 0.05 <= await waited_s(waiter, 0.05) < 1.0
    with connect_blocking(f"unix://{tmp_path}/no.sock", "test") as blocking:
        nudge_blocking(blocking)
    await client.aclose()


async def test_after_redis_was_away_a_nudge_wakes_again(tmp_path: Path) -> None:
    with own_valkey(tmp_path, persist=False) as server:
        client = connect(server.url, "test")
        waiter = NudgeWaiter(client)
        await waiter.wait(0.02)
        server.kill()
        await waiter.wait(0.02)
        server.start()
        waiting = asyncio.create_task(waited_s(waiter, 5.0))
        asker = connect(server.url, "test")
        await listens(asker)
        with connect_blocking(server.url, "test") as blocking:
            nudge_blocking(blocking)
        assert await waiting < 2.0
        await asker.aclose()
        await client.aclose()
