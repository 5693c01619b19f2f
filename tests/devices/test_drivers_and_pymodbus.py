"""Each driver against pymodbus's servers, which check frames in their own way; and the poller on a serial line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus.framer import FramerType
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType as Kind
from pymodbus.simulator import SimData, SimDevice
from redis.asyncio import Redis

from bus import probes
from bus.client import connect_blocking
from bus.probes import Probe
from bus.quality import BAD_TIMEOUT, GOOD, UNCERTAIN_NO_COMMUNICATION
from devices.drivers.base import DeviceRefused, Driver, LinkDown
from devices.drivers.registry import open_driver
from devices.plan import Read
from devices.points import DataType, Point, Table
from devices.poller.health import advice
from tests.devices.rig import Plant, a_device, a_tag, polling, until_row
from tests.devices.stands import Asked, Serial, a_pair_of_ptys
from tests.devices.waiting import until
from tests.ports import free_port

WORDS = list(range(1000, 1100))
IDENTITY = {0: "Acme", 1: "X1", 2: "V2.3", 3: "https://acme.example", 4: "Pump", 5: "P-7", 6: "App " + "long " * 30}


def a_simulated_device(unit: int) -> SimDevice:
    return SimDevice(unit, simdata=[SimData(0, values=WORDS, datatype=Kind.REGISTERS)])


@asynccontextmanager
async def a_server(driver: str) -> AsyncIterator[Callable[[], Driver]]:
    devices: Any = [a_simulated_device(1), a_simulated_device(2)]
    identity = ModbusDeviceIdentification(info=IDENTITY)  # type: ignore[no-untyped-call]  # pymodbus leaves it so
    if driver == "modbus_rtu":
        with a_pair_of_ptys() as (ours, theirs, _):
            await until(lambda: ours.exists() and theirs.exists())
            line = ModbusSerialServer(devices, identity=identity, port=str(theirs), baudrate=38400)
            async with _serving(line):
                yield lambda: open_driver(driver, str(ours), 0, "38400 8N1")
        return
    framer = FramerType.SOCKET if driver == "modbus_tcp" else FramerType.RTU
    port = free_port()
    async with _serving(ModbusTcpServer(devices, framer=framer, identity=identity, address=("127.0.0.1", port))):
        yield lambda: open_driver(driver, "127.0.0.1", port)


@asynccontextmanager
async def _serving(server: Any) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve_forever())
    await until(server.is_active)
    try:
        yield
    finally:
        await server.shutdown()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize("name", ["modbus_tcp", "modbus_rtu_tcp", "modbus_rtu"])
async def test_a_server_of_pymodbus_is_read_and_identified(name: str) -> None:
    async with a_server(name) as make:
        driver = make()
        await driver.connect(2)
        try:
            for unit in (1, 2, 1):
                payload = await driver.read(unit, Read(Table.HOLDING, 10, 80, ()), 2)
                assert [int.from_bytes(payload[i : i + 2], "big") for i in range(0, 160, 2)] == WORDS[10:90]
            with pytest.raises(DeviceRefused) as caught:
                await driver.read(1, Read(Table.HOLDING, 90, 20, ()), 2)
            assert caught.value.code == 2
            said = await driver.identify(1, 2)
            assert said == {number: text.strip() for number, text in IDENTITY.items()}
            assert (driver.late_replies, driver.stray_replies) == (0, 0)
        finally:
            driver.close()


async def test_a_serial_port_that_cannot_be_opened_says_why() -> None:
    with a_pair_of_ptys() as (ours, _, _process):
        await until(ours.exists)
        first, second = (open_driver("modbus_rtu", str(ours), 0, "9600 8N1") for _ in range(2))
        await first.connect(1)
        with pytest.raises(LinkDown, match="another program has the serial port open"):
            await second.connect(1)
        first.close()
        await second.connect(1)
        second.close()
    with pytest.raises(LinkDown, match="is the adapter plugged in"):
        await open_driver("modbus_rtu", "/dev/ttyUSB97", 0).connect(1)
    with pytest.raises(LinkDown, match="cannot be opened"):
        await open_driver("modbus_rtu", "/dev/null", 0).connect(1)
    with pytest.raises(LinkDown, match="'fast' are no settings of a serial line"):
        await open_driver("modbus_rtu", "/dev/null", 0, "fast").connect(1)


@pytest.mark.parametrize("rounds", range(6))
async def test_an_opening_that_is_cancelled_leaves_the_port_to_others(rounds: int) -> None:
    """In whichever round of the event loop it comes; pymodbus opens a port in several."""
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    with a_pair_of_ptys() as (ours, _, _process):
        await until(ours.exists)
        driver = open_driver("modbus_rtu", str(ours), 0, "9600 8N1")
        opening = asyncio.create_task(driver.connect(1))
        for _round in range(rounds):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        driver.close()
        await asyncio.sleep(0.01)
        other = open_driver("modbus_rtu", str(ours), 0, "9600 8N1")
        await other.connect(1)
        other.close()
    assert faults == []


async def test_two_units_of_a_serial_line_are_polled_and_asked_and_one_falls_silent(bus: Redis, bus_url: str) -> None:
    """The whole road on a line: a unit that dies costs the other nothing but time, and comes back by itself."""
    is_dead = False

    async def answer(asked: Asked) -> None:
        if asked.unit == 1 or not is_dead:
            asked.send(asked.reply())

    async with Serial().peer() as (peer, line):
        peer.answer = answer
        first = a_device(1, 502, driver="modbus_rtu", host=str(line), line="115200 8N1", unit=1, timeout_ms=100)
        second = a_device(2, 502, driver="modbus_rtu", host=str(line), line="115200 8N1", unit=2, timeout_ms=100)
        points = [Point(4, Table.HOLDING, 7, DataType.UINT16), Point(5, Table.HOLDING, 7, DataType.UINT16)]
        plant = Plant({first: [a_tag(first, points[0], 200)], second: [a_tag(second, points[1], 200)]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "1:200", 4, lambda found: found == (1 << 8 | 7, GOOD))
            await until_row(bus, "2:200", 5, lambda found: found == (2 << 8 | 7, GOOD))
            assert len(poller.links) == 1
            is_dead = True
            await until_row(bus, "2:200", 5, lambda found: found[1] in (UNCERTAIN_NO_COMMUNICATION, BAD_TIMEOUT))
            await until_row(bus, "1:200", 4, lambda found: found == (1 << 8 | 7, GOOD))
            is_dead = False
            await until_row(bus, "2:200", 5, lambda found: found == (2 << 8 | 7, GOOD), 10)
            assert await asked_by_a_page(bus_url) == [1 << 8 | 30, 1 << 8 | 31]


async def asked_by_a_page(url: str) -> list[int]:
    pages = connect_blocking(url, "test-pages")
    try:
        probes.ask(pages, Probe("page", "read", 1, {"table": "holding", "address": 30, "count": 2}, "ada"))
        await until(lambda: probes.answer(pages, "page") is not None)
        given = probes.answer(pages, "page")
        assert given is not None
        words: list[int] = given.result["words"]
        return words
    finally:
        pages.close()


def test_what_goes_wrong_on_a_line_has_advice_of_its_own() -> None:
    assert "adapter" in advice("there is no such serial port; is the adapter plugged in?")
    assert "termination" in advice("no frame with a right check sum in 12 bytes")
    assert "longer time-out" in advice("an answer that may belong to an earlier request which timed out")
