"""Which drivers there are. The only list of them; a driver's module is loaded when its first link starts."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from devices.drivers.base import Driver, LinkDown
from devices.plan import Read
from devices.quirks import Quirks

DRIVERS: Final = {
    "modbus_tcp": ("devices.drivers.modbus", "ModbusTcp"),
    "modbus_rtu_tcp": ("devices.drivers.modbus", "ModbusRtuTcp"),
    "modbus_rtu": ("devices.drivers.modbus", "ModbusRtu"),
}
"""Name in the configuration -> module and class. The class takes host, port, serial settings and quirks by unit."""


SERIAL: Final = frozenset({"modbus_rtu"})
"""Drivers whose host is a serial line of this machine: no port, and all devices on one line share it."""


def is_serial(driver: str) -> bool:
    return driver in SERIAL


def open_driver(name: str, host: str, port: int, line: str = "", quirks: Mapping[int, Quirks] | None = None) -> Driver:
    """A driver that is not connected yet. An unknown name gives one that never will be, and says why.

    `line`: settings of a serial line, like "19200 8E1". `quirks`: unit id -> what that unit needs.
    """
    if name not in DRIVERS:
        return _Unknown(name)
    module, kind = DRIVERS[name]
    return cast(Driver, getattr(import_module(module), kind)(host, port, line, quirks or {}))


class _Unknown:
    late_replies = 0
    stray_replies = 0
    is_connected = False

    def __init__(self, name: str) -> None:
        self._reason = f"there is no driver '{name}'; known drivers: {', '.join(sorted(DRIVERS))}"

    async def connect(self, timeout_s: float) -> None:  # noqa: ARG002 (the interface)
        raise LinkDown(self._reason)

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:  # noqa: ARG002 (the interface)
        raise LinkDown(self._reason)

    async def identify(self, unit: int, timeout_s: float) -> dict[int, str]:  # noqa: ARG002 (the interface)
        raise LinkDown(self._reason)

    def close(self) -> None:
        return
