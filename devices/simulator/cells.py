"""A register map: cells that read the process, and units that are made of them. Pure.

The words are made here and not by the poller's decoder turned round, so that a fault in one shows against the other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from struct import error as struct_error
from struct import pack, unpack
from typing import Final

from devices.points import DataType, Order, Table
from devices.simulator.process import Waterworks

_LETTER: Final = {
    DataType.INT16: "h", DataType.UINT16: "H", DataType.INT32: "i", DataType.UINT32: "I", DataType.INT64: "q",
    DataType.UINT64: "Q", DataType.FLOAT32: "f", DataType.FLOAT64: "d",
}  # fmt: skip
_COUNTERS: Final = (DataType.UINT32, DataType.UINT64)


class Refused(Exception):
    """The write asks for what cannot be; nothing has changed."""


Value = float | str
Read = Callable[[Waterworks], Value]
Write = Callable[[Waterworks, float], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """One value. `read` gives what stands in the register (already multiplied). `length`: bytes of a text."""

    table: Table
    address: int
    data_type: DataType
    read: Read
    order: Order = Order.ABCD
    write: Write | None = None
    length: int = 0

    @property
    def size(self) -> int:
        return self.length // 2 if self.data_type is DataType.STRING else self.data_type.registers

    @property
    def end(self) -> int:
        return self.address + self.size


def fixed(value: Value) -> Read:
    """What never changes."""
    return lambda _: value


def words(cell: Cell, works: Waterworks) -> list[int]:
    """The registers of one cell, in its order. A counter runs over as a real one does; all else stops at its range."""
    value = cell.read(works)
    if cell.data_type is DataType.STRING:
        raw = str(value).encode("ascii")[: cell.length].ljust(cell.length, b"\0")
        return list(unpack(f">{cell.size}H", raw))
    assert not isinstance(value, str)
    if cell.data_type in (DataType.BCD16, DataType.BCD32):
        raw = _bcd(int(value), 2 * cell.size)
    else:
        raw = pack(f">{_LETTER[cell.data_type]}", _whole(cell, value) if not cell.data_type.is_float else value)
    return list(unpack(f">{cell.size}H", reordered(raw, cell.order)))


def _whole(cell: Cell, value: float) -> int:
    bits = 16 * cell.size
    low = 0 if cell.data_type.is_unsigned else -(1 << bits - 1)
    high = low + (1 << bits) - 1
    if cell.data_type in _COUNTERS:
        return int(value) % (high + 1)
    return min(high, max(low, round(value)))


def _bcd(number: int, size: int) -> bytes:
    return bytes.fromhex(str(number % 10 ** (2 * size)).zfill(2 * size))


def number(cell: Cell, registers: Sequence[int]) -> float:
    """The other way, for what a client writes. Raises Refused for what is no number."""
    raw = reordered(pack(f">{len(registers)}H", *registers), cell.order)
    try:
        found = float(unpack(f">{_LETTER[cell.data_type]}", raw)[0])
    except struct_error as error:
        raise Refused(str(error)) from None
    if not isfinite(found):
        raise Refused("not a number")
    return found


def reordered(raw: bytes, order: Order) -> bytes:
    """Bytes in the order of the wire; each of the four orders undoes itself."""
    pairs = [raw[i : i + 2] for i in range(0, len(raw), 2)]
    if order in (Order.CDAB, Order.DCBA):
        pairs.reverse()
    if order in (Order.BADC, Order.DCBA):
        pairs = [pair[::-1] for pair in pairs]
    return b"".join(pairs)


@dataclass(slots=True)
class Unit:
    """One Modbus unit. `spans`: the addresses of each table that exist, in or out of use; the others are refused.

    `knows`: its function codes. `delay_s`: how long it takes to answer. `identity`: objects of device identification.
    """

    cells: Sequence[Cell]
    spans: dict[Table, list[range]]
    knows: frozenset[int] = frozenset({1, 2, 3, 4, 5, 6, 15, 16, 43})
    delay_s: float = 0.0
    is_dead: bool = False
    identity: dict[int, str] = field(default_factory=dict)

    def has(self, table: Table, address: int, count: int) -> bool:
        return any(span.start <= address and address + count <= span.stop for span in self.spans.get(table, ()))

    def image(self, works: Waterworks, table: Table) -> dict[int, int]:
        """Every register (or bit) of a table that a cell fills: address -> what stands there now."""
        found: dict[int, int] = {}
        for cell in self.cells:
            if cell.table is table:
                made = [int(bool(cell.read(works)))] if table.is_bits else words(cell, works)
                found.update(zip(range(cell.address, cell.end), made, strict=True))
        return found

    def write(self, works: Waterworks, table: Table, address: int, values: Sequence[int]) -> None:
        """Apply a client's write to the process. Raises LookupError for what cannot be written, Refused for bad values.

        Half of a value of two registers is not a value: it is refused like an address that does not exist. So is
        everything, when one part of the write is.
        """
        end = address + len(values)
        touched = [c for c in self.cells if c.table is table and c.address < end and c.end > address]
        covered = sum(c.size for c in touched if c.write and address <= c.address and c.end <= end)
        if covered != len(values):
            raise LookupError(f"{table} {address}..{end - 1} is not writable, or only in one piece")
        asked = [(c, self._number(c, values[c.address - address : c.end - address])) for c in touched]
        undo = [(c, c.read(works)) for c in touched]
        try:
            for cell, value in asked:
                assert cell.write is not None  # counted above
                cell.write(works, value)
        except Refused:
            for cell, before in undo:
                assert cell.write is not None
                assert not isinstance(before, str)
                cell.write(works, before)
            raise

    def _number(self, cell: Cell, part: Sequence[int]) -> float:
        return float(part[0]) if cell.table.is_bits else number(cell, part)


def spans_of(cells: Iterable[Cell]) -> dict[Table, list[range]]:
    """Exactly what the cells fill: adjoining cells make one span, and nothing between spans exists."""
    found: dict[Table, list[range]] = {}
    for cell in sorted(cells, key=lambda c: (c.table, c.address)):
        spans = found.setdefault(cell.table, [])
        if spans and spans[-1].stop == cell.address:
            spans[-1] = range(spans[-1].start, cell.end)
        else:
            spans.append(range(cell.address, cell.end))
    return found
