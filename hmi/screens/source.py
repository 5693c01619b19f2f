"""Where a value comes from, in the words of a PLC engineer: table, address in both notations, type, order, scale."""

from dataclasses import dataclass
from typing import Final

from devices.points import Point, Table

_TABLE_DIGIT: Final = {Table.COIL: 0, Table.DISCRETE: 1, Table.INPUT: 3, Table.HOLDING: 4}


@dataclass(frozen=True, slots=True)
class Source:
    address: str
    reference: str
    form: str
    scaling: str


def reference(table: Table, address: int) -> str:
    """The 1-based reference with the table's digit in front: 40001, or 465536 with five digits where four are too few.

    Modbus Application Protocol v1.1b3 §4.4: the data model counts from 1, the wire from 0.
    """
    number = address + 1
    return f"{_TABLE_DIGIT[table]}{number:0{4 if number <= 9999 else 5}d}"


def source_of(point: Point) -> Source:
    words = f"{point.data_type.label}, {point.order.label}" if point.data_type.registers > 1 else point.data_type.label
    return Source(
        address=f"{point.table.label} {point.address}",
        reference=reference(point.table, point.address),
        form=words,
        scaling="as read" if (point.scale, point.offset) == (1.0, 0.0) else _scaling(point.scale, point.offset),
    )


def _scaling(scale: float, offset: float) -> str:
    text = f"register × {scale:g}"
    if offset:
        text += f" {'+' if offset > 0 else '−'} {abs(offset):g}"
    return text
