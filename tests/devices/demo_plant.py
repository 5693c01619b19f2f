"""The demo plant for tests: its document, its devices served, and its tags as the poller sees them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

import devices.simulator
from devices.not_implemented import not_implemented_bits
from devices.points import DataType, Order, Point, Table
from devices.quirks import Quirks, RegistersBy
from devices.simulator.process import Waterworks
from devices.simulator.site import PORTS, SimulatedSite
from devices.snapshot import DeviceEntry, TagEntry
from tests.entries import device_entry, tag_entry
from tests.ports import free_in_a_row

FILE: Final = Path(devices.simulator.__file__).parent / "northgate.yaml"
DOCUMENT: Final[Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
BASE: Final = 15020
DEAD: Final = "zone_logger"


@asynccontextmanager
async def served(works: Waterworks, base: int | None = None) -> AsyncIterator[int]:
    """The works on the wire; gives the base port."""
    base = base or free_in_a_row(PORTS)
    site = SimulatedSite(works, "127.0.0.1", base)
    task = asyncio.create_task(site.run())
    serving = asyncio.create_task(site.is_served.wait())
    try:
        await asyncio.wait([task, serving], return_when=asyncio.FIRST_COMPLETED, timeout=5)
        assert site.is_served.is_set(), task
        yield base
    finally:
        for one in (task, serving):
            one.cancel()
        await asyncio.gather(task, serving, return_exceptions=True)


def a_point(number: int, tag: dict[str, Any]) -> Point:
    kind = DataType(tag["type"])
    missing = tag.get("not_implemented")
    return Point(
        number, Table(tag["table"]), tag["address"], kind, Order(tag.get("order", "ABCD")), tag.get("scale", 1.0),
        tag.get("offset", 0.0), tag.get("eu_min"), tag.get("eu_max"), tag.get("bit"), tag.get("bits"),
        tag.get("length", 0), tag.get("raw_min"), tag.get("raw_max"), tag.get("clamp", False),
        tag.get("scale_address"), None if missing is None else not_implemented_bits(str(missing), kind),
    )  # fmt: skip


def configured(base: int) -> dict[DeviceEntry, list[TagEntry]]:
    """The devices of the document at this base port, with their tags. Ids are the places in the document, from 1."""
    entries = {}
    for number, device in enumerate(DOCUMENT["devices"], start=1):
        entries[device["name"]] = device_entry(
            number, name=device["name"], port=device["port"] - BASE + base, unit=device["unit"],
            timeout_ms=device["timeout_ms"], max_registers=device.get("max_registers", 100),
            max_gap=device.get("max_gap", 8),
            quirks=Quirks(registers_by=RegistersBy(device.get("registers_by", "table"))),
        )  # fmt: skip
    found: dict[DeviceEntry, list[TagEntry]] = {entry: [] for entry in entries.values()}
    for number, tag in enumerate(DOCUMENT["tags"], start=1):
        device = entries[tag["device"]]
        found[device].append(tag_entry(a_point(number, tag), tag["path"], device_id=device.id, scan_ms=tag["scan_ms"]))
    return found
