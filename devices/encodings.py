"""What the bits of a value say: from the bytes of its registers to a number, a text or a state. Pure (MB-07).

Seen as bytes, the four short orders are two formats over two buffers: ABCD is big-endian and DCBA little-endian as it
stands; BADC is big-endian and CDAB little-endian after the two bytes of every register have changed places. The four
long orders are the same four with the halves of eight bytes exchanged.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from bus.quality import BAD_OUT_OF_SERVICE, BAD_SENSOR_FAILURE, UNCERTAIN
from devices.points import DataType, Order, Point

_PLAIN: Final = {
    DataType.BOOL: "H",
    DataType.INT8: "b",
    DataType.UINT8: "B",
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.INT64: "q",
    DataType.UINT64: "Q",
    DataType.FLOAT16: "e",
    DataType.FLOAT32: "f",
    DataType.FLOAT64: "d",
}
"""Types that struct reads by itself, and its letter for them."""
_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_BIG: Final = ">"
_LITTLE: Final = "<"
_FORMAT: Final = {
    Order.ABCD: (_BIG, False),
    Order.DCBA: (_LITTLE, False),
    Order.BADC: (_BIG, True),
    Order.CDAB: (_LITTLE, True),
    Order.EFGHABCD: (_BIG, False),
    Order.FEHGBADC: (_BIG, True),
    Order.CDABGHEF: (_LITTLE, True),
    Order.DCBAHGFE: (_LITTLE, False),
}
"""Order -> (endianness, whether the bytes of each register change places first)."""
_SIGNED: Final = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64)
REPLACEMENT: Final = "\ufffd"
"""Stands for bytes of a text that could not be read."""
_BCD: Final = (DataType.BCD16, DataType.BCD32)
_SIGN_MAGNITUDE: Final = (DataType.SIGN16, DataType.SIGN32)


@dataclass(frozen=True, slots=True)
class Bad:
    """In place of a value: there is none, and why."""

    status: int


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A text of which not every byte could be read: what could, and the status that says so."""

    text: str
    status: int = UNCERTAIN


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A piece of a read that struct unpacks at once. `offset` in bytes from the beginning of the read."""

    endian: str
    is_swapped: bool
    offset: int
    size: int
    letter: str


def size_of(point: Point) -> int:
    """Bytes of the value."""
    if point.data_type is DataType.STRING:
        return point.length
    return 1 if point.data_type in (DataType.INT8, DataType.UINT8) else 2 * point.registers


def cell_of(point: Point, base: int) -> Cell:
    """Where the value stands in a read of registers that begins at the address `base`."""
    endian, is_swapped = _FORMAT[point.order]
    offset, size = 2 * (point.address - base), size_of(point)
    if point.data_type is DataType.STRING or point.order.is_long:
        return Cell(endian, is_swapped, offset, size, f"{size}s")
    if size == 1 and ((point.bit or 0) < 8) == (endian == _BIG):
        offset += 1
    letter = _UNSIGNED[size] if _is_read_as_bits(point) else _PLAIN[point.data_type]
    return Cell(endian, is_swapped, offset, size, letter)


def _is_read_as_bits(point: Point) -> bool:
    return point.not_implemented is not None or point.bit_count is not None or point.data_type not in _PLAIN


def mask_of(point: Point) -> int | None:
    """Of a bool in a register: the bits that make it true. A bool without bit is true when any of them is set."""
    if point.data_type is not DataType.BOOL or point.not_implemented is not None:
        return None
    return 0xFFFF if point.bit is None else 1 << point.bit


def converter_of(point: Point) -> Callable[[Any], Any] | None:
    """What turns a cell into a value or Bad, where struct alone does not do it."""
    if point.data_type is DataType.STRING:
        return _text_converter(point)
    if not _is_read_as_bits(point) and not point.order.is_long:
        return None
    missing, meaning = point.not_implemented, meaning_of(point)
    joined = halves_exchanged(point) if point.order.is_long else None

    def convert(raw: Any) -> Any:
        bits = raw if joined is None else joined(raw)
        return Bad(BAD_OUT_OF_SERVICE) if bits == missing else meaning(bits)

    return convert


def _text_converter(point: Point) -> Callable[[bytes], Any]:
    is_empty_missing = point.not_implemented is not None

    def convert(raw: bytes) -> Any:
        if is_empty_missing and raw[:1] in (b"\0", b""):
            return Bad(BAD_OUT_OF_SERVICE)
        return text_of(raw)

    return convert


def halves_exchanged(point: Point) -> Callable[[bytes], int]:
    """Of the long orders: eight bytes as they stand in their buffer, into bits."""
    unpack = Struct(f"{_FORMAT[point.order][0]}Q").unpack
    return lambda raw: int(unpack(raw[4:] + raw[:4])[0])


def bits_of(point: Point, registers: bytes) -> int:
    """The bits of a value, unsigned and in their right order, from its registers as they came. Not of a string."""
    cell = cell_of(point, point.address)
    buffer = swapped(registers) if cell.is_swapped else registers
    own = buffer[cell.offset : cell.offset + cell.size]
    if point.order.is_long:
        return halves_exchanged(point)(own)
    return int.from_bytes(own, "big" if cell.endian == _BIG else "little")


def text_bytes(point: Point, registers: bytes) -> bytes:
    """The bytes of a string in their right order, from its registers as they came."""
    return (swapped(registers) if _FORMAT[point.order][1] else registers)[: point.length]


def swapped(registers: bytes) -> bytes:
    """The two bytes of each register, exchanged."""
    words = array("H", registers)
    words.byteswap()
    return words.tobytes()


def meaning_of(point: Point) -> Callable[[int], Any]:
    """What the bits of a value, unsigned and in their right order, stand for: a number, a state, or Bad."""
    kind, width = point.data_type, 8 * size_of(point)
    if point.bit_count is not None:
        first, mask = point.bit or 0, (1 << point.bit_count) - 1
        return lambda bits: bits >> first & mask
    if kind is DataType.BOOL:
        mask = 0xFFFF if point.bit is None else 1 << point.bit
        return lambda bits: bits & mask != 0
    if kind in _BCD:
        return _decimal
    if kind in _SIGN_MAGNITUDE:
        sign = 1 << width - 1
        return lambda bits: sign - bits if bits & sign else bits
    if kind in _SIGNED:
        sign = 1 << width - 1
        return lambda bits: (bits ^ sign) - sign
    if kind.is_float:
        pack, unpack = Struct(f">{_UNSIGNED[width // 8]}").pack, Struct(f">{_PLAIN[kind]}").unpack
        return lambda bits: unpack(pack(bits))[0]
    return lambda bits: bits


def _decimal(bits: int) -> int | Bad:
    digits = f"{bits:x}"
    return int(digits) if digits.isdecimal() else Bad(BAD_SENSOR_FAILURE)


def text_of(raw: bytes) -> str | Doubtful | Bad:
    """The text before the first NUL, without blanks at its end, as UTF-8.

    Bytes that are none (another code page, a character cut at the end) become U+FFFD and make the text doubtful: any
    letter in their place would be a guess. Registers that hold no text (a character that cannot be shown, no character
    that can be read) are Bad: numbers must not come out as letters.
    """
    raw = raw.partition(b"\0")[0]
    text = raw.decode("utf-8", "replace").replace("\u00a0", " ").rstrip(" ")
    if not text.isprintable():
        return Bad(BAD_SENSOR_FAILURE)
    if REPLACEMENT not in text:
        return text
    return Doubtful(text) if text.strip(f"{REPLACEMENT} ") else Bad(BAD_SENSOR_FAILURE)
