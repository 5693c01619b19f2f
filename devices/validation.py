"""What makes a tag's address and scaling possible. Asked by the model, so by the admin and the plant document alike."""

import ipaddress
import math
import re
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ValidationError

from devices.derived_rules import derived_problems, manual_problems
from devices.drivers.registry import DRIVERS
from devices.points import DataType, Table
from plant.document.problems import suggestion
from plant.models import validate_one_line

if TYPE_CHECKING:
    from devices.models import Device, Tag

ADDRESSES: Final = 65536
"""Addresses of one Modbus table: 0 to 65535."""
MAX_STATES: Final = 256
MAX_STATE_TEXT: Final = 60
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,9})\Z")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")

SUNSPEC_NOT_IMPLEMENTED: Final = {
    DataType.INT16: 0x8000, DataType.UINT16: 0xFFFF, DataType.INT32: 0x8000_0000, DataType.UINT32: 0xFFFF_FFFF,
    DataType.INT64: 0x8000_0000_0000_0000, DataType.UINT64: 0xFFFF_FFFF_FFFF_FFFF, DataType.FLOAT32: 0x7FC0_0000,
    DataType.FLOAT64: 0x7FF8_0000_0000_0000,
}  # fmt: skip
"""Of the SunSpec information models; accumulators use 0, which a tag says by itself."""

Problems = dict[str, str]
"""Field of the model -> sentence."""


def validate_host(host: str) -> None:
    """An IPv4 or IPv6 address or a host name, without scheme, port or brackets."""
    try:
        ipaddress.ip_address(host)
        return
    except ValueError:
        pass
    if "://" in host or "/" in host:
        raise ValidationError(f"'{host}' is a URL. Write the host alone, like 10.0.0.5 or plc1.example.")
    if host.startswith("[") or re.fullmatch(r"[^:]+:\d+", host):
        raise ValidationError(f"'{host}' names a port as well. Write the host here and the port in the field 'port'.")
    labels = host.removesuffix(".").split(".")
    if all(label.isdigit() for label in labels):
        raise ValidationError(f"'{host}' is not an IPv4 address: four numbers from 0 to 255, like 10.0.0.5.")
    if not all(_HOST_LABEL.match(label) for label in labels):
        raise ValidationError(f"'{host}' is neither an address (10.0.0.5, fd00::5) nor a host name (plc1.example).")


def validate_driver(name: str) -> None:
    if name not in DRIVERS:
        raise ValidationError(f"There is no driver '{name}'.{suggestion(name, DRIVERS, listing='Drivers')}")


def device_problems(device: "Device") -> Problems:
    """Everything that is wrong with the values of one device among themselves."""
    try:
        validate_host(device.host)
    except ValidationError as error:
        return {"host": error.messages[0]}
    return {}


def not_implemented_bits(text: str, data_type: DataType) -> int:
    """The raw bits, unsigned, that a tag's `not_implemented` means. Raises ValueError with a sentence."""
    if text.lower() == "sunspec":
        return SUNSPEC_NOT_IMPLEMENTED[data_type]
    return int(text, 0)


def tag_problems(tag: "Tag") -> Problems:
    """Everything that is wrong with the values of one tag among themselves. Fields that are no values are skipped."""
    if tag.kind != "device":
        return derived_problems(tag) if tag.kind == "derived" else manual_problems(tag)
    found: Problems = {}
    table = Table(tag.table) if tag.table in Table.__members__.values() else None
    data_type = DataType(tag.data_type) if tag.data_type in DataType.__members__.values() else None
    if table is not None and data_type is not None:
        found |= _table_problems(tag, table, data_type)
    if data_type is not None and isinstance(tag.address, int) and 0 <= tag.address < ADDRESSES:
        found |= _address_problems(tag.address, data_type)
    found |= _range_problems(tag)
    if data_type is DataType.BOOL:
        found |= _bool_problems(tag)
    states = state_problem(tag.state_labels, is_bool=data_type is DataType.BOOL)
    return found | ({"state_labels": states} if states else {})


def _table_problems(tag: "Tag", table: Table, data_type: DataType) -> Problems:
    if table.is_bits and data_type is not DataType.BOOL:
        return {"data_type": f"The table '{table}' holds single bits: its type is bool, not {data_type}."}
    if not table.is_bits and data_type is DataType.BOOL:
        return {"data_type": f"A bool is read from the tables 'coil' and 'discrete'; '{table}' holds 16-bit registers."}
    if data_type.registers == 1 and tag.order != "ABCD":
        return {"order": f"The order belongs to 32-bit values; {data_type} takes one register. Leave it at ABCD."}
    return {}


def _address_problems(address: int, data_type: DataType) -> Problems:
    if address + data_type.registers > ADDRESSES:
        text = f"A {data_type} at {address} takes {data_type.registers} registers; the last register is 65535."
        return {"address": text}
    return {}


def _range_problems(tag: "Tag") -> Problems:
    found: Problems = {}
    for name in ("scale", "offset", "eu_min", "eu_max"):
        value = getattr(tag, name)
        if isinstance(value, float) and not math.isfinite(value):
            found[name] = "This must be a finite number."
    if tag.scale == 0:
        found["scale"] = "A scale of 0 makes every value the same. Write 1 for no scaling."
    if tag.eu_min is not None and tag.eu_max is not None and tag.eu_min >= tag.eu_max:
        found["eu_max"] = f"The range ends at {tag.eu_max:g}, which is not above its beginning, {tag.eu_min:g}."
    return found


def _bool_problems(tag: "Tag") -> Problems:
    found: Problems = {}
    for name, plain in (("scale", 1.0), ("offset", 0.0), ("eu_min", None), ("eu_max", None)):
        if getattr(tag, name) != plain:
            found[name] = "A bool is 0 or 1: it has neither scaling nor a range. Leave this out."
    return found


def state_problem(states: Any, *, is_bool: bool) -> str | None:
    """What is wrong with the words for states: a mapping of whole numbers, as text, to short texts."""
    if not isinstance(states, dict):
        return 'Write a mapping of whole numbers to words, like {"0": "stopped", "1": "running"}.'
    if len(states) > MAX_STATES:
        return f"There are {len(states)} states; the most is {MAX_STATES}."
    for key, word in states.items():
        if not isinstance(key, str) or not _WHOLE.match(key):
            return f"'{key}' is not a whole number: each state is named by its number, like 0 or 1."
        if is_bool and key not in ("0", "1"):
            return f"A bool has the states 0 and 1; '{key}' is none of them."
        if not isinstance(word, str) or not word.strip() or len(word) > MAX_STATE_TEXT:
            return f"The word for state {key} must be a text of 1 to {MAX_STATE_TEXT} characters."
        try:
            validate_one_line(word)
        except ValidationError as error:
            return f"The word for state {key}: {error.messages[0]}"
    return None
