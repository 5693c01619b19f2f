"""Which raw bits mean "this device has no such value", from what a person writes. Pure."""

import math
import re
from struct import error as StructError
from struct import pack
from typing import Final

from devices.points import DataType

SUNSPEC: Final = "sunspec"
SUNSPEC_NOT_IMPLEMENTED: Final = {
    DataType.INT16: 0x8000, DataType.UINT16: 0xFFFF, DataType.INT32: 0x8000_0000, DataType.UINT32: 0xFFFF_FFFF,
    DataType.INT64: 0x8000_0000_0000_0000, DataType.UINT64: 0xFFFF_FFFF_FFFF_FFFF, DataType.FLOAT32: 0x7FC0_0000,
    DataType.FLOAT64: 0x7FF8_0000_0000_0000, DataType.BOOL: 0xFFFF, DataType.STRING: 0,
}  # fmt: skip
"""Of the SunSpec information models; a bool is a bit of a bitfield16, a string empty. Accumulators use 0, which a tag
says by itself."""

_BITS: Final = re.compile(r"0[xX][0-9A-Fa-f]{1,16}\Z")
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?\Z")
_FLOAT: Final = {DataType.FLOAT16: ">e", DataType.FLOAT32: ">f", DataType.FLOAT64: ">d"}
_SIGN_MAGNITUDE: Final = (DataType.SIGN16, DataType.SIGN32)
_BCD: Final = (DataType.BCD16, DataType.BCD32)
_BYTES: Final = (DataType.INT8, DataType.UINT8)
_SIGNED: Final = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64)


def not_implemented_bits(text: str, data_type: DataType) -> int:
    """The raw bits, unsigned, that a tag's `not_implemented` means. Raises ValueError with a sentence.

    0x…: these bits. A number: as the device writes it in this type. 'sunspec': what SunSpec says for the type.
    """
    width = 8 if data_type in _BYTES else 16 * data_type.registers
    if text.lower() == SUNSPEC:
        if data_type not in SUNSPEC_NOT_IMPLEMENTED:
            raise ValueError(
                f"SunSpec has no {data_type}. Write the raw value that means 'no such value', like 0x8000."
            )
        return SUNSPEC_NOT_IMPLEMENTED[data_type]
    if data_type is DataType.STRING:
        raise ValueError("Of a text only 'sunspec' can be meant: no text is no such value. Or leave this out.")
    if _BITS.match(text):
        bits: int | None = int(text, 16)
    elif _NUMBER.match(text):
        bits = _written(text, data_type, width)
    else:
        raise ValueError(f"'{text}' is neither a raw value, like 0x8000 or -32768, nor 'sunspec'.")
    if bits is None or not 0 <= bits < 1 << width:
        raise ValueError(f"{text} does not fit into the {width} bits of a {data_type}.")
    return bits


def _written(text: str, data_type: DataType, width: int) -> int | None:
    """The bits in which a device writes a number; None when the type does not have it."""
    if data_type in _FLOAT:
        return _float_bits(float(text), _FLOAT[data_type])
    if not re.fullmatch(r"[-+]?[0-9]+", text):
        return None
    number = int(text)
    if data_type in _BCD:
        return int(str(number), 16) if number >= 0 else None
    sign = 1 << width - 1
    if data_type in _SIGN_MAGNITUDE:
        return (sign if number < 0 else 0) | abs(number) if abs(number) < sign else None
    if data_type in _SIGNED and number < 0:
        return number + 2 * sign if number >= -sign else None
    return number


def _float_bits(number: float, letter: str) -> int | None:
    try:
        packed = pack(letter, number)
    except (OverflowError, StructError):
        return None
    return int.from_bytes(packed, "big") if math.isfinite(number) else None
