"""Float64 numbers as whole ones that follow a law, and back, exact for every bit but which NaN it is. Pure.

What a device counts in whole steps comes as raw x scale + offset. The step is found again, so that a step of the
converter, not 64 bits, is what a sample costs. Where no law holds, the bits themselves are the whole number.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from historian.packing import Ints, Packed, Reader, Unreadable, fill, find, natural, pack, unpack

Floats = NDArray[np.float64]

_BITS, _BITS_32, _DECIMAL, _DECIMAL_32, _LINE = range(5)
_OF_LEVELS: Final = 0x10
"""Added to the law: it holds for the different values, in ascending order; then come the places of all samples."""
_MOST_DECIMALS: Final = 9
_POWERS: Final = np.array([float(f"1e{decimals}") for decimals in range(_MOST_DECIMALS + 1)])
_EXACT: Final = 2.0**53
_FARTHEST_ULP: Final = 64
_SMALLEST, _LARGEST = 1e-200, 1e200
"""No law is looked for outside: nothing that is measured is there, and the arithmetic would overflow."""
_NO_GAP: Final = 1e-9
"""Values nearer to each other, in parts of the largest, differ by rounding only."""
LAW: Final = struct.Struct("<dd")


def pack_numbers(numbers: Floats) -> bytes:
    """First where there is no number (NaN): lengths of stretches with and without by turns, as a column."""
    missing = np.isnan(numbers)
    edges = np.flatnonzero(missing[1:] != missing[:-1]) + 1
    stretches = np.diff(np.concatenate([[0], edges, [len(numbers)]])) if len(numbers) else np.empty(0, np.int64)
    if len(numbers) and missing[0]:
        stretches = np.insert(stretches, 0, 0)
    head = natural(len(stretches)) + pack(stretches.astype(np.int64), (0,))
    known = numbers[~missing] if len(stretches) > 1 else numbers
    return head + (_pack_known(known) if len(known) else b"")


class Found:
    """Numbers that were found: `columns` are to be filled, then numbers() reckons them. Raises Unreadable."""

    def __init__(self, reader: Reader, count: int) -> None:
        stretches = unpack(reader, reader.natural(count + 1))
        if (stretches < 0).any() or (stretches > count).any() or int(stretches.sum()) != count:
            raise Unreadable(f"stretches with and without numbers do not make {count} samples")
        self._count, self._stretches = count, stretches
        self._known = int(stretches[::2].sum())
        self.columns: list[Packed] = []
        self._values = _find_known(reader, self._known, self.columns) if self._known else None

    def numbers(self) -> Floats:
        known = np.empty(0) if self._values is None else self._values()
        if self._known == self._count:
            return known
        numbers = np.full(self._count, np.nan)
        numbers[np.repeat(np.arange(len(self._stretches)) % 2 == 0, self._stretches)] = known
        return numbers


def unpack_numbers(reader: Reader, count: int) -> Floats:
    found = Found(reader, count)
    fill(found.columns)
    return found.numbers()


def _pack_known(numbers: Floats) -> bytes:
    bits = numbers.view(np.int64)
    decimal = _decimal(numbers, bits)
    if decimal is not None:
        return decimal
    ordered = np.sort(_folded(bits))
    levels = _folded(ordered[np.append(True, ordered[1:] != ordered[:-1])])
    law = _fitting_law(levels.view(np.float64), levels)
    if law is not None and not _off(law, numbers, bits).any():
        return _line(law, numbers, bits)
    choices = []
    if len(levels) <= len(numbers) // 2:
        places = np.searchsorted(_folded(levels), _folded(bits)).astype(np.int64)
        made = _by(law, levels.view(np.float64), levels)
        choices.append(bytes([made[0] | _OF_LEVELS]) + natural(len(levels)) + made[1:] + pack(places))
    if not choices or (law is None and len(levels) > len(numbers) // 8):
        choices.append(_by(law, numbers, bits))
    return min(choices, key=len)


def _by(law: "Law | None", numbers: Floats, bits: Ints) -> bytes:
    return _plain(numbers, bits) if law is None else _line(law, numbers, bits)


def _decimal(numbers: Floats, bits: Ints) -> bytes | None:
    """k x step / 10^d; of float32 also rounded to one."""
    few = slice(0, 8)
    for law in (_DECIMAL, _DECIMAL_32):
        for decimals in np.flatnonzero(_hold(law, numbers[few], bits[few], _POWERS[:, None])).tolist():
            if _hold(law, numbers, bits, _POWERS[decimals]):
                wholes = np.rint(numbers * _POWERS[decimals]).astype(np.int64)
                step = max(int(np.gcd.reduce(wholes)), 1)
                return bytes([law, decimals]) + natural(step) + pack(wholes // step)
    return None


def _hold(law: int, numbers: Floats, bits: Ints, power: Any) -> NDArray[np.bool_]:
    """Whether the law gives every bit back, with this power of ten, or each of these."""
    with np.errstate(over="ignore"):
        wholes = np.rint(numbers * power) + 0.0  # a whole number has no negative zero
        same = _of_decimals(law, wholes, power).view(np.int64) == bits
    found: NDArray[np.bool_] = (same & (np.abs(wholes) < _EXACT)).all(axis=-1)
    return found


def _of_decimals(law: int, wholes: Floats, power: Any) -> Floats:
    numbers: Floats = wholes / power
    return numbers.astype(np.float32).astype(np.float64) if law == _DECIMAL_32 else numbers


@dataclass(frozen=True, slots=True)
class Law:
    scale: float
    offset: float

    def at(self, wholes: Ints) -> Floats:
        return wholes.astype(np.float64) * self.scale + self.offset

    def wholes(self, numbers: Floats) -> Ints:
        return np.rint((numbers - self.offset) / self.scale).astype(np.int64)


def _fitting_law(levels: Floats, bits: Ints) -> Law | None:
    """The one that is off by the least. `levels`: ascending, each once."""
    best, least = None, _FARTHEST_ULP + 1
    for law in _laws(levels):
        off = int(np.abs(_off(law, levels, bits)).max())
        if off < least:
            best, least = law, off
        if off == 0:
            break
    return best


def _off(law: Law, numbers: Floats, bits: Ints) -> Ints:
    """By how many of the smallest steps of a float64 the law is off: mostly by none."""
    return _folded(bits) - _folded(law.at(law.wholes(numbers)).view(np.int64))


def _line(law: Law, numbers: Floats, bits: Ints) -> bytes:
    head = bytes([_LINE]) + LAW.pack(law.scale, law.offset)
    return head + pack(law.wholes(numbers)) + pack(_off(law, numbers, bits), (0,))


def _laws(levels: Floats) -> list[Law]:
    """Which are likely: the smallest distance of two values, made precise by the largest; as it is and rounded."""
    low, high = float(levels[0]), float(levels[-1])
    largest = max(abs(low), abs(high))
    if len(levels) < 3 or not _SMALLEST < largest < _LARGEST:
        return []
    gaps = np.diff(levels)
    scale = float(gaps[gaps > _NO_GAP * largest].min(initial=np.inf))
    reach = 1.0
    while reach < (high - low) / scale:  # the longer the distance, the more exactly it says the step
        reach = min(reach * 64, (high - low) / scale)
        far = float(levels[np.searchsorted(levels, low + reach * scale, side="right") - 1]) - low
        scale = far / round(far / scale) if far >= scale else scale
    rounded = float(f"{scale:.9g}")
    return [Law(rounded, 0.0), Law(rounded, float(f"{low:.12g}")), Law(scale, low)] if scale < np.inf else []


def _plain(numbers: Floats, bits: Ints) -> bytes:
    """The bits, as whole numbers in the order of the numbers."""
    with np.errstate(over="ignore"):
        halves = numbers.astype(np.float32)
    if (halves.astype(np.float64).view(np.int64) == bits).all():
        bits_32 = halves.view(np.int32)
        return bytes([_BITS_32]) + pack((bits_32 ^ (bits_32 >> 31 & 0x7FFFFFFF)).astype(np.int64), (0, 1))
    return bytes([_BITS]) + pack(_folded(bits), (0, 1))


def _folded(bits: Ints) -> Ints:
    """Bits of a float64 to whole numbers in the same order; and back: it is its own inverse."""
    return bits ^ (bits >> 63 & 0x7FFFFFFFFFFFFFFF)


def folded(numbers: Floats) -> Ints:
    """Whole numbers in the order of the numbers, neighbours next to each other. Every NaN is one."""
    return _folded(np.where(np.isnan(numbers), np.nan, numbers).view(np.int64))


def unfolded(wholes: Ints) -> Floats:
    return _folded(wholes).view(np.float64)


def fitting_law(numbers: Floats) -> Law | None:
    """Which whole steps nearly all values are, if any."""
    levels = np.unique(numbers[~np.isnan(numbers)])
    for decimals, power in enumerate(_POWERS):
        if len(levels) and _hold(_DECIMAL, levels, levels.view(np.int64), power):
            return Law(float(f"1e-{decimals}"), 0.0)
    return _fitting_law(levels, levels.view(np.int64)) if len(levels) else None


def _find_known(reader: Reader, count: int, columns: list[Packed]) -> Callable[[], Floats]:
    """What gives the numbers as soon as the columns that are added here are filled."""
    law = reader.byte()
    if not law & _OF_LEVELS:
        return _find_law(reader, law, count, columns)
    of_levels = _find_law(reader, law & ~_OF_LEVELS, reader.natural(count), columns)
    columns.append(find(reader, count))
    return partial(_at_places, of_levels, columns[-1])


def _at_places(of_levels: Callable[[], Floats], column: Packed) -> Floats:
    levels, places = of_levels(), column.values
    if (places < 0).any() or (places >= len(levels)).any():
        raise Unreadable("a sample points to a value that is not there")
    return levels[places]


def _find_law(reader: Reader, law: int, count: int, columns: list[Packed]) -> Callable[[], Floats]:
    if law in (_DECIMAL, _DECIMAL_32):
        decimals, step = reader.byte(), reader.natural(2**53)
        if decimals > _MOST_DECIMALS:
            raise Unreadable(f"{decimals} decimals are more than {_MOST_DECIMALS}")
        columns.append(find(reader, count))
        return partial(_by_decimals, law, columns[-1], step, decimals)
    if law == _LINE:
        line = Law(*LAW.unpack(reader.take(LAW.size)))
        columns += [find(reader, count), find(reader, count)]
        return partial(_by_line, line, *columns[-2:])
    if law not in (_BITS, _BITS_32):
        raise Unreadable(f"numbers by law {law} are not known")
    columns.append(find(reader, count))
    return partial(_by_bits if law == _BITS else _by_bits_32, columns[-1])


def _by_decimals(law: int, column: Packed, step: int, decimals: int) -> Floats:
    return _of_decimals(law, (column.values * step).astype(np.float64), _POWERS[decimals])


def _by_line(line: Law, wholes: Packed, off: Packed) -> Floats:
    with np.errstate(all="ignore"):
        foretold = line.at(wholes.values)
    return unfolded(folded(foretold) + off.values)


def _by_bits(column: Packed) -> Floats:
    return _folded(column.values).view(np.float64)


def _by_bits_32(column: Packed) -> Floats:
    bits = column.values.astype(np.int32)
    with np.errstate(invalid="ignore"):  # not of what was packed, but of any bytes
        return (bits ^ (bits >> 31 & 0x7FFFFFFF)).view(np.float32).astype(np.float64)
