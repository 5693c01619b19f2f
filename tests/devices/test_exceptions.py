"""The exception table: what a device's refusals lead to, and what is said of the values meanwhile."""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    GOOD,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
)
from devices.points import DataType, Point, Table
from devices.poller.exceptions import RETRIES_S
from tests.devices.faulty import HONEST, FaultyServer, Request, a_faulty_server, honest, never
from tests.devices.rig import Plant, a_device, a_tag, polling, row, until, until_row

COUNT = Point(4, Table.HOLDING, 0, DataType.UINT16)
INPUT = Point(5, Table.INPUT, 0, DataType.UINT16)
SLOW_MS = 3000
"""A scan period so long that what is asked in between is a retry."""


def refusing(code: int, when: Callable[[Request], bool] = lambda _: True, *, times: int = 10_000) -> "Refusing":
    return Refusing(code, when, times)


class Refusing:
    """Refuses `times` requests of a kind, and notes when each came."""

    def __init__(self, code: int, when: Callable[[Request], bool], times: int) -> None:
        self._code, self._when, self._left = code, when, times
        self.came: list[float] = []

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self._when(request):
            self.came.append(time.monotonic())
            if self._left:
                self._left -= 1
                writer.write(request.exception(self._code))
                return
        await honest(request, writer)


def pauses(times: Sequence[float]) -> list[float]:
    return [b - a for a, b in pairwise(times)]


async def read_once(bus: Redis, group: str = f"1:{SLOW_MS}") -> None:
    await until_row(bus, group, 4, lambda found: found == (HONEST, GOOD), 8.0)


async def next_scan(server: FaultyServer, answer: Refusing) -> None:
    server.answer = answer
    await until(lambda: bool(answer.came), 6.0)


@pytest.mark.parametrize("code", [5, 6])
async def test_a_busy_device_is_asked_again_soon_and_its_value_stays_marked(
    bus: Redis, bus_url: str, code: int
) -> None:
    """After 100, 300 and 1000 ms, and no more: the next scan begins anew."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, SLOW_MS)]})):
            await read_once(bus)
            busy = refusing(code)
            await next_scan(server, busy)
            await until_row(bus, f"1:{SLOW_MS}", 4, lambda found: found == (HONEST, UNCERTAIN_LAST_USABLE))
            await until(lambda: len(busy.came) == 4, 3.0)
            await asyncio.sleep(0.5)
            assert len(busy.came) == 4
            assert await row(bus, f"1:{SLOW_MS}", 4) == (HONEST, UNCERTAIN_LAST_USABLE)
    for pause, wanted in zip(pauses(busy.came), RETRIES_S[code], strict=True):
        assert wanted <= pause < wanted + 0.3


async def test_a_device_that_was_busy_for_a_moment_is_good_again_before_the_next_scan(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, SLOW_MS)]})):
            await read_once(bus)
            busy = refusing(6, times=2)
            await next_scan(server, busy)
            await until_row(bus, f"1:{SLOW_MS}", 4, lambda found: found[1] == UNCERTAIN_LAST_USABLE, 1.0)
            await until_row(bus, f"1:{SLOW_MS}", 4, lambda found: found[1] == GOOD, 2.0)
            assert len(busy.came) == 3


@pytest.mark.parametrize(("code", "retries"), [(4, 2), (8, 1), (7, 0), (9, 0), (0x40, 0)])
async def test_a_failure_is_tried_again_once_or_twice_and_then_said(
    bus: Redis, bus_url: str, code: int, retries: int
) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, SLOW_MS)]})):
            await read_once(bus)
            failing = refusing(code)
            await next_scan(server, failing)
            await until_row(bus, f"1:{SLOW_MS}", 4, lambda found: found == (None, BAD_DEVICE_FAILURE), 3.0)
            await asyncio.sleep(0.3)
            assert len(failing.came) == 1 + retries


async def test_a_lasting_failure_is_asked_once_in_a_scan(bus: Redis, bus_url: str) -> None:
    """Retries are for the first failure; then a failed device is not asked more often than a healthy one."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 200)]})):
            await until_row(bus, "1:200", 4, lambda found: found[1] == GOOD)
            server.answer = failing = refusing(4)
            await until_row(bus, "1:200", 4, lambda found: found[1] == BAD_DEVICE_FAILURE, 3.0)
            asked = len(failing.came)
            await asyncio.sleep(1.0)
            assert 4 <= len(failing.came) - asked <= 6


async def test_a_scan_that_hangs_does_not_take_back_what_the_device_has_said(bus: Redis, bus_url: str) -> None:
    """UA-05: what was good grows old and is marked; a failure that the device has reported is no time-out."""
    other = Point(6, Table.HOLDING, 900, DataType.UINT16)
    async with a_faulty_server(refusing(4, lambda request: request.address == 0)) as server:
        device = a_device(1, server.port, timeout_ms=6000)
        async with polling(bus_url, Plant({device: [a_tag(device, p, 200) for p in (COUNT, other)]})):
            await until_row(bus, "1:200", 6, lambda found: found == (HONEST, GOOD))
            await until_row(bus, "1:200", 4, lambda found: found == (None, BAD_DEVICE_FAILURE))
            server.answer = never
            await until_row(bus, "1:200", 6, lambda found: found == (HONEST, UNCERTAIN_NO_COMMUNICATION), 4.0)
            assert await row(bus, "1:200", 4) == (None, BAD_DEVICE_FAILURE)


async def test_an_unknown_exception_is_logged_once(bus: Redis, bus_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with a_faulty_server(refusing(0x40)) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100)]})):
            await until(lambda: len(server.requests) > 5)
    assert sum("unknown exception" in str(record.msg) for record in caplog.records) == 1


async def test_a_table_the_device_does_not_know_costs_only_its_own_tags(bus: Redis, bus_url: str) -> None:
    """Exception 01: not asked again, by no group of the device."""
    other = Point(6, Table.INPUT, 700, DataType.UINT16)
    async with a_faulty_server(refusing(1, lambda request: request.function == 4)) as server:
        device = a_device(1, server.port)
        tags = [a_tag(device, COUNT, 100), a_tag(device, INPUT, 100), a_tag(device, other, 200)]
        async with polling(bus_url, Plant({device: tags})) as poller:
            await until_row(bus, "1:100", 4, lambda found: found == (HONEST, GOOD))
            await until_row(bus, "1:100", 5, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            await until_row(bus, "1:200", 6, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            await until_row(bus, "1:100", 4, lambda found: found == (HONEST, GOOD))
            (link,) = poller.links.values()
            unit = link.health().detail["units"]["1"]
    assert (unit["state"], unit["unsupported"], unit["unsupported_tags"]) == ("answering", ["input"], 2)
    assert sum(request.function == 4 for request in server.requests) <= 3, "each group once, and once to be sure"


async def test_one_address_refused_as_an_illegal_function_costs_one_tag(bus: Redis, bus_url: str) -> None:
    """Exception 01 of an address, by a device that gives the rest of the table: in one read with others, and alone."""
    near, far = Point(6, Table.HOLDING, 2, DataType.UINT16), Point(7, Table.HOLDING, 700, DataType.UINT16)

    def touches(request: Request) -> bool:
        return request.address + request.count > 700 or request.address <= 2 < request.address + request.count

    async with a_faulty_server(refusing(1, touches)) as server:
        device = a_device(1, server.port)
        tags = [a_tag(device, point, 100) for point in (COUNT, near, far)]
        async with polling(bus_url, Plant({device: tags})) as poller:
            await until_row(bus, "1:100", 4, lambda found: found == (HONEST, GOOD))
            await until_row(bus, "1:100", 6, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            await until_row(bus, "1:100", 7, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            asked = len(server.requests)
            await until(lambda: len(server.requests) > asked + 5)
            assert not any(touches(request) for request in server.requests[asked:])
            assert await row(bus, "1:100", 4) == (HONEST, GOOD)
            (link,) = poller.links.values()
            unit = link.health().detail["units"]["1"]
    assert unit["unsupported"] == []
    assert [(hole["address"], hole["count"], hole["tags"]) for hole in unit["holes"]] == [(2, 1, 1), (700, 1, 1)]


async def test_a_device_that_comes_back_refusing_is_not_said_to_be_silent(bus: Redis, bus_url: str) -> None:
    async def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with a_faulty_server(hang_up) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100)]})) as poller:
            await until(lambda: any(link.health().state == "disconnected" for link in poller.links.values()))
            server.answer = refusing(4)
            await until_row(bus, "1:100", 4, lambda found: found[1] == BAD_DEVICE_FAILURE)
            (link,) = poller.links.values()
            assert link.health().detail["units"]["1"]["state"] == "answering"


async def test_a_hole_marks_its_own_tags_and_is_told_in_the_health(bus: Redis, bus_url: str) -> None:
    def touches(request: Request) -> bool:
        return request.address <= 41 and request.address + request.count > 40

    async with a_faulty_server(refusing(2, touches)) as server:
        device = a_device(1, server.port)
        points = [Point(100 + a, Table.HOLDING, a, DataType.UINT16) for a in range(60)]
        async with polling(bus_url, Plant({device: [a_tag(device, p, 200) for p in points]})) as poller:
            await until_row(bus, "1:200", 140, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            await until_row(bus, "1:200", 139, lambda found: found == (HONEST, GOOD))
            await until_row(bus, "1:200", 142, lambda found: found == (HONEST, GOOD))
            (link,) = poller.links.values()
            unit = link.health().detail["units"]["1"]
            assert unit["holes"] == [{"table": "holding", "address": 40, "count": 2, "tags": 2}]
            assert unit["groups"]["1:200"]["reads"] == 2
            learned = len(server.requests)
            await asyncio.sleep(0.5)
            assert not any(touches(request) for request in server.requests[learned:])
    assert learned < 30


async def test_what_was_learned_of_a_device_outlives_a_change_of_its_neighbour(bus: Redis, bus_url: str) -> None:
    """The link starts anew, for it has one connection; the device that did not change is not searched again."""

    def touches(request: Request) -> bool:
        return request.unit == 1 and request.address <= 40 < request.address + request.count

    async with a_faulty_server(refusing(2, touches)) as server:
        device, neighbour = a_device(1, server.port), a_device(2, server.port, unit=2)
        tags = [a_tag(device, Point(100 + a, Table.HOLDING, a, DataType.UINT16)) for a in range(60)]
        beside = [a_tag(neighbour, Point(tag, Table.HOLDING, 0, DataType.UINT16)) for tag in (4, 5)]
        plant = Plant({device: tags, neighbour: beside[:1]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "1:200", 140, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            (before,) = poller.links.values()
            (fact,) = before.units[0].learned.facts
            asked = len(server.requests)
            plant.change({device: tags, neighbour: beside})
            await until_row(bus, "2:200", 5, lambda found: found == (HONEST, GOOD))
            await until_row(bus, "1:200", 139, lambda found: found == (HONEST, GOOD))
            (after,) = poller.links.values()
            assert after is not before
            assert after.units[0].learned.facts == [fact]
            assert not any(touches(request) for request in server.requests[asked:])
            plant.change({device: tags[1:], neighbour: beside})
            await until(lambda: any(touches(request) for request in server.requests[asked:]), 5.0)


async def test_a_device_that_refuses_everything_says_so(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server(refusing(2)) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100)]})) as poller:
            await until_row(bus, "1:100", 4, lambda found: found == (None, BAD_CONFIGURATION_ERROR))
            (link,) = poller.links.values()
            assert link.health().detail["units"]["1"]["state"] == "refusing"
            asked = len(server.requests)
            await asyncio.sleep(0.5)
            assert len(server.requests) == asked, "nothing is asked that is known to be refused"


async def test_a_gateway_without_a_path_leaves_its_unit_alone_and_keeps_the_connection(
    bus: Redis, bus_url: str
) -> None:
    """Exception 0A: 5 s and more between tries; the other unit is read as ever."""
    far = refusing(0x0A, lambda request: request.unit == 2)
    async with a_faulty_server(far) as server:
        near, lost = a_device(1, server.port, unit=1), a_device(2, server.port, unit=2)
        plant = Plant({near: [a_tag(near, COUNT, 100)], lost: [a_tag(lost, INPUT, 100)]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "2:100", 5, lambda found: found == (None, BAD_NO_COMMUNICATION))
            await until_row(bus, "1:100", 4, lambda found: found == (HONEST, GOOD))
            (link,) = poller.links.values()
            await asyncio.sleep(2.0)
            units = link.health().detail["units"]
            assert (units["1"]["state"], units["2"]["state"]) == ("answering", "refusing")
            assert "no path to it" in units["2"]["reason"]
            assert link.health().state == "connected"
    assert len(far.came) <= 2
    assert server.connections == 1


async def test_a_unit_the_gateway_gets_no_answer_from_is_silent_by_itself(bus: Redis, bus_url: str) -> None:
    """Exception 0B is a time-out of that unit: its last value stays, and the link is as connected as before."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100)]})) as poller:
            await until_row(bus, "1:100", 4, lambda found: found[1] == GOOD)
            server.answer = refusing(0x0B)
            await until_row(bus, "1:100", 4, lambda found: found == (HONEST, UNCERTAIN_NO_COMMUNICATION))
            (link,) = poller.links.values()
            assert link.health().state == "connected"
            assert link.health().detail["units"]["1"]["state"] == "silent"
            server.answer = honest
            await until_row(bus, "1:100", 4, lambda found: found[1] == GOOD, 2.0)
    assert server.connections == 1
