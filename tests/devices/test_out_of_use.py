"""A device out of use is left alone: nothing is sent to it, and its tags say so; back in use it is read at once."""

import asyncio

import pytest
from redis.asyncio import Redis

from bus.quality import BAD_OUT_OF_SERVICE, GOOD
from devices.drivers.base import Driver, LinkDown
from devices.plan import Read
from devices.points import DataType, Point, Table
from devices.poller.link import Link
from devices.poller.service import Poller
from tests.devices.faulty import HONEST, Request, a_faulty_server, honest
from tests.devices.rig import Plant, a_device, a_tag, polling, until, until_row

ONE = Point(4, Table.HOLDING, 0, DataType.UINT16)
TWO = Point(5, Table.HOLDING, 0, DataType.UINT16)
WHY = "PLC download until 16:00, says Ada."


def the_link(poller: Poller) -> Link:
    (link,) = poller.links.values()
    return link


def is_good(found: tuple[object, int]) -> bool:
    return found == (HONEST, GOOD)


async def read_one(driver: Driver) -> bytes:
    return await driver.read(1, Read(Table.HOLDING, 0, 1, ()), 0.5)


async def test_a_unit_out_of_use_is_not_asked_and_the_others_are(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        first, second = a_device(1, server.port, unit=1), a_device(2, server.port, unit=2)
        plant = Plant({first: [a_tag(first, ONE, 100)], second: [a_tag(second, TWO, 100)]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "1:100", 4, is_good)
            await until_row(bus, "2:100", 5, is_good)
            link = the_link(poller)
            link.set_out_of_use({1: WHY})
            await until_row(bus, "1:100", 4, lambda found: found == (None, BAD_OUT_OF_SERVICE), 1.0)
            asked = len(server.requests)
            await asyncio.sleep(0.5)
            assert {request.unit for request in server.requests[asked:]} == {2}
            health = link.health()
            unit = health.detail["units"]["1"]
            assert (health.state, unit["state"], unit["reason"]) == ("connected", "out_of_use", WHY)
            assert health.reason == "", "nobody is missed"
            with pytest.raises(LinkDown, match="PLC download"):
                await link.ask(1, read_one)
            link.set_out_of_use({})
            await until_row(bus, "1:100", 4, is_good, 1.0)
            assert link.health().detail["units"]["1"]["state"] == "answering"
    assert server.connections == 1


async def test_with_its_last_device_out_of_use_a_link_is_closed(bus: Redis, bus_url: str) -> None:
    """Whoever loads the controller may need its only connection."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, ONE, 100)]})) as poller:
            await until_row(bus, "1:100", 4, is_good)
            link = the_link(poller)
            link.set_out_of_use({1: WHY})
            await until(lambda: not server.writers, 1.0)
            asked = len(server.requests)
            await asyncio.sleep(1.3)
            assert len(server.requests) == asked
            assert server.connections == 1
            assert link.health().state == "out_of_use"
            link.set_out_of_use({})
            await until_row(bus, "1:100", 4, is_good, 2.0)
            assert link.health().state == "connected"


async def test_an_answer_under_way_when_a_device_is_taken_out_of_use_is_no_value(bus: Redis, bus_url: str) -> None:
    waits = asyncio.Event()

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        waits.set()
        await asyncio.sleep(0.3)
        await honest(request, writer)

    async with a_faulty_server() as server:
        first, second = a_device(1, server.port, unit=1), a_device(2, server.port, unit=2)
        plant = Plant({first: [a_tag(first, ONE, 100)], second: [a_tag(second, TWO, 60_000)]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "1:100", 4, is_good)
            link = the_link(poller)
            server.answer = slowly
            await waits.wait()
            link.set_out_of_use({1: WHY})
            await asyncio.sleep(0.5)
            await until_row(bus, "1:100", 4, lambda found: found == (None, BAD_OUT_OF_SERVICE), 0.1)


async def test_a_device_that_is_away_may_be_taken_out_of_use_and_comes_back(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port, timeout_ms=100)
        async with polling(bus_url, Plant({device: [a_tag(device, ONE, 100)]})) as poller:
            await until_row(bus, "1:100", 4, is_good)
            link = the_link(poller)

            async def never(request: Request, writer: asyncio.StreamWriter) -> None:
                return

            server.answer = never
            await until(lambda: link.health().state == "disconnected")
            link.set_out_of_use({1: WHY})
            assert link.health().state == "out_of_use"
            server.answer = honest
            link.set_out_of_use({})
            await until_row(bus, "1:100", 4, is_good, 2.0)
