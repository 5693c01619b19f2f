"""From a register to the bus, with a Modbus server we did not write."""

import asyncio
from typing import Any

from pyModbusTCP.server import DataBank
from redis.asyncio import Redis

from bus import keys
from bus.messages import FULL, decode
from bus.presence import hear_processes
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_NOT_CONNECTED,
    GOOD,
    UNCERTAIN_NO_COMMUNICATION,
)
from devices.points import DataType, Order, Point, Table
from tests.devices.rig import (
    Plant,
    a_device,
    a_modbus_server,
    a_tag,
    free_port,
    latest,
    polling,
    row,
    until,
    until_row,
)

LEVEL = Point(1, Table.HOLDING, 0, DataType.FLOAT32)
RUN = Point(2, Table.COIL, 0, DataType.BOOL)
FLOW = Point(3, Table.HOLDING, 2, DataType.UINT16, scale=0.1)


def is_good(found: tuple[Any, int]) -> bool:
    return found[1] == GOOD


async def stream(bus: Redis) -> list[Any]:
    return [decode(fields[b"b"]) for _, fields in await bus.xrange(keys.SAMPLES)]


async def test_a_register_reaches_the_bus(bus: Redis, bus_url: str) -> None:
    bank = DataBank()
    bank.set_holding_registers(0, [0x47F1, 0x2000, 123])
    bank.set_coils(0, [True])
    with a_modbus_server(bank) as port:
        device = a_device(1, port)
        plant = Plant({device: [a_tag(device, p) for p in (LEVEL, RUN, FLOW)]})
        async with polling(bus_url, plant):
            await until_row(bus, "1:200", 1, is_good)
            assert await row(bus, "1:200", 1) == (123456.0, GOOD)
            assert await row(bus, "1:200", 2) == (True, GOOD)
            assert await row(bus, "1:200", 3) == (12.3, GOOD) or (await row(bus, "1:200", 3))[0] - 12.3 < 1e-9
            bank.set_holding_registers(2, [200])
            await until_row(bus, "1:200", 3, lambda found: found[0] == 20.0, 1.0)
            blocks = await stream(bus)
    assert blocks[0].flags & FULL
    assert [b.seq - a.seq for a, b in zip(blocks, blocks[1:], strict=False)] == [1] * (len(blocks) - 1)
    assert all(b.ids == [] for b in blocks[1:-1] if b.values != [20.0])
