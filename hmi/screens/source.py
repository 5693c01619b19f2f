"""Where a value comes from, in the words of a PLC engineer: table, address in both notations, type, order, scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from devices.points import DataType, Point, Table

_TABLE_DIGIT: Final = {Table.COIL: 0, Table.DISCRETE: 1, Table.INPUT: 3, Table.HOLDING: 4}


@dataclass(frozen=True, slots=True)
class Source:
    """`more`: (what, in which words) of what only some values have."""

    address: str
    reference: str
    form: str
    scaling: str
    more: tuple[tuple[str, str], ...] = ()


def reference(table: Table, address: int) -> str:
    """The 1-based reference with the table's digit in front: 40001, or 465536 with five digits where four are too few.

    Modbus Application Protocol v1.1b3 §4.4: the data model counts from 1, the wire from 0.
    """
    number = address + 1
    return f"{_TABLE_DIGIT[table]}{number:0{4 if number <= 9999 else 5}d}"


def source_of(point: Point) -> Source:
    several = point.registers > 1
    return Source(
        address=f"{point.table.label} {point.address}",
        reference=reference(point.table, point.address),
        form=", ".join(_form(point)),
        scaling=_scaling(point),
        more=tuple(_more(point, several)),
    )


def _form(point: Point) -> Iterator[str]:
    yield point.data_type.label
    if point.data_type is DataType.STRING:
        yield f"{point.length} bytes"
    if point.registers > 1:
        yield point.order.label
    if point.bit is not None:
        yield _bits(point)


def _bits(point: Point) -> str:
    first = point.bit or 0
    if point.data_type in (DataType.INT8, DataType.UINT8):
        return "high byte" if first >= 8 else "low byte"
    if point.bit_count is None or point.bit_count == 1:
        return f"bit {first}"
    return f"bits {first} to {first + point.bit_count - 1}"


def _more(point: Point, several: bool) -> Iterator[tuple[str, str]]:
    if several:
        yield "Takes", f"{point.registers} registers, {point.address} to {point.end - 1}"
    if point.eu_min is not None or point.eu_max is not None:
        yield "Range", _range(point)
    if point.not_implemented is not None:
        yield "No value", f"raw 0x{point.not_implemented:0{4 * min(point.registers, 4)}X} means that there is none"


def _range(point: Point) -> str:
    low = "no end" if point.eu_min is None else f"{point.eu_min:g}"
    high = "no end" if point.eu_max is None else f"{point.eu_max:g}"
    beyond = "held at the end beyond it" if point.clamp else "uncertain beyond it"
    return f"{low} to {high}, {beyond}"


def _scaling(point: Point) -> str:
    if point.raw_min is not None and point.raw_max is not None:
        return f"raw {point.raw_min:g} to {point.raw_max:g} is {point.eu_min or 0:g} to {point.eu_max or 0:g}"
    text = "" if (point.scale, point.offset) == (1.0, 0.0) else _line(point.scale, point.offset)
    if point.scale_address is not None:
        factor = f"× 10^n, n from {point.table.label} {point.scale_address}"
        return f"{factor}, then {text}" if text else f"register {factor}"
    return text or "as read"


def _line(scale: float, offset: float) -> str:
    text = f"register × {scale:g}"
    if offset:
        text += f" {'+' if offset > 0 else '−'} {abs(offset):g}"
    return text
