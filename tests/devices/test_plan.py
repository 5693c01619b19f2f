"""MB-05, MB-06: few requests, within the limits of the device, no value torn, and never a hole read."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.plan import MAX_BITS, Hole, Read, is_readable, plan, read_of
from devices.points import DataType, Order, Point, Table

WIDTHS = {
    DataType.BOOL: 1, DataType.INT8: 1, DataType.UINT8: 1, DataType.INT16: 1, DataType.UINT16: 1, DataType.FLOAT16: 1,
    DataType.BCD16: 1, DataType.SIGN16: 1, DataType.INT32: 2, DataType.UINT32: 2, DataType.FLOAT32: 2,
    DataType.BCD32: 2, DataType.SIGN32: 2, DataType.INT64: 4, DataType.UINT64: 4, DataType.FLOAT64: 4,
}  # fmt: skip
"""Registers of a type, written by hand."""
BYTES_AND_BITS = {DataType.BOOL: st.integers(0, 15), DataType.INT8: st.sampled_from([0, 8])}


def addresses(point: Point) -> set[int]:
    """Every address that has to come in one answer with the point, worked out slowly."""
    width = (point.length + 1) // 2 if point.data_type is DataType.STRING else WIDTHS[point.data_type]
    found = set(range(point.address, point.address + width))
    if point.scale_address is not None:
        found.add(point.scale_address)
    return set(range(min(found), max(found) + 1))


@st.composite
def register_points(draw: st.DrawFn, first: int = 0, last: int = 150) -> Point:
    kind = draw(st.sampled_from(DataType))
    point = Point(0, draw(st.sampled_from([Table.HOLDING, Table.INPUT])), draw(st.integers(first, last)), kind)
    if kind is DataType.STRING:
        return replace(point, length=draw(st.integers(1, 40)), order=draw(st.sampled_from([Order.ABCD, Order.BADC])))
    if kind in BYTES_AND_BITS:
        return replace(point, bit=draw(BYTES_AND_BITS[kind]))
    if draw(st.booleans()):
        return replace(point, scale_address=max(0, point.address + draw(st.integers(-30, 30))))
    if kind.is_unsigned:
        bit = draw(st.integers(0, 16 * WIDTHS[kind] - 1))
        return replace(point, bit=bit, bit_count=draw(st.integers(1, 16 * WIDTHS[kind] - bit)))
    return point


bits = st.builds(
    lambda table, address: Point(0, table, address, DataType.BOOL),
    st.sampled_from([Table.COIL, Table.DISCRETE]),
    st.integers(0, 9000),
)
any_points = st.one_of(register_points(), register_points(65400, 65535), bits)
wanted = st.lists(any_points, max_size=40).map(lambda points: [replace(p, tag=i) for i, p in enumerate(points)])
holes = st.lists(
    st.builds(Hole, st.sampled_from(Table), st.integers(0, 150), st.integers(1, 20)), max_size=6
)  # fmt: skip
few_points = st.lists(register_points(0, 40), min_size=1, max_size=6).map(
    lambda points: [replace(p, tag=i, table=Table.HOLDING) for i, p in enumerate(points)]
)


def limit_of(table: Table, max_registers: int) -> int:
    return MAX_BITS if table.is_bits else max_registers


def forbidden(given_holes: list[Hole], table: Table) -> set[int]:
    return {a for hole in given_holes if hole.table is table for a in range(hole.address, hole.address + hole.count)}


@given(wanted, st.integers(1, 125), st.integers(0, 100), holes)
def test_every_point_is_in_exactly_one_request_or_left_out_with_a_reason(
    points: list[Point], max_registers: int, max_gap: int, given_holes: list[Hole]
) -> None:
    made = plan(points, max_registers, max_gap, given_holes)
    planned = [p for read in made.reads for p in read.points]
    assert sorted(p.tag for p in (*planned, *made.impossible, *made.illegal)) == [p.tag for p in points]
    for point in made.impossible:
        needed = addresses(point)
        assert max(needed) > 65535 or len(needed) > limit_of(point.table, max_registers)
    for point in made.illegal:
        assert addresses(point) & forbidden(given_holes, point.table)


@given(wanted, st.integers(1, 125), st.integers(0, 100), holes)
def test_limits_are_kept_no_value_is_split_and_no_hole_is_read(
    points: list[Point], max_registers: int, max_gap: int, given_holes: list[Hole]
) -> None:
    for read in plan(points, max_registers, max_gap, given_holes).reads:
        assert 1 <= read.count <= limit_of(read.table, max_registers)
        asked = set(range(read.address, read.address + read.count))
        assert max(asked) <= 65535
        assert not asked & forbidden(given_holes, read.table)
        used: set[int] = set()
        for point in read.points:
            assert point.table is read.table
            assert addresses(point) <= asked
            used |= addresses(point)
        assert {read.address, read.address + read.count - 1} <= used
        longest = max((len(run) for run in runs(asked - used)), default=0)
        assert longest <= (max_gap * 16 if read.table.is_bits else max_gap)
        assert [p.address for p in read.points] == sorted(p.address for p in read.points)


def runs(numbers: set[int]) -> list[list[int]]:
    """Neighbours together."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return found


@given(wanted, st.integers(1, 125), st.integers(0, 100), holes, st.randoms(use_true_random=False))
def test_the_order_of_the_tags_makes_no_difference(
    points: list[Point], max_registers: int, max_gap: int, given_holes: list[Hole], chance: random.Random
) -> None:
    first = plan(points, max_registers, max_gap, given_holes)
    chance.shuffle(points)
    chance.shuffle(given_holes)
    assert plan(points, max_registers, max_gap, given_holes) == first


def partitions(points: list[Point]) -> Iterator[list[list[Point]]]:
    """Every way to share the points out among requests."""
    if not points:
        yield []
        return
    first, *others = points
    for shared in partitions(others):
        yield [[first], *shared]
        for i in range(len(shared)):
            yield [*shared[:i], [first, *shared[i]], *shared[i + 1 :]]


def is_allowed(points: list[Point], limit: int, gap: int, barred: set[int]) -> bool:
    used = set().union(*(addresses(p) for p in points))
    asked = set(range(min(used), max(used) + 1))
    return len(asked) <= limit and not asked & barred and all(len(run) <= gap for run in runs(asked - used))


@given(few_points, st.integers(1, 40), st.integers(0, 12), holes)
def test_no_other_plan_needs_fewer_requests(
    points: list[Point], max_registers: int, max_gap: int, given_holes: list[Hole]
) -> None:
    """Against every way to share the points out."""
    barred = forbidden(given_holes, Table.HOLDING)
    readable = [p for p in points if len(addresses(p)) <= max_registers and not addresses(p) & barred]
    fewest = min(
        len(shared)
        for shared in partitions(readable)
        if all(is_allowed(part, max_registers, max_gap, barred) for part in shared)
    )
    assert len(plan(points, max_registers, max_gap, given_holes).reads) == fewest


def test_a_full_map_of_floats_is_read_in_whole_values() -> None:
    points = [Point(i, Table.HOLDING, 2 * i, DataType.FLOAT32) for i in range(200)]
    made = plan(points, 125, 8)
    assert [read.count for read in made.reads] == [124, 124, 124, 28]


def test_several_tags_of_one_register_are_one_register_to_read() -> None:
    points = [Point(i, Table.HOLDING, 7, DataType.BOOL, bit=i) for i in range(16)]
    points.append(Point(16, Table.HOLDING, 7, DataType.UINT16, bit=4, bit_count=3))
    (read,) = plan(points, 125, 8).reads
    assert (read.address, read.count, len(read.points)) == (7, 1, 17)


def test_a_scale_factor_comes_in_the_answer_of_its_point() -> None:
    """SunSpec model 103: one factor for points before it, read with them even where the gap is too wide."""
    points = [Point(i, Table.HOLDING, 72 + i, DataType.UINT16, scale_address=76) for i in range(4)]
    points += [Point(9, Table.HOLDING, 10, DataType.INT16, scale_address=70)]
    made = plan(points, 125, 0)
    assert [(read.address, read.count) for read in made.reads] == [(10, 61), (72, 5)]
    (far,) = plan(points[-1:], 60, 0).impossible
    assert far.tag == 9


def test_a_hole_ends_a_request_and_is_not_bridged() -> None:
    points = [Point(i, Table.HOLDING, i, DataType.UINT16) for i in range(10)]
    made = plan(points, 125, 100, [Hole(Table.HOLDING, 3, 2), Hole(Table.INPUT, 0, 10)])
    assert [(read.address, read.count) for read in made.reads] == [(0, 3), (5, 5)]
    assert [p.tag for p in made.illegal] == [3, 4]
    unused = plan([points[2], points[5]], 125, 100, [Hole(Table.HOLDING, 3, 2)])
    assert [(read.address, read.count) for read in unused.reads] == [(2, 1), (5, 1)]
    assert not unused.illegal


def test_a_hole_between_a_point_and_its_scale_factor_makes_the_point_illegal() -> None:
    point = Point(1, Table.HOLDING, 10, DataType.INT16, scale_address=20)
    assert plan([point], 125, 100, [Hole(Table.HOLDING, 15, 1)]).illegal == (point,)


def test_a_device_of_single_registers_cannot_deliver_a_32_bit_value() -> None:
    points = [Point(1, Table.HOLDING, 0, DataType.FLOAT32), Point(2, Table.HOLDING, 2, DataType.UINT16)]
    made = plan(points, 1, 8)
    assert [p.tag for p in made.impossible] == [1]
    assert [read.count for read in made.reads] == [1]


MISTAKES = [
    Point(1, Table.COIL, 0, DataType.UINT16),
    Point(1, Table.COIL, 0, DataType.BOOL, bit=3),
    Point(1, Table.COIL, 0, DataType.BOOL, scale_address=3),
    Point(1, Table.HOLDING, 0, DataType.BOOL, bit=16),
    Point(1, Table.HOLDING, 0, DataType.BOOL, scale_address=1),
    Point(1, Table.HOLDING, 0, DataType.UINT8, bit=4),
    Point(1, Table.HOLDING, 0, DataType.UINT16, bit=4),
    Point(1, Table.HOLDING, 0, DataType.INT16, bit=4, bit_count=2),
    Point(1, Table.HOLDING, 0, DataType.UINT16, bit=14, bit_count=3),
    Point(1, Table.HOLDING, 0, DataType.UINT16, bit_count=3),
    Point(1, Table.HOLDING, 0, DataType.STRING),
    Point(1, Table.HOLDING, 0, DataType.STRING, Order.CDAB, length=4),
    Point(1, Table.HOLDING, 0, DataType.FLOAT32, Order.EFGHABCD),
    Point(1, Table.HOLDING, 0, DataType.INT16, scale_address=65536),
    Point(1, Table.HOLDING, 0, DataType.INT16, raw_min=0, eu_min=0, eu_max=1),
    Point(1, Table.HOLDING, 0, DataType.INT16, raw_min=0, raw_max=9, eu_max=1),
    Point(1, Table.HOLDING, -1, DataType.INT16),
    Point(1, Table.HOLDING, 65533, DataType.INT64),
]


@pytest.mark.parametrize("point", MISTAKES)
def test_a_mistake_of_the_configuration_is_not_read_at_all(point: Point) -> None:
    """What the checks refuse may still stand in a database; it must not become a value."""
    assert not is_readable(point)
    assert plan([point], 125, 8).impossible == (point,)


def test_one_point_alone_is_read_with_its_scale_factor() -> None:
    point = Point(1, Table.INPUT, 20, DataType.INT32, scale_address=17)
    assert read_of(point) == Read(Table.INPUT, 17, 5, (point,))


def test_the_byte_count_of_a_right_answer() -> None:
    """MB-01: 2 x quantity, or the bits rounded up to bytes."""
    assert Read(Table.HOLDING, 0, 10, ()).payload_bytes == 20
    assert Read(Table.COIL, 0, 10, ()).payload_bytes == 2
