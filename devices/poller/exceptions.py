"""What a Modbus exception means for whoever asked (standards: exception table). Pure."""

from typing import Final

from devices.poller.health import REFUSING, SILENT
from devices.poller.learned import ILLEGAL_FUNCTION, REFUSALS

DEVICE_FAILURE: Final = 0x04
ACKNOWLEDGE: Final = 0x05
BUSY: Final = 0x06
MEMORY_PARITY: Final = 0x08
NO_GATEWAY_PATH: Final = 0x0A
TARGET_SILENT: Final = 0x0B

TEACHING: Final = REFUSALS | {ILLEGAL_FUNCTION}
"""What the device has not: it is found out what exactly, and left alone from then on."""
IS_BUSY: Final = frozenset({ACKNOWLEDGE, BUSY})
"""The device works, and will answer another time; the last value stays, marked."""
RETRIES_S: Final = {
    DEVICE_FAILURE: (0.2, 1.0),
    ACKNOWLEDGE: (0.1, 0.3, 1.0),
    BUSY: (0.1, 0.3, 1.0),
    MEMORY_PARITY: (0.2,),
}
"""Exception code -> pauses before each retry. After the last one the next scan asks as ever."""
GATEWAY_PAUSES_S: Final = (5.0, 60.0)
BEHIND_GATEWAY: Final = {
    NO_GATEWAY_PATH: (REFUSING, "the gateway has no path to it (exception 0A)"),
    TARGET_SILENT: (SILENT, "the gateway has no answer from it (exception 0B)"),
}
