"""A poller under test: a configuration made by hand, real Modbus servers, the bus of the test."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from django.db import OperationalError
from pyModbusTCP.server import DataBank, ModbusServer
from redis.asyncio import Redis

from bus.client import connect
from bus.latest import read_latest
from bus.messages import Block, Value
from devices.drivers.base import OpenDriver
from devices.drivers.registry import open_driver
from devices.points import Point
from devices.poller.interventions import Store
from devices.poller.service import NOTHING_KEPT, Poller
from devices.snapshot import DeviceEntry, Snapshot, TagEntry
from tests.devices.waiting import until
from tests.entries import device_entry, tag_entry
from tests.ports import free_port

__all__ = ["until"]


def a_device(
    number: int, port: int, *, host: str = "127.0.0.1", unit: int = 1, timeout_ms: int = 200, **fields: Any
) -> DeviceEntry:
    return device_entry(number, host=host, port=port, unit=unit, timeout_ms=timeout_ms, **fields)


def a_tag(device: DeviceEntry, point: Point, scan_ms: int = 200) -> TagEntry:
    return tag_entry(point, device_id=device.id, scan_ms=scan_ms)


def a_snapshot(revision: int, tags: dict[DeviceEntry, list[TagEntry]]) -> Snapshot:
    entries = {tag.id: tag for members in tags.values() for tag in members}
    return Snapshot(revision, {}, {}, {d.id: d for d in tags}, entries, {t.path: t for t in entries.values()}, {})


class Plant:
    """The configuration database of a test: one snapshot that a test may replace."""

    def __init__(self, tags: dict[DeviceEntry, list[TagEntry]]) -> None:
        self.snapshot = a_snapshot(1, tags)
        self.is_away = False
        self.asked = 0

    def change(self, tags: dict[DeviceEntry, list[TagEntry]]) -> None:
        self.snapshot = a_snapshot(self.snapshot.revision + 1, tags)

    def touch(self) -> None:
        self.snapshot = replace(self.snapshot, revision=self.snapshot.revision + 1)

    def current(self) -> int:
        self.asked += 1
        if self.is_away:
            raise OperationalError("the database is away")
        return self.snapshot.revision

    def load(self) -> Snapshot:
        return self.snapshot


@asynccontextmanager
async def polling(
    url: str, plant: Plant, open_driver: OpenDriver = open_driver, store: Store = NOTHING_KEPT
) -> AsyncIterator[Poller]:
    client = connect(url, "test-poller")
    poller = Poller(client, current=plant.current, load=plant.load, open_driver=open_driver, store=store)
    task = asyncio.create_task(poller.run())
    try:
        yield poller
    finally:
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=5)
        assert not pending, f"the poller does not end: {asyncio.all_tasks()}"
        await client.aclose()


@contextmanager
def a_modbus_server(bank: DataBank, port: int = 0) -> Iterator[int]:
    """pyModbusTCP's server, which we did not write, on a port of its own."""
    port = port or free_port()
    server = ModbusServer("127.0.0.1", port, no_block=True, data_bank=bank)
    server.start()
    try:
        yield port
    finally:
        server.stop()


async def row(bus: Redis, group: str, tag: int) -> tuple[Value, int] | None:
    """Value and status of a tag as the latest values have them."""
    block = (await read_latest(bus)).get(group)
    if block is None or tag not in block.ids:
        return None
    i = list(block.ids).index(tag)
    return block.values[i], block.statuses[i]


async def until_row(
    bus: Redis, group: str, tag: int, is_right: Callable[[tuple[Value, int]], bool], timeout_s: float = 5.0
) -> tuple[Value, int]:
    deadline = time.monotonic() + timeout_s
    while True:
        found = await row(bus, group, tag)
        if found is not None and is_right(found):
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"tag {tag} of {group} is {found} after {timeout_s} s")
        await asyncio.sleep(0.01)


async def latest(bus: Redis, group: str) -> Block:
    return (await read_latest(bus))[group]


Switchable = TypeVar("Switchable", DeviceEntry, TagEntry)


def switched_off(entry: Switchable) -> Switchable:
    return replace(entry, enabled=False)
