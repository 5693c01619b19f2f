"""What makes the address and the scaling of a tag possible that is read from a device.

`devices.plan.is_readable` refuses the same once more, without words, for what was written past these checks.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from devices.not_implemented import not_implemented_bits
from devices.plan import ADDRESSES, MAX_REGISTERS
from devices.points import DataType, Order, Table

if TYPE_CHECKING:
    from devices.models import Device, Tag

Problems = dict[str, str]
"""Field of the model -> sentence."""

LAST_BIT: Final = 63

_PLAIN: Final = {
    "order": "ABCD", "bit": None, "bit_count": None, "length": 0, "scale": 1.0, "offset": 0.0, "eu_min": None,
    "eu_max": None, "raw_min": None, "raw_max": None, "clamp": False, "scale_address": None, "not_implemented": "",
}  # fmt: skip
"""Field -> what it holds when it says nothing."""
_SCALING: Final = ("scale", "offset", "eu_min", "eu_max", "raw_min", "raw_max", "clamp", "scale_address")
_BYTES: Final = (DataType.INT8, DataType.UINT8)


def point_problems(tag: "Tag") -> Problems:
    """Everything that is wrong with the values of one tag among themselves. Fields that are no values are skipped."""
    table = Table(tag.table) if tag.table in Table.__members__.values() else None
    data_type = DataType(tag.data_type) if tag.data_type in DataType.__members__.values() else None
    found = _range_problems(tag)
    if table is None or data_type is None:
        return found
    if table.is_bits:
        return found | _bit_table_problems(tag, table, data_type)
    found |= _bit_problems(tag, data_type) | _length_problems(tag, data_type) | _order_problems(tag, data_type)
    if data_type.is_number:
        found |= _factor_problems(tag, data_type)
    else:
        what = "A bool is 0 or 1" if data_type is DataType.BOOL else "A string is text"
        found |= _left_out(tag, _SCALING, f"{what}: it has neither scaling nor a range. Leave this out.")
    if tag.not_implemented:
        try:
            not_implemented_bits(tag.not_implemented, data_type)
        except ValueError as error:
            found["not_implemented"] = str(error)
    return found | _address_problems(tag, data_type)


def span_problem(tag: "Tag", device: "Device") -> tuple[str, str] | None:
    """The field and the sentence, where the device cannot deliver the tag in one answer; None where it can."""
    if tag.table not in (Table.HOLDING, Table.INPUT) or tag.data_type not in DataType.__members__.values():
        return None
    size, limit = _registers(tag, DataType(tag.data_type)), device.max_registers
    if size > limit:
        text = f"The value takes {size} registers, and {device.name} gives at most {limit} in one answer"
        return "data_type", f"{text} (max_registers). A value is never read in two."
    if tag.scale_address is None or tag.address is None:
        return None
    if limit < _span(tag, size) <= MAX_REGISTERS:  # what is longer is impossible with every device, and said already
        text = f"The value at {tag.address} and its scale factor are {_span(tag, size)} registers apart, and "
        return "scale_address", f"{text}{device.name} gives at most {limit} in one answer (max_registers)."
    return None


def _registers(tag: "Tag", data_type: DataType) -> int:
    return (tag.length + 1) // 2 if data_type is DataType.STRING else data_type.registers


def _span(tag: "Tag", size: int) -> int:
    """Registers from the first to the last of the value and its scale factor."""
    address, other = tag.address or 0, tag.scale_address or 0
    return max(address + size, other + 1) - min(address, other)


def _left_out(tag: "Tag", names: Iterable[str], sentence: str) -> Problems:
    return {name: sentence for name in names if getattr(tag, name) != _PLAIN[name]}


def _bit_table_problems(tag: "Tag", table: Table, data_type: DataType) -> Problems:
    if data_type is not DataType.BOOL:
        return {"data_type": f"The table '{table}' holds single bits: its type is bool, not {data_type}."}
    found = _left_out(tag, _SCALING, "A bool is 0 or 1: it has neither scaling nor a range. Leave this out.")
    address = "The table holds single bits: the address alone says which one. Leave this out."
    return found | _left_out(tag, ("order", "bit", "bit_count", "length", "not_implemented"), address)


def _bit_problems(tag: "Tag", data_type: DataType) -> Problems:
    bit, width = tag.bit, tag.bit_count
    if data_type is DataType.BOOL:
        found = _left_out(tag, ("bit_count",), "A bool is one bit. For several take uint16 with bit and bits.")
        if bit is None:
            found["bit"] = "A bool in a register needs the number of its bit: 0, the lowest, to 15."
        elif bit > 15:
            found["bit"] = f"A register has the bits 0 to 15; {bit} is none of them. Is it one register further?"
        return found
    if data_type in _BYTES:
        found = _left_out(tag, ("bit_count",), f"{_a(data_type)} is one byte. Leave this out.")
        if bit not in (None, 0, 8):
            found["bit"] = f"{_a(data_type)} begins at bit 0 (the low byte) or 8 (the high byte), not at {bit}."
        return found
    if not data_type.is_unsigned:
        only = "Only uint16, uint32 and uint64 can be cut into bits"
        return _left_out(tag, ("bit", "bit_count"), f"{only}; this is {data_type}. Leave this out, or change the type.")
    return _field_problems(bit, width, data_type)


def _field_problems(bit: int | None, width: int | None, data_type: DataType) -> Problems:
    if (bit is None and width is None) or (bit or 0) > LAST_BIT or not 1 <= (1 if width is None else width) <= LAST_BIT:
        return {}  # nothing is asked for, or what is no number of a bit anyway
    if width is None:
        text = "A bit field needs its width: how many bits from 'bit' on. For a single one take the type bool."
        return {"bit_count": text}
    if bit is None:
        return {"bit": "A bit field needs the number of its first bit; 0 is the lowest."}
    last = 16 * data_type.registers - 1
    if bit + width - 1 > last:
        return {
            "bit_count": f"The bits {bit} to {bit + width - 1} are asked for; {_a(data_type).lower()} has 0 to {last}."
        }
    return {}


def _length_problems(tag: "Tag", data_type: DataType) -> Problems:
    if data_type is DataType.STRING:
        return {} if tag.length else {"length": "A string needs its length in bytes: two in each register, 1 to 250."}
    return _left_out(tag, ("length",), f"Only a string has a length; this is {data_type}. Leave this out.")


def _order_problems(tag: "Tag", data_type: DataType) -> Problems:
    possible = _orders(data_type)
    if tag.order in possible or tag.order not in Order.__members__.values():
        return {}
    if len(possible) == 1:
        return {"order": f"{_a(data_type)} takes one byte or bit, which has no order. Leave it at ABCD."}
    return {"order": f"{_a(data_type)} cannot have the order {tag.order}. Its orders: {', '.join(possible)}."}


def _a(data_type: DataType) -> str:
    return f"An {data_type}" if data_type.startswith("i") else f"A {data_type}"


def _orders(data_type: DataType) -> list[Order]:
    if data_type is DataType.BOOL or data_type in _BYTES:
        return [Order.ABCD]
    if data_type is DataType.STRING or data_type.registers == 1:
        return [Order.ABCD, Order.BADC]
    return [order for order in Order if data_type.registers == 4 or not order.is_long]


def _address_problems(tag: "Tag", data_type: DataType) -> Problems:
    size = _registers(tag, data_type)
    if isinstance(tag.address, int) and 0 <= tag.address < ADDRESSES < tag.address + size:
        text = f"{_a(data_type)} at {tag.address} takes {size} registers; the last register is 65535."
        return {"address": text}
    return {}


def _factor_problems(tag: "Tag", data_type: DataType) -> Problems:
    other, address = tag.scale_address, tag.address
    if other is None or not isinstance(address, int):
        return {}
    size = _registers(tag, data_type)
    if address <= other < address + size:
        return {"scale_address": f"At {other} stands the value itself; its scale factor is another register."}
    if _span(tag, size) > MAX_REGISTERS:
        text = f"The value at {address} and its scale factor at {other} must come in one answer, which has at most"
        return {
            "scale_address": f"{text} {MAX_REGISTERS} registers; from one to the other there are {_span(tag, size)}."
        }
    return {}


def _range_problems(tag: "Tag") -> Problems:
    found: Problems = {}
    for name in ("scale", "offset", "eu_min", "eu_max", "raw_min", "raw_max"):
        value = getattr(tag, name)
        if isinstance(value, float) and not math.isfinite(value):
            found[name] = "This must be a finite number."
    if found:
        return found
    if tag.scale == 0:
        found["scale"] = "A scale of 0 makes every value the same. Write 1 for no scaling."
    if tag.eu_min is not None and tag.eu_max is not None and tag.eu_min >= tag.eu_max:
        found["eu_max"] = f"The range ends at {tag.eu_max:g}, which is not above its beginning, {tag.eu_min:g}."
    if tag.clamp and tag.eu_min is None and tag.eu_max is None:
        found["clamp"] = "There is no range to hold the value in. Give range low or high, or leave this out."
    return found | _raw_range_problems(tag)


def _raw_range_problems(tag: "Tag") -> Problems:
    ends: dict[str, Any] = {name: getattr(tag, name) for name in ("raw_min", "raw_max", "eu_min", "eu_max")}
    if ends["raw_min"] is None and ends["raw_max"] is None:
        return {}
    missing = [name for name, value in ends.items() if value is None]
    if missing:
        text = "A raw range stands for a range: it needs raw low and high and range low and high. Give this, too."
        return dict.fromkeys(missing, text)
    if tag.raw_min == tag.raw_max:
        return {"raw_max": f"The raw range ends where it begins, at {tag.raw_max:g}. Its ends must differ."}
    if not math.isfinite(ends["raw_max"] - ends["raw_min"]) or not math.isfinite(ends["eu_max"] - ends["eu_min"]):
        return {"raw_max": "The range is too wide to compute with."}
    instead = "The raw range scales the value already. Leave this out, or the raw range."
    return _left_out(tag, ("scale", "offset", "scale_address"), instead)
