"""Which drivers there are. The only list of them; a driver's module is loaded when its first link starts."""

from importlib import import_module
from typing import Final, cast

from devices.drivers.base import Driver, LinkDown
from devices.plan import Read

DRIVERS: Final = {"modbus_tcp": ("devices.drivers.modbus", "ModbusTcp")}
"""Name in the configuration -> module and class. The class takes host and port."""


SERIAL: Final = frozenset({"modbus_rtu"})
"""Drivers whose host is a serial line of this machine: no port, and all devices on one line share it."""


def is_serial(driver: str) -> bool:
    return driver in SERIAL


def open_driver(name: str, host: str, port: int) -> Driver:
    """A driver that is not connected yet. An unknown name gives one that never will be, and says why."""
    if name not in DRIVERS:
        return _Unknown(name)
    module, kind = DRIVERS[name]
    return cast(Driver, getattr(import_module(module), kind)(host, port))


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

    def close(self) -> None:
        return
