"""What makes a device or a tag possible. Asked by the model, so by the admin and the plant document alike."""

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ValidationError

from devices.derived_rules import derived_problems, manual_problems
from devices.drivers.registry import DRIVERS, is_serial
from devices.line_load import parse_line
from devices.point_rules import Problems, point_problems
from devices.points import DataType
from plant.document.problems import suggestion
from plant.models import validate_one_line

if TYPE_CHECKING:
    from devices.models import Device, Tag

RTU: Final = ("modbus_rtu", "modbus_rtu_tcp")
"""Drivers whose devices stand on a serial line, here or behind a converter."""
MAX_UNIT: Final = 247
DEFAULT_PORT: Final = 502
MAX_STATES: Final = 256
MAX_STATE_TEXT: Final = 60
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,9})\Z")
_SERIAL_PORT: Final = re.compile(r"/dev/[A-Za-z0-9_][A-Za-z0-9_./:+-]*\Z")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")


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


def validate_serial_port(host: str) -> None:
    """A serial line of this machine."""
    if not _SERIAL_PORT.match(host) or ".." in host:
        raise ValidationError(f"'{host}' is not a serial line of this machine. Write its path, like /dev/ttyUSB0.")


def device_problems(device: "Device") -> Problems:
    """Everything that is wrong with the values of one device among themselves."""
    found: Problems = {}
    is_on_line = is_serial(device.driver)
    try:
        if device.host:  # that there is none is said by the field
            (validate_serial_port if is_on_line else validate_host)(device.host)
    except ValidationError as error:
        found["host"] = error.messages[0]
    if device.driver in RTU and isinstance(device.unit, int) and not 1 <= device.unit <= MAX_UNIT:
        found["unit"] = (
            f"On a serial line a device has a unit id from 1 to {MAX_UNIT}; 0 means all of them and is never answered."
        )
    return found | (_line_problems(device) if is_on_line else _network_problems(device))


def _line_problems(device: "Device") -> Problems:
    found: Problems = {}
    try:
        parse_line(device.line)
    except ValueError as error:
        found["line"] = str(error)
    if device.port != DEFAULT_PORT:
        found["port"] = f"A serial line has no port. Leave it at {DEFAULT_PORT}."
    if device.idle_close_s:
        found["idle_close_s"] = "A serial line is not closed by its devices. Leave this at 0."
    return found


def _network_problems(device: "Device") -> Problems:
    if not device.line:
        return {}
    text = f"The driver {device.driver} speaks over the network, where there are no serial settings. Leave this out"
    return {"line": f"{text}, or take the driver modbus_rtu."}


def tag_problems(tag: "Tag") -> Problems:
    """Everything that is wrong with the values of one tag among themselves. Fields that are no values are skipped."""
    if tag.kind != "device":
        return derived_problems(tag) if tag.kind == "derived" else manual_problems(tag)
    found = point_problems(tag)
    if tag.data_type == DataType.STRING:
        text = "A string is text already: it has no numbers that need words. Leave this out."
        return found | ({"state_labels": text} if tag.state_labels else {})
    states = state_problem(tag.state_labels, is_bool=tag.data_type == DataType.BOOL)
    return found | ({"state_labels": states} if states else {})


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
