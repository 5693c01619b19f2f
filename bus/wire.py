"""A value as it travels in JSON, to browsers and to programs. Pure."""

import math
from typing import Final

from bus.messages import Value
from bus.quality import Severity, severity

MAX_EXACT: Final = 2**53
"""Above this an integer is no longer exact in a browser, so it travels as text; a float gets an exponent."""


def wire_value(value: Value, status: int) -> Value:
    """The value as it travels in JSON: exact integers beyond 2^53 as text; nothing where Bad says not to use it."""
    if severity(status) is Severity.BAD or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, int) and abs(value) > MAX_EXACT:
        return str(value)
    return value
