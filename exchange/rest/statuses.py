"""A status in the words of other systems: the OPC UA name, the severity, the byte of OPC DA (UA-04). Pure."""

from typing import Final, Literal

from bus import quality as codes
from bus.quality import Severity, severity

Word = Literal["good", "uncertain", "bad"]

NAMES: Final[dict[int, tuple[str, int]]] = {
    codes.GOOD: ("Good", 192),
    codes.GOOD_CLAMPED: ("Good_Clamped", 192),
    codes.GOOD_LOCAL_OVERRIDE: ("Good_LocalOverride", 216),
    codes.UNCERTAIN: ("Uncertain", 64),
    codes.UNCERTAIN_NO_COMMUNICATION: ("Uncertain_NoCommunicationLastUsableValue", 68),
    codes.UNCERTAIN_LAST_USABLE: ("Uncertain_LastUsableValue", 68),
    codes.UNCERTAIN_EU_EXCEEDED: ("Uncertain_EngineeringUnitsExceeded", 84),
    codes.UNCERTAIN_SUBNORMAL: ("Uncertain_SubNormal", 88),
    codes.BAD_TIMEOUT: ("Bad_Timeout", 24),
    codes.BAD_NO_COMMUNICATION: ("Bad_NoCommunication", 24),
    codes.BAD_WAITING_FOR_INITIAL_DATA: ("Bad_WaitingForInitialData", 32),
    codes.BAD_CONFIGURATION_ERROR: ("Bad_ConfigurationError", 4),
    codes.BAD_NOT_CONNECTED: ("Bad_NotConnected", 8),
    codes.BAD_DEVICE_FAILURE: ("Bad_DeviceFailure", 12),
    codes.BAD_SENSOR_FAILURE: ("Bad_SensorFailure", 16),
    codes.BAD_OUT_OF_SERVICE: ("Bad_OutOfService", 28),
}
"""Status -> its symbol in OPC UA Part 6 and its OPC DA byte without limit bits.

OPC DA has a Bad code for a last known value (20). It is not used: 68 keeps the severity, which is Uncertain.
"""

_BY_SEVERITY: Final[dict[Severity, tuple[str, int]]] = {
    Severity.GOOD: ("Good", 192),
    Severity.UNCERTAIN: ("Uncertain", 64),
    Severity.BAD: ("Bad", 0),
}
_CODE_MASK: Final = 0xFFFF0000
WORDS: Final[dict[Severity, Word]] = {Severity.GOOD: "good", Severity.UNCERTAIN: "uncertain", Severity.BAD: "bad"}


def word_of(status: int) -> Word:
    return WORDS[severity(status)]


def name_of(status: int) -> str:
    return NAMES.get(status & _CODE_MASK, _BY_SEVERITY[severity(status)])[0]


def da_byte(status: int) -> int:
    """Quality and substatus, with the limit in the two lowest bits: 1 low, 2 high."""
    byte = NAMES.get(status & _CODE_MASK, _BY_SEVERITY[severity(status)])[1]
    return byte | (status & (codes.LIMIT_LOW | codes.LIMIT_HIGH)) >> 8
