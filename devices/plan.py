"""Which requests read the points of one device in one scan class. Pure (MB-05, MB-06)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.points import DataType, Point, Table

MAX_REGISTERS: Final = 125
MAX_BITS: Final = 2000
ADDRESSES: Final = 65536
BITS_PER_REGISTER: Final = 16


@dataclass(frozen=True, slots=True)
class Read:
    """One request. `count`: registers, or bits in a bit table. `points` in order of address, every one whole."""

    table: Table
    address: int
    count: int
    points: tuple[Point, ...]

    @property
    def payload_bytes(self) -> int:
        """The byte count of a right answer (MB-01)."""
        return (self.count + 7) // 8 if self.table.is_bits else 2 * self.count


@dataclass(frozen=True, slots=True)
class Plan:
    """`impossible`: points no request can read whole. Their configuration is wrong."""

    reads: tuple[Read, ...]
    impossible: tuple[Point, ...]


def plan(points: Iterable[Point], max_registers: int, max_gap: int) -> Plan:
    """As few requests as the limits allow; every point in exactly one of them and never split.

    `max_gap`: unused registers worth reading to save a request; in a bit table 16 times as many bits.
    """
    possible: list[Point] = []
    impossible: list[Point] = []
    for point in points:
        (possible if _is_readable(point, max_registers) else impossible).append(point)
    reads: list[Read] = []
    for table in Table:
        chosen = sorted((p for p in possible if p.table is table), key=lambda p: (p.address, p.end, p.tag))
        reads += _merged(table, chosen, _limit(table, max_registers), _gap(table, max_gap))
    return Plan(tuple(reads), tuple(impossible))


def _limit(table: Table, max_registers: int) -> int:
    return MAX_BITS if table.is_bits else min(max_registers, MAX_REGISTERS)


def _gap(table: Table, max_gap: int) -> int:
    return max_gap * BITS_PER_REGISTER if table.is_bits else max_gap


def _is_readable(point: Point, max_registers: int) -> bool:
    if point.table.is_bits and point.data_type is not DataType.BOOL:
        return False
    return (
        point.address >= 0
        and point.end <= ADDRESSES
        and point.data_type.registers <= _limit(point.table, max_registers)
    )


def _merged(table: Table, points: list[Point], limit: int, gap: int) -> list[Read]:
    reads: list[Read] = []
    members: list[Point] = []
    start = end = 0
    for point in points:
        if members and (point.address - end > gap or max(end, point.end) - start > limit):
            reads.append(Read(table, start, end - start, tuple(members)))
            members = []
        if not members:
            start, end = point.address, point.end
        members.append(point)
        end = max(end, point.end)
    if members:
        reads.append(Read(table, start, end - start, tuple(members)))
    return reads
