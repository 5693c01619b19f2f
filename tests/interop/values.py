"""Every data type in every order, as registers and as what a person must read.

Encoded by nothing of ours: each order is spelled out in letters, A being the highest byte of the value.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bus.messages import Value
from bus.quality import BAD_OUT_OF_SERVICE, BAD_SENSOR_FAILURE, GOOD, GOOD_CLAMPED, LIMIT_HIGH, UNCERTAIN_EU_EXCEEDED
from devices.points import DataType, Order, Point, Table

FOUR: Final = {Order.ABCD: "ABCD", Order.CDAB: "CDAB", Order.BADC: "BADC", Order.DCBA: "DCBA"}
EIGHT: Final = {
    Order.ABCD: "ABCDEFGH", Order.CDAB: "GHEFCDAB", Order.BADC: "BADCFEHG", Order.DCBA: "HGFEDCBA",
    **{order: order.value for order in Order if len(order.value) == 8},
}  # fmt: skip
ONE_REGISTER: Final[dict[DataType, tuple[tuple[int, Value], tuple[int, Value]]]] = {
    DataType.INT16: ((0xFF85, -123), (0x7FFF, 32767)),
    DataType.UINT16: ((0xFFFF, 65535), (0, 0)),
    DataType.FLOAT16: ((0x3E00, 1.5), (0xC500, -5.0)),
    DataType.BCD16: ((0x9876, 9876), (0x0010, 10)),
    DataType.SIGN16: ((0x8001, -1), (0x7FFF, 32767)),
}
TWO_REGISTERS: Final[dict[DataType, tuple[tuple[int, Value], tuple[int, Value]]]] = {
    DataType.INT32: ((0xFFFE1DC0, -123456), (0x0001E240, 123456)),
    DataType.UINT32: ((0x80000001, 0x80000001), (2, 2)),
    DataType.FLOAT32: ((0x47F12000, 123456.0), (0xBE200000, -0.15625)),
    DataType.BCD32: ((0x12345678, 12345678), (0x90000009, 90000009)),
    DataType.SIGN32: ((0x80000102, -258), (0x7FFFFFFF, 2147483647)),
}
FOUR_REGISTERS: Final[dict[DataType, tuple[tuple[int, Value], tuple[int, Value]]]] = {
    DataType.INT64: ((0xFFFFFFFFFFFFFF85, -123), (0x0102030405060708, 0x0102030405060708)),
    DataType.UINT64: ((0xFEDCBA9876543210, 0xFEDCBA9876543210), (1, 1)),
    DataType.FLOAT64: ((0x40FE240C9FBE76C9, 123456.789), (0xC000000000000000, -2.0)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """`words`: the registers or the bit, `value` and `status` what becomes of them; `other`: another such triple."""

    point: Point
    words: tuple[int, ...]
    value: Value
    other_words: tuple[int, ...]
    other: Value
    status: int = GOOD
    other_status: int = GOOD

    @property
    def changed(self) -> "Place":
        return replace(
            self, words=self.other_words, value=self.other, status=self.other_status,
            other_words=self.words, other=self.value, other_status=self.status,
        )  # fmt: skip


def words_of(raw: int, letters: str) -> tuple[int, ...]:
    big = raw.to_bytes(len(letters), "big")
    wire = bytes(big[ord(letter) - ord("A")] for letter in letters)
    return struct.unpack(f">{len(wire) // 2}H", wire)


def is_same(shown: Value, value: Value) -> bool:
    if isinstance(value, bool | str) or value is None or isinstance(shown, bool | str) or shown is None:
        return type(shown) is type(value) and shown == value
    return math.isclose(shown, value, rel_tol=1e-9)


def numbers() -> Iterator[Place]:
    """Every number type in every order, one after the other from holding register 0."""
    at = 0
    for kinds, orders in ((ONE_REGISTER, {Order.ABCD: "AB"}), (TWO_REGISTERS, FOUR), (FOUR_REGISTERS, EIGHT)):
        for data_type, ((raw, value), (other_raw, other)) in kinds.items():
            for order, letters in orders.items():
                point = Point(0, Table.HOLDING, at, data_type, order)
                yield Place(point, words_of(raw, letters), value, words_of(other_raw, letters), other)
                at += data_type.registers


def _of(address: int, data_type: DataType, table: Table = Table.HOLDING, **fields: object) -> Point:
    return replace(Point(0, table, address, data_type), **fields)  # type: ignore[arg-type]  # fields of Point by name


def others() -> Iterator[Place]:
    """What is not a plain number: bytes, bits, texts, scaled and doubtful values."""
    u16, i16 = DataType.UINT16, DataType.INT16
    yield Place(_of(300, DataType.INT8, bit=0), (0x7FFE,), -2, (0x017F,), 127)
    yield Place(_of(300, DataType.UINT8, bit=8), (0x7FFE,), 0x7F, (0x017F,), 1)
    yield Place(_of(301, DataType.BOOL, bit=0), (0x8000,), False, (0x0001,), True)
    yield Place(_of(301, DataType.BOOL, bit=15), (0x8000,), True, (0x0001,), False)
    yield Place(_of(302, u16, bit=4, bit_count=3), (0xFF5F,), 5, (0x0020,), 2)
    yield Place(_of(303, DataType.STRING, length=6), (0x5075, 0x6D70, 0x3100), "Pump1", (0x4F6B, 0, 0), "Ok")
    yield Place(
        _of(306, DataType.STRING, length=6, order=Order.BADC), (0x7550, 0x706D, 0x0031), "Pump1", (0x6B4F, 0, 0), "Ok"
    )
    yield Place(_of(310, i16, scale=0.1, offset=5.0), (0xFF85,), -7.3, (250,), 30.0)
    yield Place(
        _of(311, u16, raw_min=0, raw_max=27648, eu_min=0, eu_max=10), (13824,), 5.0, (28000,),
        28000 * 10 / 27648, other_status=UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH,
    )  # fmt: skip
    yield Place(
        _of(312, u16, raw_min=0, raw_max=27648, eu_min=0, eu_max=10, clamp=True), (13824,), 5.0, (28000,),
        10.0, other_status=GOOD_CLAMPED | LIMIT_HIGH,
    )  # fmt: skip
    yield Place(_of(313, i16, not_implemented=0x8000), (0x8000,), None, (7,), 7, status=BAD_OUT_OF_SERVICE)
    yield Place(_of(314, DataType.FLOAT32), (0x7FC0, 0), None, (0x3F80, 0), 1.0, status=BAD_SENSOR_FAILURE)
    yield Place(_of(316, DataType.FLOAT32), (0xFF80, 0), None, (0x3F80, 0), 1.0, status=BAD_SENSOR_FAILURE)
    yield Place(_of(318, DataType.BCD16), (0x12A4,), None, (0x1234,), 1234, status=BAD_SENSOR_FAILURE)
    yield Place(_of(320, i16, scale_address=321), (0x0929, 0xFFFE), 23.45, (0x0929, 1), 23450.0)
    yield Place(_of(450, u16), (4242,), 4242, (2424,), 2424)
    yield Place(_of(3, u16, Table.INPUT), (777,), 777, (778,), 778)
    yield Place(_of(11, DataType.BOOL, Table.COIL), (1,), True, (0,), False)
    yield Place(_of(5, DataType.BOOL, Table.DISCRETE), (0,), False, (1,), True)


def places() -> list[Place]:
    found = [*numbers(), *others()]
    return [replace(place, point=replace(place.point, tag=i + 1)) for i, place in enumerate(found)]
