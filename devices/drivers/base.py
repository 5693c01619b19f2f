"""What a driver is: a few calls, and errors named for what the caller does next. How to add one: docs/devices.md."""

from collections.abc import Callable, Mapping
from typing import Protocol

from devices.plan import Read
from devices.quirks import Quirks


class DriverError(Exception):
    """No data came of a request. `str()` is a sentence part for people."""


class DeviceRefused(DriverError):
    """The device answered that it will not: the request is at fault or the device is. Other requests may go on."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code:02X}")
        self.code = code


class NoAnswer(DriverError):
    """Nothing came in time. Leave this unit alone for a while; others on the link may go on."""


class BadReply(DriverError):
    """Something came that is not the answer to the request. Count it and never take it for data.

    `is_out_of_step`: what follows on this connection cannot be trusted either. Close it and open a new one.
    """

    def __init__(self, reason: str, *, is_out_of_step: bool = False) -> None:
        super().__init__(reason)
        self.is_out_of_step = is_out_of_step


class LinkDown(DriverError):
    """There is no connection. Connect again before anything else."""


class Driver(Protocol):
    """One connection to one host and port, or one serial line, for one unit or several. One request at a time (MB-02).

    A driver heeds `registers_by` and `any_unit` of a unit's quirks; the others are the link's. Where the protocol has
    no transaction id (RTU), a request waits until no late answer can be on its way any more (MB-03), so that a call
    may take longer than its time-out. A call that is cancelled leaves the connection fit for the next one.
    """

    @property
    def late_replies(self) -> int:
        """Right answers that came after their time and were thrown away."""

    @property
    def stray_replies(self) -> int:
        """Frames nobody asked for."""

    @property
    def is_connected(self) -> bool: ...

    async def connect(self, timeout_s: float) -> None:
        """Raises LinkDown with the reason."""

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
        """The payload of a checked answer, exactly `read.payload_bytes` long.

        Raises DeviceRefused, NoAnswer, BadReply or LinkDown. Sends once, never repeats by itself.
        """

    async def identify(self, unit: int, timeout_s: float) -> dict[int, str]:
        """What the device says of itself (FC 43/14): object id -> text; 0 vendor, 1 product code, 2 revision.

        Several requests where the device divides its answer; `timeout_s` is that of each. Raises as read();
        DeviceRefused 01 from a device that cannot say.
        """

    def close(self) -> None:
        """At once, and harmless when there is no connection."""


OpenDriver = Callable[[str, str, int, str, Mapping[int, Quirks]], Driver]
"""Name of the driver, host or serial port, TCP port, serial settings, unit id -> its quirks (none: none needed)."""
