"""From the bytes of one answer to values: one unpack for each byte order in the block. Pure (MB-07)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct, pack
from typing import Any, Final

from bus.messages import Value
from bus.quality import GOOD, LIMIT_HIGH, LIMIT_LOW
from devices.encodings import (
    REPLACEMENT,
    Bad,
    Cell,
    Doubtful,
    bits_of,
    cell_of,
    converter_of,
    mask_of,
    meaning_of,
    size_of,
    swapped,
    text_bytes,
    text_of,
)
from devices.plan import Read, is_readable, read_of
from devices.points import DataType, Order, Point
from devices.scale import Scaler, becomes_float, factor_problem, has_raw_range, line_of, shifted

_NO_NUMBER: Final = 0
"""Stands where there is no value until the scaling of the whole block is done."""


class Decoder:
    """Everything about one read that can be prepared. `points` says in which order `decode()` gives the values."""

    def __init__(self, read: Read) -> None:
        self.points: tuple[Point, ...] = read.points
        self._cells: list[tuple[int, int]] = []
        self._unpacks: list[tuple[Struct, bool]] = []
        self._pick: Callable[[Sequence[Any]], Sequence[Any]] | None = None
        if read.table.is_bits:
            offsets = [p.address - read.address for p in read.points]
            self._cells = [(o // 8, 1 << o % 8) for o in offsets]
        else:
            self.points, self._unpacks, self._pick = _compiled(read)
        self._needs_swap = any(is_swapped for _, is_swapped in self._unpacks)
        registers = [] if read.table.is_bits else list(enumerate(self.points))
        self._masks = [(i, mask) for i, p in registers if (mask := mask_of(p)) is not None]
        self._converters = [(i, convert) for i, p in registers if (convert := converter_of(p)) is not None]
        self._factors, self._factor_of = _compiled_factors(read, self.points)
        self._is_plain = not (self._masks or self._converters or self._factor_of)
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
            turned = swapped(payload) if self._needs_swap else payload
            raw = [v for s, is_swapped in self._unpacks for v in s.unpack(turned if is_swapped else payload)]
        if self._pick is not None:
            raw = self._pick(raw)
        if self._is_plain:
            return self._scaler.apply(raw)
        return self._scaler.apply(*self._converted(list(raw), payload))

    def _converted(self, raw: list[Any], payload: bytes) -> tuple[list[Any], dict[int, int]]:
        """What struct alone does not do, and position -> status of what turned out to be doubtful or no value."""
        marked: dict[int, int] = {}
        for i, mask in self._masks:
            raw[i] = raw[i] & mask != 0
        for i, convert in self._converters:
            raw[i] = convert(raw[i])
            if type(raw[i]) is Bad:
                marked[i], raw[i] = raw[i].status, _NO_NUMBER
            elif type(raw[i]) is Doubtful:
                marked[i], raw[i] = raw[i].status, raw[i].text
        if self._factors is not None:
            factors = self._factors.unpack(payload)
            problems = [factor_problem(n) for n in factors]
            for i, f in self._factor_of:
                problem = problems[f]
                if problem is None:
                    raw[i] = shifted(raw[i], factors[f])
                else:
                    raw[i] = _NO_NUMBER
                    marked.setdefault(i, problem)
        return raw, marked


_Compiled = tuple[tuple[Point, ...], list[tuple[Struct, bool]], Callable[[Sequence[Any]], Sequence[Any]] | None]


def _compiled(read: Read) -> _Compiled:
    """The points in the order of their cells, the unpacks, and how to pick each point's cell (None: one to one).

    Cells that overlap fall into different unpacks; points of the same cell share it.
    """
    cells = {p.tag: cell_of(p, read.address) for p in read.points}
    layers: list[tuple[tuple[str, bool], list[Cell]]] = []
    for cell in sorted(set(cells.values()), key=lambda c: (c.offset, c.size, c)):
        key = (cell.endian, cell.is_swapped)
        for layer_key, members in layers:
            if layer_key == key and members[-1].offset + members[-1].size <= cell.offset:
                members.append(cell)
                break
        else:
            layers.append((key, [cell]))
    position = {cell: i for i, cell in enumerate(cell for _, members in layers for cell in members)}
    points = tuple(sorted(read.points, key=lambda p: position[cells[p.tag]]))
    indices = [position[cells[p.tag]] for p in points]
    unpacks = [(_struct(2 * read.count, endian, members), is_swapped) for (endian, is_swapped), members in layers]
    is_one_to_one = len(indices) == len(position)
    return points, unpacks, None if is_one_to_one else itemgetter(*indices)


def _struct(size: int, endian: str, cells: list[Cell]) -> Struct:
    """Unpacks these cells from `size` bytes."""
    letters, position = [endian], 0
    for cell in cells:
        letters.append(f"{cell.offset - position}x{cell.letter}")
        position = cell.offset + cell.size
    letters.append(f"{size - position}x")
    return Struct("".join(letters))


def _compiled_factors(read: Read, points: Sequence[Point]) -> tuple[Struct | None, list[tuple[int, int]]]:
    """The unpack of the scale factors, and (position of a point, position of its factor)."""
    addresses = sorted({p.scale_address for p in points if p.scale_address is not None})
    if not addresses:
        return None, []
    cells = [Cell(">", False, 2 * (address - read.address), 2, "h") for address in addresses]
    position = {address: i for i, address in enumerate(addresses)}
    found = [(i, position[p.scale_address]) for i, p in enumerate(points) if p.scale_address is not None]
    return _struct(2 * read.count, ">", cells), found


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way from registers to a value, for people. `value` and `status`: of the last step, the result."""

    name: str
    text: str
    value: Value = None
    status: int | None = None


def explain(point: Point, words: Sequence[int]) -> list[Step]:
    """How the value of a point comes from what the device sent; the last step is what the decoder makes of it.

    `words`: the registers (in a bit table the bits) that `devices.plan.read_of(point)` asks for. Raises ValueError
    when there are more or fewer, or when no request can read the point.
    """
    if not is_readable(point):
        raise ValueError("what the tag says of its type, bits, order and addresses does not go together")
    read = read_of(point)
    if len(words) != read.count:
        raise ValueError(f"{len(words)} registers instead of the {read.count} that the tag takes")
    if point.table.is_bits:
        steps, payload = [Step("Bit", f"{point.table} {point.address} is {words[0] & 1}")], bytes([words[0] & 1])
    else:
        payload = pack(f">{read.count}H", *words)
        steps = _register_steps(point, read, payload)
    values, statuses = Decoder(read).decode(payload)
    status = statuses[0] if statuses else GOOD
    return [*steps, *_range_steps(point, status), Step("Result", _shown(values[0]), values[0], status)]


def _register_steps(point: Point, read: Read, payload: bytes) -> list[Step]:
    begin = 2 * (point.address - read.address)
    own = payload[begin : begin + 2 * point.registers]
    steps = [Step("Registers", f"{point.table} {_span(point.address, point.registers)}: {_hex(own)}")]
    if point.data_type is DataType.STRING:
        return steps + _text_steps(point, own)
    bits = bits_of(point, own)
    size = size_of(point)
    if size < len(own):
        steps.append(Step("High byte" if point.bit else "Low byte", _hex(bits.to_bytes(size, "big"))))
    elif point.order is not Order.ABCD:
        steps.append(Step(f"Order {point.order}", _hex(bits.to_bytes(size, "big"))))
    if bits == point.not_implemented:
        return [*steps, Step("Not implemented", f"0x{bits:X} means that the device has no such value")]
    number = meaning_of(point)(bits)
    steps.append(_meaning_step(point, bits, number))
    return steps if isinstance(number, Bad) else steps + _scaling_steps(point, read, payload, number)


def _text_steps(point: Point, own: bytes) -> list[Step]:
    raw = text_bytes(point, own)
    steps = [Step(f"Order {point.order}", _hex(raw))] if point.order is not Order.ABCD else []
    if point.not_implemented is not None and raw[:1] == b"\0":
        return [*steps, Step("Not implemented", "no text means that the device has no such value")]
    text = text_of(raw)
    if isinstance(text, Bad):
        return [*steps, Step("Text", "bytes that are no text")]
    if isinstance(text, Doubtful):
        why = f"not all of it is UTF-8: {REPLACEMENT} stands for bytes of another code page or of a character cut short"
        return [*steps, Step("Text", f"'{text.text}', {why}")]
    return [*steps, Step("Text", f"'{text}'")]


def _meaning_step(point: Point, bits: int, number: Any) -> Step:
    if isinstance(number, Bad):
        return Step(f"As {point.data_type}", f"{bits:X} has a digit above 9, so it is no number")
    if point.bit_count is not None and point.bit is not None:
        return Step(
            f"Bits {point.bit} to {point.bit + point.bit_count - 1}", f"{number:0{point.bit_count}b} is {number}"
        )
    if point.data_type is DataType.BOOL:
        what = "Any bit" if point.bit is None else f"Bit {point.bit}"
        return Step(what, "1" if number else "0")
    return Step(f"As {point.data_type}", _shown(number))


def _scaling_steps(point: Point, read: Read, payload: bytes, number: Any) -> list[Step]:
    steps = []
    if point.scale_address is not None:
        begin = 2 * (point.scale_address - read.address)
        exponent = int.from_bytes(payload[begin : begin + 2], "big", signed=True)
        name = f"Scale factor at {point.scale_address}"
        if factor_problem(exponent) is not None:
            return [Step(name, f"{exponent} is none: -10 to 10 are, so the value cannot be known")]
        number = shifted(number, exponent)
        steps.append(Step(name, f"{exponent}: × 10^{exponent} is {_shown(number)}"))
    if not becomes_float(point):
        return steps
    scale, offset = line_of(point)
    result = _shown(number * scale + offset)
    if has_raw_range(point):
        text = f"{point.raw_min:g} … {point.raw_max:g} stands for {point.eu_min:g} … {point.eu_max:g}: {result}"
        steps.append(Step("Raw range", text))
    elif scale != 1 or offset != 0:
        steps.append(Step("Scaling", f"{_shown(number)} × {scale:g} + {offset:g} is {result}"))
    return steps


def _range_steps(point: Point, status: int) -> list[Step]:
    if not status & (LIMIT_LOW | LIMIT_HIGH):
        return []
    what, end = ("below", point.eu_min) if status & LIMIT_LOW else ("above", point.eu_max)
    return [Step("Range", f"{what} {end:g}" + (", held there" if point.clamp else ", so the value is doubtful"))]


def _span(address: int, count: int) -> str:
    return f"{address}" if count == 1 else f"{address} to {address + count - 1}"


def _hex(raw: bytes) -> str:
    return raw.hex(" ", -2).upper()


def _shown(value: Value) -> str:
    return "no value" if value is None else str(value)
