"""What a driver is: a few calls, and errors named for what the caller does next. How to add one: docs/devices.md."""

from typing import Protocol

from devices.plan import Read


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
    """One connection to one host and port, which may carry several units. One request at a time (MB-02)."""

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

    def close(self) -> None:
        """At once, and harmless when there is no connection."""
