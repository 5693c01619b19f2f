"""What a Modbus exception code means, and what to do about it, in words. Pure. Source: Application Protocol, 7."""

from typing import Final

_MEANING: Final = {
    1: ("illegal function", "The device does not know this function code: try the other table, or see its manual."),
    2: ("illegal address", "Nothing stands at this address, or not so much: try fewer, and check the 0-based address."),
    3: ("illegal value", "Usually too many at once: try fewer, and lower the device's largest read."),
    4: ("device failure", "The device itself has a fault: see its display or its manual."),
    5: ("acknowledge", "The device works on a long job: ask again later."),
    6: ("busy", "The device has no time now: ask again, and leave it a pause between requests."),
    7: ("negative acknowledge", "An old device refuses: see its manual."),
    8: ("memory parity error", "The device found a fault in its memory: it wants service."),
    10: ("gateway path unavailable", "The gateway has no way to this unit: check the unit id and the gateway's lines."),
    11: ("no answer behind the gateway", "The gateway asked and heard nothing: check unit id, power and bus wiring."),
}
_UNKNOWN: Final = ("a code the standard does not name", "See the manual of the device.")


def meaning(code: int) -> str:
    """Like "exception 02, illegal address"."""
    return f"exception {code:02X}, {_MEANING.get(code, _UNKNOWN)[0]}"


def what_to_try(code: int) -> str:
    """A sentence."""
    return _MEANING.get(code, _UNKNOWN)[1]
