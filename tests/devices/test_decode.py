"""MB-07 and the way from registers to engineering units."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_SENSOR_FAILURE,
    GOOD,
    LIMIT_HIGH,
    LIMIT_LOW,
    UNCERTAIN_EU_EXCEEDED,
)
from devices.decode import Decoder
from devices.plan import Read, plan
from devices.points import DataType, Order, Point, Table

LETTER = {
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.FLOAT32: "f",
    DataType.BOOL: "H",
}
POSITION = {Order.ABCD: (0, 1, 2, 3), Order.CDAB: (2, 3, 0, 1), Order.BADC: (1, 0, 3, 2), Order.DCBA: (3, 2, 1, 0)}


def on_the_wire(kind: DataType, order: Order, value: float) -> bytes:
    raw = struct.pack(">" + LETTER[kind], value)
    return raw if len(raw) == 2 else bytes(raw[i] for i in POSITION[order])


def decoded(payload: bytes, *points: Point) -> dict[int, tuple[Value, int]]:
    """Tag -> value and status, the points read in one request."""
    (read,) = plan(points, 125, 100).reads
    decoder = Decoder(read)
    values, statuses = decoder.decode(payload)
    return {p.tag: (v, s) for p, v, s in zip(decoder.points, values, statuses or [GOOD] * len(values), strict=True)}


@pytest.mark.parametrize(
    ("order", "registers"),
    [(Order.ABCD, "47F12000"), (Order.CDAB, "200047F1"), (Order.BADC, "F1470020"), (Order.DCBA, "0020F147")],
)
def test_the_vector_of_the_four_orders(order: Order, registers: str) -> None:
    """MB-07: 123456.0 is 47F1 2000."""
    assert decoded(bytes.fromhex(registers), Point(1, Table.HOLDING, 0, DataType.FLOAT32, order))[1] == (123456.0, GOOD)


kinds = st.sampled_from([DataType.INT16, DataType.UINT16, DataType.INT32, DataType.UINT32, DataType.FLOAT32])
BOUNDS = {
    DataType.INT16: (-(2**15), 2**15 - 1),
    DataType.UINT16: (0, 2**16 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
    DataType.UINT32: (0, 2**32 - 1),
}


@st.composite
def blocks(draw: st.DrawFn) -> tuple[list[Point], list[float], bytes]:
    """Points one after the other with gaps, what they hold, and the registers that say so."""
    points, numbers, wire = [], [], b""
    for tag in range(draw(st.integers(1, 20))):
        wire += draw(st.binary(min_size=0, max_size=3)) * 2
        kind, order = draw(kinds), draw(st.sampled_from(Order))
        floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
        number = draw(floats if kind is DataType.FLOAT32 else st.integers(*BOUNDS[kind]))
        points.append(Point(tag, Table.INPUT, len(wire) // 2, kind, order))
        numbers.append(number)
        wire += on_the_wire(kind, order, number)
    return points, numbers, wire[2 * points[0].address :]


@given(blocks())
def test_what_a_device_holds_is_what_comes_out(block: tuple[list[Point], list[float], bytes]) -> None:
    points, numbers, wire = block
    found = decoded(wire, *points)
    assert [found[p.tag] for p in points] == [(number, GOOD) for number in numbers]
    for point, number in zip(points, numbers, strict=True):
        assert isinstance(found[point.tag][0], type(number))
        assert str(found[point.tag][0]) != "-0.0"


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 1000))
def test_bits_come_lowest_first(states: list[bool], start: int) -> None:
    points = [Point(i, Table.COIL, start + i, DataType.BOOL) for i in range(len(states))]
    packed = bytearray((len(states) + 7) // 8)
    for i, state in enumerate(states):
        packed[i // 8] |= state << i % 8
    found = decoded(bytes(packed), *points)
    assert [found[i] for i in range(len(states))] == [(state, GOOD) for state in states]


def test_tags_may_share_and_overlap_registers() -> None:
    found = decoded(
        bytes.fromhex("47F12000"),
        Point(1, Table.HOLDING, 0, DataType.FLOAT32),
        Point(2, Table.HOLDING, 0, DataType.FLOAT32, scale=2),
        Point(3, Table.HOLDING, 1, DataType.UINT16),
        Point(4, Table.HOLDING, 0, DataType.BOOL),
    )
    assert {tag: value for tag, (value, _) in found.items()} == {1: 123456.0, 2: 246912.0, 3: 0x2000, 4: True}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_a_sensor_failure_of_its_own_tag_only(number: float) -> None:
    """UA-03."""
    wire = on_the_wire(DataType.FLOAT32, Order.ABCD, number) + on_the_wire(DataType.FLOAT32, Order.ABCD, 1.5)
    points = [Point(i, Table.HOLDING, 2 * i, DataType.FLOAT32, eu_min=0, eu_max=9) for i in range(2)]
    assert decoded(wire, *points) == {0: (None, BAD_SENSOR_FAILURE), 1: (1.5, GOOD)}


def test_an_integer_without_scale_stays_an_integer_and_one_with_scale_becomes_a_float() -> None:
    point = Point(1, Table.HOLDING, 0, DataType.UINT32)
    assert decoded(b"\xff\xff\xff\xff", point)[1][0] == 4294967295
    scaled = decoded(b"\x00\x7b", Point(1, Table.HOLDING, 0, DataType.INT16, scale=0.5, offset=-1))[1][0]
    assert scaled == 60.5
    assert isinstance(scaled, float)


@pytest.mark.parametrize(
    ("raw", "status"),
    [(10, GOOD), (50, GOOD), (9, UNCERTAIN_EU_EXCEEDED | LIMIT_LOW), (51, UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH)],
)
def test_a_value_beyond_its_range_is_shown_and_marked(raw: int, status: int) -> None:
    """UA-03: the value stays, the limit bits say which end."""
    point = Point(1, Table.HOLDING, 0, DataType.UINT16, eu_min=10, eu_max=50)
    assert decoded(raw.to_bytes(2, "big"), point)[1] == (raw, status)


@given(
    st.floats(width=32),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_scaling_never_yields_an_infinity_or_a_negative_zero(raw: float, scale: float, offset: float) -> None:
    point = Point(1, Table.HOLDING, 0, DataType.FLOAT32, scale=scale, offset=offset)
    value, status = decoded(on_the_wire(DataType.FLOAT32, Order.ABCD, raw), point)[1]
    if value is None:
        assert status == (BAD_CONFIGURATION_ERROR if math.isfinite(raw) else BAD_SENSOR_FAILURE)
    else:
        assert isinstance(value, float)
        assert math.isfinite(value)
        assert math.copysign(1, value) == 1 or value < 0


def test_large_finite_values_are_not_taken_for_a_failure() -> None:
    points = [Point(i, Table.HOLDING, 2 * i, DataType.FLOAT32, scale=1e269) for i in range(60)]
    found = decoded(on_the_wire(DataType.FLOAT32, Order.ABCD, 3e38) * 60, *points)
    assert all(status == GOOD and value is not None for value, status in found.values())


def test_a_read_with_holes_is_decoded_by_address() -> None:
    read = Read(Table.HOLDING, 100, 4, (Point(1, Table.HOLDING, 101, DataType.UINT16),))
    assert Decoder(read).decode(bytes.fromhex("0001000200030004"))[0] == [2]
