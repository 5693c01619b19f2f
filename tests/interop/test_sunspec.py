"""A SunSpec device laid out by pysunspec2: Isthmus shows what pysunspec2's own client reads there (UA-03, MB-07)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import pytest
from redis.asyncio import Redis
from sunspec2 import mb
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from bus.latest import read_latest
from bus.messages import Value
from bus.quality import BAD_OUT_OF_SERVICE, GOOD, Severity, severity
from devices.points import DataType, Point, Table
from devices.snapshot import DeviceEntry
from tests.devices.rig import Plant, a_device, a_tag, polling
from tests.interop.processes import SERVERS, ServerProcess
from tests.interop.values import is_same
from tests.interop.waiting import within
from tests.ports import free_port

SCAN_MS: Final = 200
TYPES: Final = {
    "int16": DataType.INT16, "uint16": DataType.UINT16, "enum16": DataType.UINT16, "bitfield16": DataType.UINT16,
    "acc16": DataType.UINT16, "count": DataType.UINT16, "sunssf": DataType.INT16, "int32": DataType.INT32,
    "uint32": DataType.UINT32, "enum32": DataType.UINT32, "bitfield32": DataType.UINT32, "acc32": DataType.UINT32,
    "int64": DataType.INT64, "uint64": DataType.UINT64, "acc64": DataType.UINT64, "float32": DataType.FLOAT32,
    "float64": DataType.FLOAT64, "string": DataType.STRING,
}  # fmt: skip


def groups_of(group: Any) -> Iterator[Any]:
    yield group
    for below in group.groups.values():
        for one in below if isinstance(below, list) else [below]:
            yield from groups_of(one)


def points_of(device: Any) -> Iterator[tuple[Point, Any]]:
    """A point of ours for each of pysunspec2's that is a number or a text."""
    tag = 0
    for model in device.model_list:
        for group in groups_of(model) if model.model_def else ():
            for theirs in group.points.values():
                if theirs.pdef["type"] in TYPES:
                    tag += 1
                    yield point_of(tag, model, theirs), theirs


def point_of(tag: int, model: Any, theirs: Any) -> Point:
    kind, factor = theirs.pdef["type"], factor_of(theirs)
    missing = None if kind == "string" else int.from_bytes(mb.create_unimpl_value(kind), "big")
    return Point(
        tag, Table.HOLDING, model.model_addr + theirs.offset, TYPES[kind],
        length=2 * theirs.len if kind == "string" else 0,
        scale_address=model.model_addr + factor.offset if factor is not None else None,
        not_implemented=missing,
    )  # fmt: skip


def scanned(port: int) -> Any:
    device = SunSpecModbusClientDeviceTCP(1, "127.0.0.1", port, timeout=5)
    device.scan()
    return device


@pytest.fixture
def server() -> Iterator[tuple[ServerProcess, int]]:
    port = free_port()
    process = ServerProcess(str(SERVERS / "sunspec_server.py"), str(port))
    process.start()
    yield process, port
    process.stop()


async def newest(bus: Redis) -> dict[int, tuple[Value, int]]:
    block = (await read_latest(bus)).get(f"1:{SCAN_MS}")
    return {} if block is None else dict(zip(block.ids, zip(block.values, block.statuses, strict=True), strict=True))


def factor_of(theirs: Any) -> Any:
    return theirs.group.points.get(theirs.sf) or theirs.model.points.get(theirs.sf)


def is_shown(found: tuple[Value, int] | None, theirs: Any) -> bool:
    """A text that is not there is an empty text here. A number whose scale factor is not there is nothing: pysunspec2
    gives it unscaled.
    """
    if found is None:
        return False
    value, status = found
    if theirs.sf and factor_of(theirs).value is None:
        return value is None and severity(status) is Severity.BAD
    if theirs.value is None:
        return (value, status) == (None, BAD_OUT_OF_SERVICE) or (theirs.pdef["type"] == "string" and value == "")
    return status == GOOD and is_same(value, theirs.cvalue)


def a_meter(port: int) -> DeviceEntry:
    return a_device(1, port, max_registers=125, timeout_ms=500)


async def test_every_point_of_every_model_is_what_pysunspec2_reads(
    bus: Redis, bus_url: str, server: tuple[ServerProcess, int]
) -> None:
    """Scale factors, accumulators, what is not implemented, repeating groups; a vendor's model is passed over."""
    _, port = server
    pairs = list(points_of(await asyncio.to_thread(scanned, port)))
    assert len(pairs) > 400
    assert sum(point.scale_address is not None and theirs.value is not None for point, theirs in pairs) > 20
    entry = a_meter(port)
    told: list[str] = []

    async def are_all_shown() -> bool:
        found = await newest(bus)
        told[:] = [
            f"{t.pdef['name']}: {found.get(p.tag)}, not {t.cvalue}"
            for p, t in pairs
            if not is_shown(found.get(p.tag), t)
        ]
        return not told

    async with polling(bus_url, Plant({entry: [a_tag(entry, point, SCAN_MS) for point, _ in pairs]})):
        await within(5, are_all_shown, lambda: f"{len(told)} of {len(pairs)}: {told[:5]}")


async def test_a_scale_factor_that_changes_or_goes_is_followed(
    bus: Redis, bus_url: str, server: tuple[ServerProcess, int]
) -> None:
    """It is read with its point: no value is ever scaled by the factor of another scan."""
    process, port = server
    device = await asyncio.to_thread(scanned, port)
    watts = next(p for p, t in points_of(device) if t.pdef["name"] == "W" and t.model.model_id == 103)
    entry = a_meter(port)

    def shown(is_right: Callable[[Value, int], bool]) -> Callable[[], Awaitable[bool]]:
        async def ask() -> bool:
            return is_right(*(await newest(bus)).get(watts.tag, (None, -1)))

        return ask

    async with polling(bus_url, Plant({entry: [a_tag(entry, watts, SCAN_MS)]})):
        await within(3, shown(lambda value, status: status == GOOD and value == -5000), "-500 x 10")
        process.tell(model=103, point="W_SF", value=-2)
        await within(1, shown(lambda value, status: status == GOOD and is_same(value, -5.0)), "-500 / 100")
        process.tell(model=103, point="W_SF", value=None)
        await within(1, shown(lambda value, status: severity(status) is Severity.BAD and value is None), "Bad")
        process.tell(model=103, point="W_SF", value=11)
        await asyncio.sleep(2 * SCAN_MS / 1000)
        await within(1, shown(lambda value, status: severity(status) is Severity.BAD and value is None), "Bad")
        process.tell(model=103, point="W_SF", value=0)
        await within(1, shown(lambda value, status: status == GOOD and value == -500), "-500")
        process.tell(model=103, point="W", value=None)
        await within(1, shown(lambda value, status: (value, status) == (None, BAD_OUT_OF_SERVICE)), "not implemented")
