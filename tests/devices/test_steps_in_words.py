"""MB-07: the way from registers to the value, told in words (the tag page and "read now")."""

import pytest

from devices.decode import explain
from devices.points import DataType, Order, Point, Table


def told(point: Point, *words: int) -> list[tuple[str, str]]:
    return [(step.name, step.text) for step in explain(point, words)]


def test_the_steps_of_a_scaled_number() -> None:
    point = Point(1, Table.HOLDING, 40, DataType.INT32, Order.CDAB, scale=0.5, offset=1, eu_max=10)
    assert told(point, 0x0028, 0x0000) == [
        ("Registers", "holding 40 to 41: 0028 0000"),
        ("Order CDAB", "0000 0028"),
        ("As int32", "40"),
        ("Scaling", "40 × 0.5 + 1 is 21.0"),
        ("Range", "above 10, so the value is doubtful"),
        ("Result", "21.0"),
    ]


def test_the_steps_of_a_sunspec_value_and_of_one_that_is_not_implemented() -> None:
    point = Point(1, Table.HOLDING, 72, DataType.INT16, scale_address=74, not_implemented=0x8000)
    assert told(point, 2301, 0, 0xFFFF) == [
        ("Registers", "holding 72: 08FD"),
        ("As int16", "2301"),
        ("Scale factor at 74", "-1: × 10^-1 is 230.1"),
        ("Result", "230.1"),
    ]
    assert told(point, 0x8000, 0, 0xFFFF)[1] == (
        "Not implemented",
        "0x8000 means that the device has no such value",
    )
    assert "the value cannot be known" in told(point, 2301, 0, 0x8000)[2][1]


def test_the_steps_of_bits_bytes_texts_and_ranges() -> None:
    field = Point(1, Table.HOLDING, 3, DataType.UINT16, bit=4, bit_count=3)
    assert told(field, 0x0050)[1] == ("Bits 4 to 6", "101 is 5")
    assert told(Point(1, Table.HOLDING, 3, DataType.BOOL, bit=6), 0x0040)[1] == ("Bit 6", "1")
    assert told(Point(1, Table.HOLDING, 3, DataType.INT8, bit=8), 0x80FF)[1:3] == [
        ("High byte", "80"),
        ("As int8", "-128"),
    ]
    text = Point(1, Table.HOLDING, 3, DataType.STRING, Order.BADC, length=3)
    assert told(text, 0x4241, 0x0043)[1:] == [("Order BADC", "4142 43"), ("Text", "'ABC'"), ("Result", "ABC")]
    latin = told(Point(1, Table.HOLDING, 3, DataType.STRING, length=2), 0x6DB3)
    assert latin[1][1].startswith("'m\ufffd', not all of it is UTF-8")
    assert latin[-1] == ("Result", "m\ufffd")
    level = Point(1, Table.INPUT, 3, DataType.UINT16, raw_min=0, raw_max=1000, eu_min=0, eu_max=8, clamp=True)
    assert told(level, 1001)[2:] == [
        ("Raw range", "0 … 1000 stands for 0 … 8: 8.008000000000001"),
        ("Range", "above 8, held there"),
        ("Result", "8.0"),
    ]
    assert told(Point(1, Table.COIL, 3, DataType.BOOL), 1) == [("Bit", "coil 3 is 1"), ("Result", "True")]
    assert "digit above 9" in told(Point(1, Table.HOLDING, 3, DataType.BCD16), 0xA000)[1][1]


def test_steps_are_told_of_the_whole_value_only() -> None:
    with pytest.raises(ValueError, match="1 registers instead of the 2"):
        explain(Point(1, Table.HOLDING, 40, DataType.INT32), [1])
    with pytest.raises(ValueError, match="does not go together"):
        explain(Point(1, Table.HOLDING, 40, DataType.INT16, bit=3), [1])
