"""Tags and devices as processes hold them, made by hand for tests that need no database."""

from dataclasses import replace
from typing import Any

from devices.models import Kind
from devices.points import DataType, Point, Table
from devices.quirks import Quirks
from devices.snapshot import DeviceEntry, TagEntry


def device_entry(number: int = 1, **fields: Any) -> DeviceEntry:
    entry = DeviceEntry(
        number, f"uuid-{number}", f"plc{number}", "", 1, "modbus_tcp", "127.0.0.1", 502, 1, 200, 100, 8, "", Quirks(),
        True,
    )  # fmt: skip
    return replace(entry, **fields)


def tag_entry(point: Point | None = None, path: str = "", **fields: Any) -> TagEntry:
    """A tag that reads `point` (default: a float32) from device 1 every second."""
    point = point or Point(1, Table.HOLDING, 0, DataType.FLOAT32)
    path = path or f"works/t{point.tag}"
    name = path.rsplit("/", 1)[-1]
    entry = TagEntry(
        point.tag, f"uuid-{point.tag}", path, name, "", 1, Kind.DEVICE, point.data_type, 1, point, None, point.eu_min,
        point.eu_max, "", 1, {}, 1000, True,
    )  # fmt: skip
    return replace(entry, **fields)
