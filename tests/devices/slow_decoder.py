"""A decoder written a second time, slowly, from bits and by other means than the one it checks."""

import math
from fractions import Fraction
from typing import Any, Final

from devices.points import DataType, Order, Point

MISSING: Final = "not implemented"
BROKEN: Final = "no number"
WRONG_FACTOR: Final = "factor out of range"
EXPONENT_AND_FRACTION: Final = {16: (5, 10), 32: (8, 23), 64: (11, 52)}


def decoded(point: Point, registers: list[int], factor: int = 0) -> Any:
    """The raw value (before scale and offset) of a point whose registers, and scale factor register, hold this."""
    wire = "".join(f"{register:016b}" for register in registers)
    if point.data_type is DataType.STRING:
        return _text(point, wire)
    bits = _byte(point, wire) if point.data_type in (DataType.INT8, DataType.UINT8) else _ordered(point.order, wire)
    if point.not_implemented is not None and int(bits, 2) == point.not_implemented:
        return MISSING
    number = _number(point, bits)
    if point.scale_address is None or number == BROKEN:
        return number
    exponent = factor - 65536 if factor > 32767 else factor
    if exponent == -32768:
        return MISSING
    if abs(exponent) > 10:
        return WRONG_FACTOR
    if not math.isfinite(number):
        return number
    return float(Fraction(number) * Fraction(10) ** exponent)


def _ordered(order: Order, wire: str) -> str:
    """The bits with the most significant first. A name of an order says which byte stands where on the wire."""
    letters = order.value
    if len(wire) == 64 and len(letters) == 4:
        letters = {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA"}[letters]
    pieces = {letter: wire[8 * i : 8 * i + 8] for i, letter in enumerate(letters) if 8 * i < len(wire)}
    return "".join(pieces[letter] for letter in sorted(pieces))


def _byte(point: Point, wire: str) -> str:
    return wire[:8] if point.bit == 8 else wire[8:]


def _number(point: Point, bits: str) -> Any:
    kind = point.data_type.value
    if point.bit_count is not None:
        assert point.bit is not None
        return int(bits[::-1][point.bit : point.bit + point.bit_count][::-1], 2)
    if kind == "bool":
        return "1" in bits if point.bit is None else bits[::-1][point.bit] == "1"
    if kind.startswith("bcd"):
        digits = [int(bits[i : i + 4], 2) for i in range(0, len(bits), 4)]
        return BROKEN if max(digits) > 9 else sum(d * 10**i for i, d in enumerate(reversed(digits)))
    if kind.startswith("sign"):
        return int(bits[1:], 2) * (-1 if bits[0] == "1" else 1)
    if kind.startswith("int"):
        return int(bits[1:], 2) - int(bits[0]) * 2 ** (len(bits) - 1)
    return _float(bits) if kind.startswith("float") else int(bits, 2)


def _float(bits: str) -> float:
    """IEEE 754, 3.4."""
    width, fraction_width = EXPONENT_AND_FRACTION[len(bits)]
    sign = -1.0 if bits[0] == "1" else 1.0
    exponent, fraction = int(bits[1 : 1 + width], 2), int(bits[1 + width :], 2)
    if exponent == 2**width - 1:
        return math.nan if fraction else sign * math.inf
    bias = 2 ** (width - 1) - 1
    if exponent == 0:
        return sign * math.ldexp(fraction, 1 - bias - fraction_width)
    return sign * math.ldexp(2**fraction_width + fraction, exponent - bias - fraction_width)


def _text(point: Point, wire: str) -> Any:
    raw = [int(wire[i : i + 8], 2) for i in range(0, len(wire), 8)]
    if point.order is Order.BADC:
        raw = [raw[i ^ 1] for i in range(len(raw))]
    raw = raw[: point.length]
    if point.not_implemented is not None and raw[0] == 0:
        return MISSING
    if 0 in raw:
        raw = raw[: raw.index(0)]
    text = bytes(raw).decode("utf-8", "replace")
    while text and text[-1] in " \u00a0":
        text = text[:-1]
    text = text.replace("\u00a0", " ")
    is_text = text.isprintable() and (not text or set(text) - {"\ufffd", " "})
    return text if is_text else BROKEN
