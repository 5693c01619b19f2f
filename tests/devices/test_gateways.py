"""Several units on one line: slow, dead and busy ones do not delay the others beyond the request under way (MB-08)."""

import asyncio
from itertools import pairwise
from typing import Any

from redis.asyncio import Redis

from bus import keys
from bus.messages import decode
from bus.quality import GOOD
from devices.points import DataType, Point, Table
from tests.devices.faulty import HONEST, Request, a_faulty_server, honest
from tests.devices.rig import Plant, a_device, a_tag, polling, until, until_row
from tests.devices.waiting import slowness

SLOW, DEAD, BUSY = 8, 9, 10
SLOW_S = 1.2
DEAD_MS = 1000


def count_of(device: int) -> Point:
    return Point(device, Table.HOLDING, 0, DataType.UINT16)


async def good_times(bus: Redis, device: int, scan_ms: int) -> list[int]:
    entries: Any = await bus.xrange(keys.SAMPLES)
    blocks = [decode(fields[b"b"]) for _, fields in entries]
    group = [b for b in blocks if b.group == f"{device}:{scan_ms}"]
    start = next(i for i, b in enumerate(group) if list(b.statuses) == [GOOD])
    return [b.read_at_ms for b in group[start:]]


async def test_a_slow_a_dead_and_a_busy_unit_cost_the_others_one_request_at_a_time(bus: Redis, bus_url: str) -> None:
    """Seven units at 500 ms beside one that takes 1.2 s for its reply, one that is dead, and a busy one.

    The line is one: whoever is due waits for the request under way, 1.2 s at most, and never for two long ones.
    """
    gate = asyncio.Lock()

    async def gateway(request: Request, writer: asyncio.StreamWriter) -> None:
        async with gate:
            if request.unit == SLOW:
                await asyncio.sleep(SLOW_S)
            if request.unit == BUSY:
                writer.write(request.exception(6))
            elif request.unit != DEAD:
                await honest(request, writer)

    async with a_faulty_server(gateway) as server:
        devices = {n: a_device(n, server.port, unit=n, timeout_ms=DEAD_MS if n == DEAD else 3000) for n in range(1, 11)}
        plant = {d: [a_tag(d, count_of(n), 500)] for n, d in devices.items() if n != SLOW}
        plant[devices[SLOW]] = [a_tag(devices[SLOW], count_of(SLOW), 4000)]
        async with slowness() as slow, polling(bus_url, Plant(plant)) as poller:
            for n in range(1, 8):
                await until_row(bus, f"{n}:500", n, lambda found: found == (HONEST, GOOD), 10.0)
            await until_row(bus, "8:4000", 8, lambda found: found == (HONEST, GOOD), 15.0)
            await asyncio.sleep(6.0)
            times = {n: await good_times(bus, n, 500) for n in range(1, 8)}
            (link,) = poller.links.values()
            detail = link.health().detail
        async with gate:
            pass
    assert server.connections == 1
    for n, seen in times.items():
        gaps = [b - a for a, b in pairwise(seen)]
        assert max(gaps) <= 500 + 1000 * SLOW_S + 300 + 3 * slow.ms, f"unit {n}: {gaps}"
        assert sorted(gaps)[len(gaps) // 2] <= 600 + slow.ms, f"unit {n} keeps its period: {gaps}"
    units = detail["units"]
    assert units["9"]["state"] == "silent"
    assert units["9"]["timeouts"] <= 6, "the pauses between the tries of a dead unit grow"
    assert units["8"]["rtt_p50_ms"] >= 1000 * SLOW_S
    assert all(units[str(n)]["state"] == "answering" for n in range(1, 9))
    assert 20 < detail["load_pct"] <= 100
    assert units["8"]["load_pct"] > units["1"]["load_pct"]


async def test_units_that_are_due_together_are_served_in_turn(bus: Redis, bus_url: str) -> None:
    """A unit with many reads does not go through with all of them while another one waits."""
    served: list[int] = []

    async def note(request: Request, writer: asyncio.StreamWriter) -> None:
        served.append(request.unit)
        await asyncio.sleep(0.05)
        await honest(request, writer)

    async with a_faulty_server(note) as server:
        many, one = a_device(1, server.port, unit=1, timeout_ms=1000), a_device(2, server.port, unit=2, timeout_ms=1000)
        points = [Point(100 + i, Table.HOLDING, 500 * i, DataType.UINT16) for i in range(20)]
        plant = Plant({many: [a_tag(many, p, 1000) for p in points], one: [a_tag(one, count_of(2), 200)]})
        async with slowness() as slow, polling(bus_url, plant):
            await until_row(bus, "2:200", 2, lambda found: found == (HONEST, GOOD))
            del served[:]
            await until(lambda: served.count(1) >= 40, 20.0)
            times = await good_times(bus, 2, 200)
    assert max(b - a for a, b in pairwise(times[2:])) < 200 + 150 + 3 * slow.ms
