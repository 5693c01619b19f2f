"""Which values a tag can have: of its type, within its range. Pure. Asked of what people enter and substitute.

Asked twice: when somebody sets a value, and of what was set whenever it is used, for the tag may have been changed.
"""

from typing import Final, NamedTuple, Protocol

from bus.messages import Value
from devices.points import DataType

LONGEST_TEXT: Final = 250
_LARGEST: Final = 1e300
"""So that neither NaN, nor infinity, nor a number beyond all of them gets in."""
_LIMITS: Final[dict[DataType, tuple[int, int]]] = {
    DataType.INT8: (-(2**7), 2**7 - 1), DataType.UINT8: (0, 2**8 - 1),
    DataType.INT16: (-(2**15), 2**15 - 1), DataType.UINT16: (0, 2**16 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1), DataType.UINT32: (0, 2**32 - 1),
    DataType.INT64: (-(2**63), 2**63 - 1), DataType.UINT64: (0, 2**64 - 1),
    DataType.BCD16: (0, 9999), DataType.BCD32: (0, 99_999_999),
    DataType.SIGN16: (-(2**15) + 1, 2**15 - 1), DataType.SIGN32: (-(2**31) + 1, 2**31 - 1),
}  # fmt: skip


class Unfit(ValueError):
    """The tag cannot have this value; the sentence says which it can."""


class Typed(Protocol):
    """What says of which type a tag's value is: the model's row has it."""

    @property
    def data_type(self) -> str: ...
    @property
    def scale(self) -> float: ...
    @property
    def offset(self) -> float: ...
    @property
    def raw_min(self) -> float | None: ...
    @property
    def scale_address(self) -> int | None: ...
    @property
    def bit_count(self) -> int | None: ...
    @property
    def length(self) -> int: ...


class Valued(Typed, Protocol):
    """And its range."""

    @property
    def eu_min(self) -> float | None: ...
    @property
    def eu_max(self) -> float | None: ...


class Shape(NamedTuple):
    """The columns that make a tag Typed."""

    data_type: str
    scale: float
    offset: float
    raw_min: float | None
    scale_address: int | None
    bit_count: int | None
    length: int


def fitting(tag: Valued, value: Value) -> Value:
    """The value as the tag has it, in engineering units and within its range. Raises Unfit with a sentence."""
    kept = of_type(tag, value)
    if isinstance(kept, int | float) and not isinstance(kept, bool):
        _check_range(tag, kept)
    return kept


def of_type(tag: Typed, value: Value) -> Value:
    """The value in the tag's type, whatever its range; whole numbers fit the bus. Raises Unfit with a sentence."""
    data_type = DataType(tag.data_type)
    if data_type is DataType.BOOL:
        if not isinstance(value, bool | int) or value not in (0, 1):
            raise Unfit("This tag is true or false. Choose one of the two.")
        return bool(value)
    if data_type is DataType.STRING:
        return _text(value, tag.length or LONGEST_TEXT)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        raise Unfit("This tag is a number. Write one, with a point before its decimals, like 12.5.")
    return _number(tag, data_type, value)


def _text(value: Value, longest: int) -> str:
    if not isinstance(value, str):
        raise Unfit("This tag is a text. Write one.")
    if not value.isprintable():
        raise Unfit("The text has a line break or another character that cannot be shown. Write it on one line.")
    if len(value.encode()) > longest:
        raise Unfit(f"The text takes {len(value.encode())} bytes; this tag has at most {longest}.")
    return value


def _check_range(tag: Valued, value: float) -> None:
    low, high = tag.eu_min, tag.eu_max
    if (low is not None and value < low) or (high is not None and value > high):
        between = f"from {low:g} to {high:g}" if low is not None and high is not None else (
            f"from {low:g}" if low is not None else f"up to {high:g}")  # fmt: skip
        raise Unfit(f"{value:g} is beyond the range of this tag. Write a number {between}.")


def _number(tag: Typed, data_type: DataType, value: int | float) -> int | float:
    is_scaled = tag.scale != 1 or tag.offset != 0 or tag.raw_min is not None or tag.scale_address is not None
    if data_type.is_float or is_scaled:
        return float(value)
    if value != int(value):
        raise Unfit(f"This tag is a whole number; {value:g} is none.")
    least, most = (0, 2**tag.bit_count - 1) if tag.bit_count else _LIMITS[data_type]
    if not least <= value <= most:
        raise Unfit(f"{value:g} does not fit into this tag. Write a whole number from {least} to {most}.")
    return int(value)
