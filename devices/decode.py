"""From the bytes of one answer to values: one unpack for each byte order in the block. Pure (MB-07).

Seen as bytes, the four orders are two formats over two buffers: ABCD is big-endian and DCBA little-endian as it
stands; BADC is big-endian and CDAB little-endian after the two bytes of every register have changed places.
"""

from array import array
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from bus.messages import Value
from devices.plan import Read
from devices.points import DataType, Order, Point
from devices.scale import Scaler

_LETTER: Final = {
    DataType.BOOL: "H",
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.FLOAT32: "f",
}
_FORMAT: Final = {
    Order.ABCD: (">", False),
    Order.DCBA: ("<", False),
    Order.BADC: (">", True),
    Order.CDAB: ("<", True),
}
"""Order -> (endianness, whether the bytes of each register change places first)."""


class Decoder:
    """Everything about one read that can be prepared. `points` says in which order `decode()` gives the values."""

    def __init__(self, read: Read) -> None:
        self.points: tuple[Point, ...]
        if read.table.is_bits:
            self.points = read.points
            offsets = [p.address - read.address for p in read.points]
            self._cells = [(o // 8, 1 << o % 8) for o in offsets]
            self._unpacks: list[tuple[Struct, bool]] = []
        else:
            self._cells = []
            self.points, self._unpacks = _compiled(read)
        self._needs_swap = any(is_swapped for _, is_swapped in self._unpacks)
        self._flags = [i for i, p in enumerate(self.points) if p.data_type is DataType.BOOL and not read.table.is_bits]
        self._scaler = Scaler(self.points)

    def decode(self, payload: bytes) -> tuple[list[Value], list[int] | None]:
        """Values and statuses (None: all Good) in the order of `points`.

        `payload`: the registers as on the wire, or the packed bits; exactly `read.payload_bytes` long.
        """
        raw: Sequence[Any]
        if self._cells:
            raw = [payload[byte] & mask != 0 for byte, mask in self._cells]
        elif len(self._unpacks) == 1 and not self._needs_swap:
            raw = self._unpacks[0][0].unpack(payload)
        else:
            swapped = _swapped(payload) if self._needs_swap else payload
            raw = [v for s, is_swapped in self._unpacks for v in s.unpack(swapped if is_swapped else payload)]
        if self._flags:
            raw = list(raw)
            for i in self._flags:
                raw[i] = raw[i] != 0
        return self._scaler.apply(raw)


def _swapped(payload: bytes) -> bytes:
    words = array("H", payload)
    words.byteswap()
    return words.tobytes()


def _compiled(read: Read) -> tuple[tuple[Point, ...], list[tuple[Struct, bool]]]:
    """The points sorted by unpack, and the unpacks. Points that overlap fall into different ones."""
    layers: list[tuple[tuple[str, bool], list[Point]]] = []
    for point in read.points:
        order = Order.ABCD if point.data_type.registers == 1 else point.order
        for key, members in layers:
            if key == _FORMAT[order] and members[-1].end <= point.address:
                members.append(point)
                break
        else:
            layers.append((_FORMAT[order], [point]))
    points = tuple(p for _, members in layers for p in members)
    return points, [(_struct(read, endian, members), is_swapped) for (endian, is_swapped), members in layers]


def _struct(read: Read, endian: str, members: list[Point]) -> Struct:
    letters, position = [endian], read.address
    for point in members:
        letters.append(f"{2 * (point.address - position)}x{_LETTER[point.data_type]}")
        position = point.end
    letters.append(f"{2 * (read.address + read.count - position)}x")
    return Struct("".join(letters))
