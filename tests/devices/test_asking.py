"""A probe runs between two requests of the link, on its connection."""

import asyncio

import pytest
from redis.asyncio import Redis

from devices.drivers.base import Driver, LinkDown
from devices.plan import Read
from devices.points import DataType, Point, Table
from tests.devices.faulty import HONEST, a_faulty_server
from tests.devices.rig import Plant, a_device, a_tag, polling, until, until_row
from tests.ports import free_port

COUNT = Point(4, Table.HOLDING, 0, DataType.UINT16)
FAR = Read(Table.HOLDING, 500, 2, ())


async def read_far(driver: Driver) -> bytes:
    return await driver.read(1, FAR, 0.5)


async def test_a_probe_uses_the_connection_the_link_has(bus: Redis, bus_url: str) -> None:
    """MB-02: it waits for the request under way."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100)]})) as poller:
            await until_row(bus, "1:100", 4, lambda found: found[0] == HONEST)
            (link,) = poller.links.values()
            answers = await asyncio.gather(*(link.ask(1, read_far) for _ in range(20)))
    assert set(answers) == {bytes([0, HONEST, 0, HONEST])}
    assert server.connections == 1


async def test_a_probe_of_a_device_without_tags_opens_a_connection_and_closes_it(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: []})) as poller:
            await until(lambda: bool(poller.links))
            (link,) = poller.links.values()
            assert await link.ask(1, read_far) == bytes([0, HONEST, 0, HONEST])
            await until(lambda: not server.writers)
            assert server.connections == 1


async def test_a_probe_says_why_there_is_no_connection(bus: Redis, bus_url: str) -> None:
    device = a_device(1, free_port())
    async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})) as poller:
        await until(lambda: bool(poller.links))
        (link,) = poller.links.values()
        with pytest.raises(LinkDown, match="connection refused"):
            await link.ask(1, read_far)
