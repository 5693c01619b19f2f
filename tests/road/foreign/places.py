"""What stands in the registers of a foreign server, and what a person must read there."""

from dataclasses import dataclass
from typing import Final

from devices.points import DataType, Order, Table

SCAN_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Place:
    """`raw`: the registers or the bit on the wire, `value`: what they mean, `other`: another such pair."""

    name: str
    table: Table
    address: int
    data_type: DataType
    order: Order
    raw: tuple[int, ...]
    value: float | bool
    other: tuple[tuple[int, ...], float | bool]
    scale: float = 1.0


def _float(name: str, address: int, order: Order, raw: tuple[int, int], other: tuple[int, int]) -> Place:
    """123456.0 is 47F1 2000 in ABCD, -0.15625 is BE20 0000 (MB-07)."""
    return Place(name, Table.HOLDING, address, DataType.FLOAT32, order, raw, 123456.0, (other, -0.15625))


_HOLDING, _ABCD = Table.HOLDING, Order.ABCD
PLACES: Final = (
    _float("float-abcd", 0, Order.ABCD, (0x47F1, 0x2000), (0xBE20, 0x0000)),
    _float("float-cdab", 2, Order.CDAB, (0x2000, 0x47F1), (0x0000, 0xBE20)),
    _float("float-badc", 4, Order.BADC, (0xF147, 0x0020), (0x20BE, 0x0000)),
    _float("float-dcba", 6, Order.DCBA, (0x0020, 0xF147), (0x0000, 0x20BE)),
    Place("uint16", _HOLDING, 8, DataType.UINT16, _ABCD, (65535,), 65535, ((0,), 0)),
    Place("int16", _HOLDING, 9, DataType.INT16, _ABCD, (0xFFFF,), -1, ((0x8000,), -32768)),
    Place("scaled", _HOLDING, 10, DataType.INT16, _ABCD, (0xFF85,), -12.3, ((0x00FA,), 25.0), scale=0.1),
    Place("int32", _HOLDING, 11, DataType.INT32, _ABCD, (0xFFFE, 0x1DC0), -123456, ((0x0001, 0xE240), 123456)),
    Place("uint32-cdab", _HOLDING, 13, DataType.UINT32, Order.CDAB, (1, 0x8000), 0x80000001, ((2, 0), 2)),
    Place("far-away", _HOLDING, 400, DataType.UINT16, _ABCD, (4242,), 4242, ((2424,), 2424)),
    Place("input", Table.INPUT, 3, DataType.UINT16, _ABCD, (777,), 777, ((778,), 778)),
    Place("coil", Table.COIL, 11, DataType.BOOL, _ABCD, (1,), True, ((0,), False)),
    Place("discrete", Table.DISCRETE, 5, DataType.BOOL, _ABCD, (0,), False, ((1,), True)),
)
