"""Whole numbers as few bytes, and back. Pure. docs/history.md ("A chunk, byte by byte") is written for outsiders.

A column is turned into what is hard to foretell of it: distances from the middle (order 0), steps (order 1) or changes
of the step (order 2); of these, each folded to a whole number >= 0, the lowest bytes are packed together, then the
second lowest and so on. All arithmetic is modulo 2^64, so nothing can overflow.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_NOTHING: Final = np.empty(0, np.int64)

_SAME, _RAW, _DEFLATED = 0, 1, 2
"""How a plane of bytes is packed: one byte that all are; as they are; deflated (RFC 1951)."""
_NARROW: Final = 2
"""Bytes a number up to which each order is tried; with more the estimate is near enough, and the time is missed."""
_LIKELY: Final = 1.4
"""Orders whose estimate is worse than the best by more than this, and eight bytes, are not tried."""
_ORDERS: Final = (0, 1, 2)
_LONGEST_VARINT: Final = 10
_MANY, _NOISE = 1024, 7.8
"""Of so many bytes with so many bits each nothing is to be saved; trying would cost most of the time there is."""


class Unreadable(Exception):
    """Bytes that pack() never writes."""


class Reader:
    """Reads from the beginning of `raw` to its end, and never beyond."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._raw[self._at : self._at + size]
        if len(taken) != size:
            raise Unreadable(f"{size} bytes are expected at byte {self._at}, and {len(taken)} are there")
        self._at += size
        return taken

    def byte(self) -> int:
        at = self._at
        if at >= len(self._raw):
            raise Unreadable(f"a byte is expected at byte {at}, and nothing is there")
        self._at = at + 1
        return self._raw[at]

    def natural(self, most: int = 2**64 - 1) -> int:
        """LEB128: seven bits a byte, lowest first, the high bit says that another byte follows."""
        number = 0
        for place in range(_LONGEST_VARINT):
            byte = self.byte()
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if number > most:
                    raise Unreadable(f"{number} stands where at most {most} can be")
                return number
        raise Unreadable(f"a number does not end before byte {self._at}")

    def whole(self) -> int:
        """Zigzag: 0, -1, 1, -2, 2 … as 0, 1, 2, 3, 4 …"""
        folded = self.natural()
        return (folded >> 1) ^ -(folded & 1)

    def rest(self) -> bytes:
        rest, self._at = self._raw[self._at :], len(self._raw)
        return rest

    def end(self) -> None:
        if self._at != len(self._raw):
            raise Unreadable(f"{len(self._raw) - self._at} bytes follow where the end is expected")


def natural(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def whole(number: int) -> bytes:
    """`number` within int64."""
    return natural((number << 1) ^ (number >> 63))


def pack(column: Ints, orders: Sequence[int] = _ORDERS) -> bytes:
    """`orders`: those to choose from. The length of the column is not in the bytes: unpack() is told it."""
    if not len(column):
        return b""
    made = [_Ordered(column, order) for order in orders if order < len(column)] or [_Ordered(column, 0)]
    best = min(made, key=lambda one: one.estimate)
    if best.width > _NARROW or not best.width:
        return best.packed()
    likely = (one for one in made if one.width <= _NARROW and one.estimate <= _LIKELY * best.estimate + 64)
    return min((one.packed() for one in likely), key=len)


class _Ordered:
    """A column in one order."""

    def __init__(self, column: Ints, order: int) -> None:
        self.order = order
        self.heads: list[int] = []
        for _ in range(order):
            self.heads.append(int(column[0]))
            column = np.diff(column)
        self.middle = int(np.partition(column, len(column) // 2)[len(column) // 2])
        off = column - self.middle
        self.folded = ((off << 1) ^ (off >> 63)).view(np.uint64)
        self.width = (int(self.folded.max()).bit_length() + 7) // 8
        self.estimate = float(np.log2(self.folded + 1.0).sum()) + 8 * order

    def packed(self) -> bytes:
        head = bytes([self.order | self.width << 2]) + b"".join(map(whole, self.heads)) + whole(self.middle)
        planes = self.folded.astype("<u8").view(np.uint8).reshape(-1, 8).T
        return head + b"".join(pack_bytes(planes[place].tobytes()) for place in range(self.width))


class Packed:
    """A column that was found, and is not reckoned yet: fill() does that for many at once."""

    __slots__ = ("count", "heads", "middle", "planes", "values")

    def __init__(self, count: int, heads: list[int], middle: int, planes: list[bytes]) -> None:
        self.count, self.heads, self.middle, self.planes = count, heads, middle, planes
        self.values: Ints = _NOTHING


def find(reader: Reader, count: int) -> Packed:
    if not count:
        return Packed(0, [], 0, [])
    head = reader.byte()
    order, width = head & 3, head >> 2
    if order not in _ORDERS or order >= count or width > 8:
        raise Unreadable(f"a column of {count} begins with {head}")
    heads = [reader.whole() for _ in range(order)]
    return Packed(count, heads, reader.whole(), [unpack_bytes(reader, count - order) for _ in range(width)])


def fill(columns: Iterable[Packed]) -> None:
    """Sets `values` of each. One go for all that have the same length, order and width: of a few dozen numbers each,
    the calls would take far longer than the arithmetic."""
    alike: dict[tuple[int, int, int], list[Packed]] = {}
    for column in columns:
        if column.count:
            alike.setdefault((column.count, len(column.heads), len(column.planes)), []).append(column)
    for (count, order, width), some in alike.items():
        for column, values in zip(some, _reckoned(some, count, order, width), strict=True):
            column.values = values


def _reckoned(columns: Sequence[Packed], count: int, order: int, width: int) -> Ints:
    """A row each."""
    planes = np.frombuffer(b"".join(plane for column in columns for plane in column.planes), np.uint8)
    table = np.zeros((len(columns), count - order, 8), np.uint8)
    table[:, :, :width] = planes.reshape(len(columns), width, count - order).transpose(0, 2, 1)
    folded = table.view("<u8")[:, :, 0].astype(np.uint64)
    rows = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
    rows += _upright([column.middle for column in columns])
    for place in reversed(range(order)):
        first = _upright([column.heads[place] for column in columns])
        rows = np.cumsum(np.concatenate([first, rows], axis=1), axis=1, dtype=np.int64)
    return rows


def _upright(numbers: list[int]) -> Ints:
    return np.array(numbers, np.int64).reshape(-1, 1)


def unpack(reader: Reader, count: int) -> Ints:
    column = find(reader, count)
    if not column.heads and not column.planes:
        return np.full(count, column.middle, np.int64)
    fill([column])
    return column.values


def pack_bytes(plane: bytes) -> bytes:
    """The length is not in the bytes."""
    if plane == plane[:1] * len(plane):
        return bytes([_SAME]) + plane[:1]
    entropy = _entropy(plane)
    if len(plane) >= _MANY and entropy > _NOISE:
        return bytes([_RAW]) + plane
    packed = _deflated(plane, zlib.Z_DEFAULT_STRATEGY)
    if len(packed) * 8 > entropy * len(plane):  # nothing comes again: what is spent on saying so can be saved
        packed = min(packed, _deflated(plane, zlib.Z_HUFFMAN_ONLY), key=len)
    if len(packed) >= len(plane):
        return bytes([_RAW]) + plane
    return bytes([_DEFLATED]) + natural(len(packed)) + packed


def _deflated(plane: bytes, strategy: int) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 8, strategy)
    return packer.compress(plane) + packer.flush()


def _entropy(plane: bytes) -> float:
    """Bits a byte, were each for itself."""
    shares = np.bincount(np.frombuffer(plane, np.uint8), minlength=256) / len(plane)
    return -float((shares * np.log2(np.where(shares > 0, shares, 1.0))).sum())


def unpack_bytes(reader: Reader, count: int) -> bytes:
    how = reader.byte()
    if how == _SAME:
        return reader.take(1) * count if count else b""
    if how == _RAW:
        return reader.take(count)
    if how != _DEFLATED:
        raise Unreadable(f"bytes packed by way {how} are not known")
    return inflated(reader.take(reader.natural(count)), count)


def inflated(packed: bytes, count: int) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(packed, count + 1)
    except zlib.error as error:
        raise Unreadable(f"deflated bytes cannot be unpacked ({error})") from error
    if len(plain) != count or not unpacker.eof or unpacker.unused_data:
        raise Unreadable(f"deflated bytes are not the {count} that are expected")
    return plain
