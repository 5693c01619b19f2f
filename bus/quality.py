"""Status codes of a value: OPC UA Part 4 §7.39, the codes Isthmus produces (UA-01 … UA-03).

A status is a uint32: bits 31-30 severity (00 Good, 01 Uncertain, 10 Bad), 29-16 sub-code, 15-0 info bits.
Always ask `severity()`; never compare a status with 0 (UA-02).
"""

from enum import IntEnum
from typing import Final

SEVERITY_MASK: Final = 0xC0000000

GOOD: Final = 0x00000000
GOOD_CLAMPED: Final = 0x00300000
GOOD_LOCAL_OVERRIDE: Final = 0x00960000
UNCERTAIN: Final = 0x40000000
UNCERTAIN_NO_COMMUNICATION: Final = 0x408F0000
UNCERTAIN_LAST_USABLE: Final = 0x40900000
UNCERTAIN_EU_EXCEEDED: Final = 0x40940000
UNCERTAIN_SUBNORMAL: Final = 0x40950000
BAD_TIMEOUT: Final = 0x800A0000
BAD_NO_COMMUNICATION: Final = 0x80310000
BAD_WAITING_FOR_INITIAL_DATA: Final = 0x80320000
BAD_CONFIGURATION_ERROR: Final = 0x80890000
BAD_NOT_CONNECTED: Final = 0x808A0000
BAD_DEVICE_FAILURE: Final = 0x808B0000
BAD_SENSOR_FAILURE: Final = 0x808C0000
BAD_OUT_OF_SERVICE: Final = 0x808D0000

LIMIT_LOW: Final = 0x100
LIMIT_HIGH: Final = 0x200


class Severity(IntEnum):
    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


def severity(status: int) -> Severity:
    """Severity of a status. The reserved pattern 11 counts as Bad (Part 4 §7.39.1)."""
    bits = (status & SEVERITY_MASK) >> 30
    return Severity.BAD if bits >= 2 else Severity(bits)


def is_good(status: int) -> bool:
    return status & SEVERITY_MASK == 0
