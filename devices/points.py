"""The words of an address: table, data type, byte order, and a point that joins them. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class _Labelled(StrEnum):
    @property
    def label(self) -> str:
        return self.value


class Table(_Labelled):
    """A Modbus table. Its read function code: coil 1, discrete 2, holding 3, input 4."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def is_bits(self) -> bool:
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def function_code(self) -> int:
        return {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[self.value]


class DataType(_Labelled):
    """How the registers of a value are read. In the tables coil and discrete only BOOL."""

    BOOL = "bool"
    """One bit: of a bit table, or bit `Point.bit` of a register."""
    INT8 = "int8"
    UINT8 = "uint8"
    """One byte of a register: the low one (`bit` 0) or the high one (`bit` 8)."""
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    """IEEE 754 binary16, binary32, binary64."""
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    """Four or eight decimal digits, four bits each."""
    SIGN16 = "sign16"
    SIGN32 = "sign32"
    """Sign in the highest bit, magnitude in the others."""
    STRING = "string"
    """`Point.length` bytes of text, two in a register, ended by NUL."""

    @property
    def is_float(self) -> bool:
        return self in (DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64)

    @property
    def is_number(self) -> bool:
        return self not in (DataType.BOOL, DataType.STRING)

    @property
    def is_unsigned(self) -> bool:
        """A plain unsigned integer: what a bit field can be cut from."""
        return self in (DataType.UINT16, DataType.UINT32, DataType.UINT64)

    @property
    def registers(self) -> int:
        """How many registers (or bits, in a bit table) one value takes; of a string, see Point.registers."""
        return _REGISTERS.get(self, 1)


_REGISTERS: Final = {
    DataType.INT32: 2, DataType.UINT32: 2, DataType.FLOAT32: 2, DataType.BCD32: 2, DataType.SIGN32: 2,
    DataType.INT64: 4, DataType.UINT64: 4, DataType.FLOAT64: 4,
}  # fmt: skip


class Order(_Labelled):
    """Order of the bytes of a value of several registers on the wire (MB-07); 123456.0 is 47F1 2000 in ABCD.

    Of eight bytes the four short names mean ABCDEFGH, GHEFCDAB, BADCFEHG and HGFEDCBA; the long names are the other
    four, in which the two halves have changed places. Of a string: ABCD high byte first, BADC low byte first.
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"
    EFGHABCD = "EFGHABCD"
    FEHGBADC = "FEHGBADC"
    CDABGHEF = "CDABGHEF"
    DCBAHGFE = "DCBAHGFE"

    @property
    def is_long(self) -> bool:
        """Only values of four registers can have it."""
        return len(self.value) == 8


@dataclass(frozen=True, slots=True)
class Point:
    """One tag as the poller sees it. `tag` is the integer id used on the bus.

    `bit`: first bit (0 is the lowest) of a bool, byte or bit field within the value; None: the whole value.
    `bit_count`: width of a bit field. `length`: bytes of a string. `raw_min` and `raw_max`: raw numbers that stand for
    `eu_min` and `eu_max`; None: scale and offset hold. `clamp`: hold what lies beyond the range at its end.
    `scale_address`: a register of the same table whose int16 n multiplies the value by 10^n (SunSpec scale factor).
    `not_implemented`: the raw bits, unsigned, that mean "this device has no such value".
    """

    tag: int
    table: Table
    address: int
    data_type: DataType
    order: Order = Order.ABCD
    scale: float = 1.0
    offset: float = 0.0
    eu_min: float | None = None
    eu_max: float | None = None
    bit: int | None = None
    bit_count: int | None = None
    length: int = 0
    raw_min: float | None = None
    raw_max: float | None = None
    clamp: bool = False
    scale_address: int | None = None
    not_implemented: int | None = None

    @property
    def registers(self) -> int:
        """How many registers (or bits, in a bit table) the value takes."""
        return (self.length + 1) // 2 if self.data_type is DataType.STRING else self.data_type.registers

    @property
    def end(self) -> int:
        """The first address after the value."""
        return self.address + self.registers
