"""MB-07 and the way from registers to engineering units."""

import math
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_OUT_OF_SERVICE,
    BAD_SENSOR_FAILURE,
    GOOD,
    GOOD_CLAMPED,
    LIMIT_HIGH,
    LIMIT_LOW,
    UNCERTAIN,
    UNCERTAIN_EU_EXCEEDED,
    is_good,
)
from devices.decode import Decoder, explain
from devices.plan import Read, plan, read_of
from devices.points import DataType, Order, Point, Table
from tests.devices import slow_decoder

BAD = {
    slow_decoder.MISSING: BAD_OUT_OF_SERVICE,
    slow_decoder.BROKEN: BAD_SENSOR_FAILURE,
    slow_decoder.WRONG_FACTOR: BAD_CONFIGURATION_ERROR,
}


def decoded(payload: bytes, *points: Point) -> dict[int, tuple[Value, int]]:
    """Tag -> value and status, the points read in one request."""
    (read,) = plan(points, 125, 100).reads
    decoder = Decoder(read)
    values, statuses = decoder.decode(payload)
    return {p.tag: (v, s) for p, v, s in zip(decoder.points, values, statuses or [GOOD] * len(values), strict=True)}


def alone(registers: str, kind: DataType, order: Order = Order.ABCD, **fields: Any) -> tuple[Value, int]:
    """Value and status of one point that begins at 0, from registers in hexadecimal."""
    return decoded(bytes.fromhex(registers), Point(1, Table.HOLDING, 0, kind, order, **fields))[1]


# -- vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "registers"),
    [(Order.ABCD, "47F12000"), (Order.CDAB, "200047F1"), (Order.BADC, "F1470020"), (Order.DCBA, "0020F147")],
)
def test_the_vector_of_the_four_orders(order: Order, registers: str) -> None:
    """MB-07: 123456.0 is 47F1 2000."""
    assert alone(registers, DataType.FLOAT32, order) == (123456.0, GOOD)


EIGHT_BYTES = [
    (Order.ABCD, "1122 3344 5566 7788"),
    (Order.CDAB, "7788 5566 3344 1122"),
    (Order.BADC, "2211 4433 6655 8877"),
    (Order.DCBA, "8877 6655 4433 2211"),
    (Order.EFGHABCD, "5566 7788 1122 3344"),
    (Order.FEHGBADC, "6655 8877 2211 4433"),
    (Order.CDABGHEF, "3344 1122 7788 5566"),
    (Order.DCBAHGFE, "4433 2211 8877 6655"),
]


@pytest.mark.parametrize(("order", "registers"), EIGHT_BYTES)
def test_the_vectors_of_the_eight_orders(order: Order, registers: str) -> None:
    """MB-07: the number 1122334455667788 in hexadecimal, whose bytes all differ."""
    assert alone(registers, DataType.INT64, order) == (0x1122334455667788, GOOD)
    assert alone(registers, DataType.UINT64, order) == (0x1122334455667788, GOOD)
    assert alone(registers, DataType.FLOAT64, order) == (3.841412024471731e-226, GOOD)


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        (Order.ABCD, "40FE 2400 0000 0000"),
        (Order.CDAB, "0000 0000 2400 40FE"),
        (Order.BADC, "FE40 0024 0000 0000"),
        (Order.DCBA, "0000 0000 0024 FE40"),
        (Order.EFGHABCD, "0000 0000 40FE 2400"),
        (Order.DCBAHGFE, "0024 FE40 0000 0000"),
    ],
)
def test_the_number_of_the_four_orders_in_eight_bytes(order: Order, registers: str) -> None:
    """MB-07: 123456.0 is 40FE 2400 0000 0000 as float64."""
    assert alone(registers, DataType.FLOAT64, order) == (123456.0, GOOD)


VECTORS = [
    ("FF80", DataType.INT8, {"bit": 0}, -128),
    ("FF80", DataType.INT8, {"bit": 8}, -1),
    ("FF80", DataType.UINT8, {}, 128),
    ("FF80", DataType.UINT8, {"bit": 8}, 255),
    ("8000", DataType.INT16, {}, -32768),
    ("8000", DataType.UINT16, {}, 32768),
    ("FFFF FFFE", DataType.INT32, {}, -2),
    ("FFFF FFFE", DataType.UINT32, {}, 4294967294),
    ("FFFF FFFF FFFF FFFD", DataType.INT64, {}, -3),
    ("FFFF FFFF FFFF FFFD", DataType.UINT64, {}, 18446744073709551613),
    ("0020 0000 0000 0001", DataType.INT64, {}, 9007199254740993),
    ("3C00", DataType.FLOAT16, {}, 1.0),
    ("C500", DataType.FLOAT16, {}, -5.0),
    ("9876", DataType.BCD16, {}, 9876),
    ("0000", DataType.BCD16, {}, 0),
    ("0123 4567", DataType.BCD32, {}, 1234567),
    ("8005", DataType.SIGN16, {}, -5),
    ("8000", DataType.SIGN16, {}, 0),
    ("8000 0005", DataType.SIGN32, {}, -5),
    ("7FFF FFFF", DataType.SIGN32, {}, 2147483647),
    ("0008", DataType.BOOL, {"bit": 3}, True),
    ("FFF7", DataType.BOOL, {"bit": 3}, False),
    ("8000", DataType.BOOL, {"bit": 15}, True),
    ("00A0", DataType.UINT16, {"bit": 5, "bit_count": 3}, 5),
    ("8001 0000", DataType.UINT32, {"bit": 16, "bit_count": 1}, 1),
    ("F000 0000 0000 0000", DataType.UINT64, {"bit": 60, "bit_count": 4}, 15),
    ("4142 4300", DataType.STRING, {"length": 4}, "ABC"),
    ("4142 4344", DataType.STRING, {"length": 3}, "ABC"),
    ("4142 2020", DataType.STRING, {"length": 4}, "AB"),
    ("0041", DataType.STRING, {"length": 2}, ""),
    ("6DC2 B300", DataType.STRING, {"length": 4}, "m³"),
]


@pytest.mark.parametrize(("registers", "kind", "fields", "value"), VECTORS)
def test_the_types(registers: str, kind: DataType, fields: dict[str, Any], value: Value) -> None:
    """MB-07. The last string is UTF-8."""
    found, status = alone(registers, kind, **fields)
    assert (found, status) == (value, GOOD)
    assert type(found) is type(value)


def test_a_string_may_have_its_low_bytes_first() -> None:
    assert alone("4241 0043", DataType.STRING, Order.BADC, length=4) == ("ABC", GOOD)


@pytest.mark.parametrize(
    ("registers", "length", "text"),
    [("6DB3", 2, "m\ufffd"), ("50FC 6D70", 4, "P\ufffdmp"), ("4F6C C3B8", 3, "Ol\ufffd"), ("4FE2 8200", 4, "O\ufffd")],
    ids=["Latin-1", "Latin-1 inside", "cut by the length", "cut by a NUL"],
)
def test_a_text_that_cannot_be_read_in_every_part_is_not_good(registers: str, length: int, text: str) -> None:
    """UA-03: which letter a byte of another code page stands for is a guess, and a guess is never Good."""
    assert alone(registers, DataType.STRING, length=length) == (text, UNCERTAIN)


def test_a_doubtful_text_leaves_its_neighbours_alone() -> None:
    text = Point(1, Table.HOLDING, 0, DataType.STRING, length=2)
    assert decoded(bytes.fromhex("6DB3 0007"), text, Point(2, Table.HOLDING, 1, DataType.UINT16)) == {
        1: ("m\ufffd", UNCERTAIN),
        2: (7, GOOD),
    }


@pytest.mark.parametrize("registers", ["0102", "1B5B", "FF9F", "410A", "20FF"])
def test_registers_without_text_are_no_text(registers: str) -> None:
    assert alone(registers, DataType.STRING, length=2) == (None, BAD_SENSOR_FAILURE)


@pytest.mark.parametrize(("registers", "kind"), [("12A4", DataType.BCD16), ("F234 5678", DataType.BCD32)])
def test_a_digit_above_nine_is_no_number(registers: str, kind: DataType) -> None:
    assert alone(registers, kind) == (None, BAD_SENSOR_FAILURE)


MISSING = [
    ("8000", DataType.INT16, 0x8000),
    ("FFFF", DataType.UINT16, 0xFFFF),
    ("8000 0000", DataType.INT32, 0x80000000),
    ("FFFF FFFF", DataType.UINT32, 0xFFFFFFFF),
    ("0000 0000", DataType.UINT32, 0),
    ("8000 0000 0000 0000", DataType.INT64, 0x8000000000000000),
    ("FFFF FFFF FFFF FFFF", DataType.UINT64, 0xFFFFFFFFFFFFFFFF),
    ("7FC0 0000", DataType.FLOAT32, 0x7FC00000),
    ("7FF8 0000 0000 0000", DataType.FLOAT64, 0x7FF8000000000000),
    ("FFFF", DataType.BCD16, 0xFFFF),
    ("0000 0000", DataType.STRING, 0),
]


@pytest.mark.parametrize(("registers", "kind", "missing"), MISSING)
def test_a_value_that_is_not_implemented_is_out_of_service(registers: str, kind: DataType, missing: int) -> None:
    """UA-03; the values are SunSpec's."""
    length = 4 if kind is DataType.STRING else 0
    assert alone(registers, kind, not_implemented=missing, length=length) == (None, BAD_OUT_OF_SERVICE)
    other = registers[:2] + ("1" if registers[2] != "1" else "2") + registers[3:]
    if kind is not DataType.STRING and kind is not DataType.BCD16:
        assert alone(other, kind, not_implemented=missing)[1] != BAD_OUT_OF_SERVICE


def test_a_bit_of_a_register_that_is_not_implemented_is_not_true() -> None:
    """UA-03: SunSpec's bitfield16 is FFFF where there is none."""
    bits: list[dict[str, Any]] = [{"bit": 3}, {}]
    for fields in bits:
        assert alone("FFFF", DataType.BOOL, not_implemented=0xFFFF, **fields) == (None, BAD_OUT_OF_SERVICE)
        assert alone("0008", DataType.BOOL, not_implemented=0xFFFF, **fields) == (True, GOOD)


FACTORS = [
    ("FFFE", 123.45, GOOD),
    ("FFF6", 0.0000012345, GOOD),
    ("0000", 12345.0, GOOD),
    ("0002", 1234500.0, GOOD),
    ("000A", 123450000000000.0, GOOD),
    ("8000", None, BAD_OUT_OF_SERVICE),
    ("000B", None, BAD_CONFIGURATION_ERROR),
    ("FFF5", None, BAD_CONFIGURATION_ERROR),
    ("7FFF", None, BAD_CONFIGURATION_ERROR),
]


@pytest.mark.parametrize(("factor", "value", "status"), FACTORS)
def test_a_scale_factor_is_a_power_of_ten_from_the_same_answer(factor: str, value: float | None, status: int) -> None:
    """UA-03, SunSpec: -10 to 10, and 8000 where there is none. Without it nothing is known of the value."""
    point = Point(1, Table.HOLDING, 40, DataType.UINT16, scale_address=42)
    other = Point(2, Table.HOLDING, 41, DataType.UINT16)
    assert decoded(bytes.fromhex(f"3039 0007 {factor}"), point, other) == {1: (value, status), 2: (7, GOOD)}
    before = replace(point, address=42, scale_address=40)
    assert decoded(bytes.fromhex(f"{factor} 0007 3039"), before, other) == {1: (value, status), 2: (7, GOOD)}


# -- against the slow decoder -------------------------------------------------------------------------------------

SHORT = [order for order in Order if not order.is_long]


@st.composite
def points(draw: st.DrawFn, address: int) -> Point:
    kind = draw(st.sampled_from(DataType))
    point = Point(0, Table.INPUT, address, kind)
    if kind is DataType.STRING:
        point = replace(point, length=draw(st.integers(1, 9)), order=draw(st.sampled_from([Order.ABCD, Order.BADC])))
    elif kind.registers == 4:
        point = replace(point, order=draw(st.sampled_from(Order)))
    elif kind.registers == 2:
        point = replace(point, order=draw(st.sampled_from(SHORT)))
    if kind is DataType.BOOL:
        point = replace(point, bit=draw(st.sampled_from([None, *range(16)])))
    elif kind in (DataType.INT8, DataType.UINT8):
        point = replace(point, bit=draw(st.sampled_from([None, 0, 8])))
    elif kind.is_unsigned and draw(st.booleans()):
        bit = draw(st.integers(0, 16 * kind.registers - 1))
        point = replace(point, bit=bit, bit_count=draw(st.integers(1, 16 * kind.registers - bit)))
    return point


@st.composite
def blocks(draw: st.DrawFn) -> tuple[list[Point], list[int]]:
    """Points that may share and overlap registers, and what the registers hold: often something special."""
    special = st.sampled_from([0, 0x8000, 0xFFFF, 0x7FC0, 0x7F80, 0x7FF8, 0x4142, 0x1234, 0x2000, 2, 0xFFFE, 0x6DB3])
    registers = draw(st.lists(st.one_of(st.integers(0, 65535), special), min_size=8, max_size=24))
    found = []
    for tag in range(draw(st.integers(1, 20))):
        point = replace(draw(points(draw(st.integers(0, len(registers) - 5)))), tag=tag)
        if draw(st.booleans()) and point.data_type.is_number:
            point = replace(point, scale_address=draw(st.integers(0, len(registers) - 1)))
        if draw(st.booleans()):
            point = replace(point, not_implemented=draw(st.sampled_from([0, 0x8000, 0xFFFF, 0x7FC00000, 0xFFFFFFFF])))
        found.append(point)
    return found, registers


def expected(point: Point, registers: list[int]) -> tuple[Value, int]:
    factor = registers[point.scale_address] if point.scale_address is not None else 0
    raw = slow_decoder.decoded(point, registers[point.address : point.end], factor)
    if isinstance(raw, str) and raw in BAD:
        return None, BAD[raw]
    if isinstance(raw, float) and not math.isfinite(raw):
        return None, BAD_SENSOR_FAILURE
    if isinstance(raw, str) and "\ufffd" in raw:
        return raw, UNCERTAIN
    return (raw + 0.0 if isinstance(raw, float) else raw), GOOD


@settings(max_examples=60)
@given(blocks())
def test_what_a_device_holds_is_what_comes_out(block: tuple[list[Point], list[int]]) -> None:
    """MB-07: every type in every order, with scale factors and values that are not implemented, also overlapping."""
    found_points, registers = block
    decoder = Decoder(Read(Table.INPUT, 0, len(registers), tuple(found_points)))
    values, statuses = decoder.decode(struct.pack(f">{len(registers)}H", *registers))
    found = dict(zip([p.tag for p in decoder.points], zip(values, statuses or [GOOD] * 99, strict=False), strict=True))
    assert set(found) == {p.tag for p in found_points}
    for point in found_points:
        value, status = found[point.tag]
        wanted, wanted_status = expected(point, registers)
        assert status == wanted_status
        if point.scale_address is not None and wanted is not None:
            assert value == pytest.approx(wanted, rel=1e-15)
            assert type(value) is float
        else:
            assert value == wanted
            assert type(value) is type(wanted)
        assert str(value) != "-0.0"


@settings(max_examples=60)
@given(blocks(), st.data())
def test_the_steps_end_in_what_the_decoder_says(block: tuple[list[Point], list[int]], data: st.DataObject) -> None:
    """What a page tells of the way is the way: every number in the steps is the decoder's own."""
    found_points, registers = block
    limits: dict[str, Any] = {"eu_min": -100.0, "eu_max": 100.0, "clamp": data.draw(st.booleans())}
    point = replace(found_points[0], **(limits if found_points[0].data_type.is_number else {}))
    read = read_of(point)
    words = registers[read.address : read.address + read.count]
    values, statuses = Decoder(read).decode(struct.pack(f">{len(words)}H", *words))
    steps = explain(point, words)
    assert (steps[-1].value, steps[-1].status) == (values[0], statuses[0] if statuses else GOOD)
    assert steps[0].name == "Registers"
    assert all(step.name and step.text and step.status is None for step in steps[:-1])
    wanted, status = expected(replace(point, eu_min=None, eu_max=None), registers)
    if status == GOOD and not isinstance(wanted, str):
        told = [step for step in steps[1:-1] if step.name != "Range" and not step.name.startswith("Order")]
        assert float(told[-1].text.split()[-1]) == pytest.approx(float(wanted or 0), rel=1e-14)


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 1000))
def test_bits_come_lowest_first(states: list[bool], start: int) -> None:
    found_points = [Point(i, Table.COIL, start + i, DataType.BOOL) for i in range(len(states))]
    packed = bytearray((len(states) + 7) // 8)
    for i, state in enumerate(states):
        packed[i // 8] |= state << i % 8
    found = decoded(bytes(packed), *found_points)
    assert [found[i] for i in range(len(states))] == [(state, GOOD) for state in states]


def test_tags_may_share_and_overlap_registers() -> None:
    found = decoded(
        bytes.fromhex("47F12000"),
        Point(1, Table.HOLDING, 0, DataType.FLOAT32),
        Point(2, Table.HOLDING, 0, DataType.FLOAT32, scale=2),
        Point(3, Table.HOLDING, 1, DataType.UINT16),
        Point(4, Table.HOLDING, 0, DataType.BOOL),
        *(Point(10 + i, Table.HOLDING, 1, DataType.BOOL, bit=i) for i in range(16)),
    )
    assert [found[tag][0] for tag in (1, 2, 3, 4)] == [123456.0, 246912.0, 0x2000, True]
    assert [tag - 10 for tag in range(10, 26) if found[tag][0]] == [13]


def test_a_read_with_holes_is_decoded_by_address() -> None:
    read = Read(Table.HOLDING, 100, 4, (Point(1, Table.HOLDING, 101, DataType.UINT16),))
    assert Decoder(read).decode(bytes.fromhex("0001000200030004"))[0] == [2]


# -- engineering units --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_a_sensor_failure_of_its_own_tag_only(kind: DataType, number: float) -> None:
    """UA-03. Also where the range would hold it."""
    letter, width = {"float16": ("e", 1), "float32": ("f", 2), "float64": ("d", 4)}[kind.value]
    wire = struct.pack(f">2{letter}", number, 1.5)
    found_points = [Point(i, Table.HOLDING, width * i, kind, eu_min=0, eu_max=9, clamp=True) for i in range(2)]
    assert decoded(wire, *found_points) == {0: (None, BAD_SENSOR_FAILURE), 1: (1.5, GOOD)}


def test_an_integer_without_scale_stays_an_integer_and_one_with_scale_becomes_a_float() -> None:
    assert alone("FFFF FFFF", DataType.UINT32) == (4294967295, GOOD)
    scaled, _ = alone("007B", DataType.INT16, scale=0.5, offset=-1)
    assert scaled == 60.5
    assert isinstance(scaled, float)


@pytest.mark.parametrize(
    ("raw", "status"),
    [(10, GOOD), (50, GOOD), (9, UNCERTAIN_EU_EXCEEDED | LIMIT_LOW), (51, UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH)],
)
def test_a_value_beyond_its_range_is_shown_and_marked(raw: int, status: int) -> None:
    """UA-03: the value stays, the limit bits say which end."""
    assert alone(f"{raw:04X}", DataType.UINT16, eu_min=10, eu_max=50) == (raw, status)


@pytest.mark.parametrize(
    ("raw", "value", "status"),
    [(10, 10, GOOD), (50, 50, GOOD), (9, 10, GOOD_CLAMPED | LIMIT_LOW), (51, 50, GOOD_CLAMPED | LIMIT_HIGH)],
)
def test_a_value_that_is_clamped_is_held_at_the_end_and_marked(raw: int, value: int, status: int) -> None:
    """UA-03."""
    found = alone(f"{raw:04X}", DataType.UINT16, eu_min=10, eu_max=50, clamp=True)
    assert found == (value, status)
    assert isinstance(found[0], int)


@pytest.mark.parametrize(
    ("raw", "value", "status"),
    [
        (6400, 0.0, GOOD),
        (32000, 8.3, GOOD),
        (19200, 4.15, GOOD),
        (6399, pytest.approx(-0.00032, rel=0.05), UNCERTAIN_EU_EXCEEDED | LIMIT_LOW),
        (32001, pytest.approx(8.30032), UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH),
    ],
)
def test_a_raw_range_stands_for_the_range(raw: int, value: float, status: int) -> None:
    found = alone(f"{raw:04X}", DataType.UINT16, raw_min=6400, raw_max=32000, eu_min=0.0, eu_max=8.3)
    assert found == (value, status)


def test_a_raw_range_may_run_the_other_way() -> None:
    fields: dict[str, Any] = {"raw_min": 100, "raw_max": 0, "eu_min": 5.0, "eu_max": 10.0}
    assert [alone(f"{raw:04X}", DataType.UINT16, **fields)[0] for raw in (0, 50, 100)] == [10.0, 7.5, 5.0]


ends = st.floats(-1e9, 1e9)


@given(
    st.integers(-32768, 32767), st.integers(-32768, 32767), ends, st.floats(1e-3, 1e9), st.integers(-32768, 32767),
    st.booleans(),
)  # fmt: skip
def test_within_the_raw_range_a_value_is_within_its_range_to_the_last_digit(
    raw_min: int, raw_max: int, low: float, width: float, raw: int, clamp: bool
) -> None:
    """Rounding never makes a full tank doubtful, and an impossible range gives no value."""
    fields: dict[str, Any] = {
        "raw_min": raw_min,
        "raw_max": raw_max,
        "eu_min": low,
        "eu_max": low + width,
        "clamp": clamp,
    }
    value, status = alone(f"{raw & 0xFFFF:04X}", DataType.INT16, **fields)
    if raw_min == raw_max:
        assert (value, status) == (None, BAD_CONFIGURATION_ERROR)
    elif min(raw_min, raw_max) <= raw <= max(raw_min, raw_max):
        assert status == GOOD
        assert isinstance(value, float)
        assert low <= value <= low + width
    elif clamp:
        assert status in (GOOD, GOOD_CLAMPED | LIMIT_LOW, GOOD_CLAMPED | LIMIT_HIGH)
        assert value in (low, low + width)


@given(
    st.floats(width=32),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
def test_scaling_never_yields_an_infinity_or_a_negative_zero(
    raw: float, scale: float, offset: float, clamp: bool
) -> None:
    registers = struct.pack(">f", raw).hex()
    value, status = alone(
        registers, DataType.FLOAT32, scale=scale, offset=offset, clamp=clamp, eu_max=-0.0 if clamp else None
    )
    if value is None:
        assert status == (BAD_CONFIGURATION_ERROR if math.isfinite(raw) else BAD_SENSOR_FAILURE)
    else:
        assert isinstance(value, float)
        assert is_good(status)
        assert math.isfinite(value)
        assert math.copysign(1, value) == 1 or value < 0


def test_large_finite_values_are_not_taken_for_a_failure() -> None:
    found_points = [Point(i, Table.HOLDING, 2 * i, DataType.FLOAT32, scale=1e269) for i in range(60)]
    found = decoded(struct.pack(">f", 3e38) * 60, *found_points)
    assert all(status == GOOD and value is not None for value, status in found.values())
