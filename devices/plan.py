"""Which requests read the points of one device in one scan class. Pure (MB-05, MB-06)."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.points import DataType, Order, Point, Table

MAX_REGISTERS: Final = 125
MAX_BITS: Final = 2000
ADDRESSES: Final = 65536
BITS_PER_REGISTER: Final = 16


@dataclass(frozen=True, slots=True)
class Hole:
    """Addresses the device refuses to deliver. `count`: registers, or bits in a bit table."""

    table: Table
    address: int
    count: int


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
    """`impossible`: points no request can read whole; their configuration is wrong. `illegal`: points on a hole, or
    with a hole between them and their scale factor.
    """

    reads: tuple[Read, ...]
    impossible: tuple[Point, ...]
    illegal: tuple[Point, ...] = ()


def plan(points: Iterable[Point], max_registers: int, max_gap: int, holes: Iterable[Hole] = ()) -> Plan:
    """As few requests as the limits allow; every point in exactly one of them and never split.

    `max_gap`: unused registers worth reading to save a request; in a bit table 16 times as many bits. Holes are never
    read, and never bridged. The order of the points makes no difference.
    """
    kept: dict[Table, list[_Item]] = {table: [] for table in Table}
    impossible: list[Point] = []
    illegal: list[Point] = []
    barriers = _barriers(holes)
    limits = {table: _limit(table, max_registers) for table in Table}
    for point in points:
        start, end = _bounds(point)
        if not is_readable(point) or end - start > limits[point.table]:
            impossible.append(point)
        elif point.table in barriers and barriers[point.table].is_between(start, end):
            illegal.append(point)
        else:
            kept[point.table].append((start, end, point.tag, point))
    reads: list[Read] = []
    for table, items in kept.items():
        items.sort(key=lambda item: item[:3])
        reads += _merged(table, items, limits[table], _gap(table, max_gap), barriers.get(table))
    return Plan(tuple(reads), _by_address(impossible), _by_address(illegal))


def read_of(point: Point) -> Read:
    """The request that reads one point alone, with its scale factor. Only of a readable one."""
    start, end = _bounds(point)
    return Read(point.table, start, end - start, (point,))


def is_readable(point: Point) -> bool:
    """Whether what the point says of itself goes together: type, table, bits, length, order and addresses."""
    start, end = _bounds(point)
    if start < 0 or end > ADDRESSES or point.registers < 1:
        return False
    if point.table.is_bits:
        return point.data_type is DataType.BOOL and point.bit is None and point.scale_address is None
    return _has_possible_bits(point) and _has_possible_order(point) and _has_possible_range(point)


def _has_possible_bits(point: Point) -> bool:
    kind, bit, width = point.data_type, point.bit, point.bit_count
    if point.scale_address is not None and not kind.is_number:
        return False
    if width is not None:
        is_within = bit is not None and 0 <= bit < bit + width <= BITS_PER_REGISTER * kind.registers
        return kind.is_unsigned and is_within
    if kind is DataType.BOOL:
        return bit is None or 0 <= bit < BITS_PER_REGISTER
    return bit is None or (bit in (0, 8) and kind in (DataType.INT8, DataType.UINT8))


def _has_possible_order(point: Point) -> bool:
    if point.order.is_long:
        return point.data_type.registers == 4
    return point.data_type is not DataType.STRING or point.order in (Order.ABCD, Order.BADC)


def _has_possible_range(point: Point) -> bool:
    """A raw range has two ends and a range that they stand for; half of one would be taken for none."""
    if point.raw_min is None and point.raw_max is None:
        return True
    return None not in (point.raw_min, point.raw_max, point.eu_min, point.eu_max)


_Item = tuple[int, int, int, Point]
"""First address, first address after it, tag (so that equal addresses have one order), point."""


def _bounds(point: Point) -> tuple[int, int]:
    """The addresses that must come in one answer: from the first to the one after the last, scale factor and all."""
    start = point.address
    end = start + point.registers
    other = point.scale_address
    return (start, end) if other is None else (min(start, other), max(end, other + 1))


def _limit(table: Table, max_registers: int) -> int:
    return MAX_BITS if table.is_bits else min(max_registers, MAX_REGISTERS)


def _gap(table: Table, max_gap: int) -> int:
    return max_gap * BITS_PER_REGISTER if table.is_bits else max_gap


def _by_address(points: list[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda p: (p.table, p.address, p.tag)))


class _Barriers:
    """The holes of one table, joined where they touch."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def is_between(self, start: int, end: int) -> bool:
        """Some address from `start` to before `end` is a hole."""
        i = bisect_right(self._ends, start)
        return i < len(self._starts) and self._starts[i] < end


def _barriers(holes: Iterable[Hole]) -> dict[Table, _Barriers]:
    spans: dict[Table, list[tuple[int, int]]] = {}
    for hole in holes:
        if hole.count > 0:
            spans.setdefault(hole.table, []).append((hole.address, hole.address + hole.count))
    return {table: _Barriers(found) for table, found in spans.items()}


def _merged(table: Table, items: list[_Item], limit: int, gap: int, barriers: _Barriers | None) -> list[Read]:
    """From the lowest address on, each request takes everything that fits into it.

    That is the fewest: whatever of this a later request would take as well could only make that one longer. What
    begins within a request but ends beyond its limit is left for the next.
    """
    reads: list[Read] = []
    queue = deque(items)
    while queue:
        start = end = queue[0][0]
        members: list[Point] = []
        left: list[_Item] = []
        while queue and _is_reached(queue[0][0], start + limit, end, gap, barriers):
            item = queue.popleft()
            if item[1] - start > limit:
                left.append(item)
            else:
                members.append(item[3])
                end = max(end, item[1])
        queue.extendleft(reversed(left))
        members.sort(key=lambda point: (point.address, point.end, point.tag))
        reads.append(Read(table, start, end - start, tuple(members)))
    return reads


def _is_reached(address: int, limit: int, end: int, gap: int, barriers: _Barriers | None) -> bool:
    """A request that ends at `end` may go on with what begins at `address`."""
    if address >= limit or address - end > gap:
        return False
    return address <= end or barriers is None or not barriers.is_between(end, address)
