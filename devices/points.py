"""The words of an address: table, data type, byte order, and a point that joins them. Pure."""

from dataclasses import dataclass
from enum import StrEnum


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
    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"

    @property
    def registers(self) -> int:
        """How many registers (or bits, in a bit table) one value takes."""
        return 2 if self in (DataType.INT32, DataType.UINT32, DataType.FLOAT32) else 1


class Order(_Labelled):
    """Order of the four bytes of a 32-bit value on the wire (MB-07); 123456.0 is 47F1 2000 in ABCD."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


@dataclass(frozen=True, slots=True)
class Point:
    """One tag as the poller sees it. `tag` is the integer id used on the bus."""

    tag: int
    table: Table
    address: int
    data_type: DataType
    order: Order = Order.ABCD
    scale: float = 1.0
    offset: float = 0.0
    eu_min: float | None = None
    eu_max: float | None = None

    @property
    def end(self) -> int:
        """The first address after the value."""
        return self.address + self.data_type.registers
