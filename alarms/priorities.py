"""Priority from consequence and urgency, never from taste (ALM-11). Pure."""

from typing import Final

from alarms.kinds import Priority, Severity

URGENCY_MIN: Final = (3, 10, 30)
"""Minutes to respond that part very urgent, urgent, soon and not urgent."""
_MATRIX: Final = {
    Severity.SEVERE: (Priority.HIGH, Priority.HIGH, Priority.MEDIUM, Priority.LOW),
    Severity.MAJOR: (Priority.HIGH, Priority.MEDIUM, Priority.MEDIUM, Priority.LOW),
    Severity.MINOR: (Priority.MEDIUM, Priority.LOW, Priority.LOW, Priority.DIAGNOSTIC),
}
"""By urgency: under 3, 3 to 10, 10 to 30, and more minutes."""
TOO_FAST_MIN: Final = 3
"""Who has less time to respond should not be a person: make it automatic."""


def priority_of(severity: Severity, minutes_to_respond: float) -> Priority:
    column = sum(minutes_to_respond >= limit for limit in URGENCY_MIN)
    return _MATRIX[severity][column]


def too_fast(minutes_to_respond: float) -> str | None:
    """The warning where no person is fast enough."""
    if minutes_to_respond >= TOO_FAST_MIN:
        return None
    return (
        f"There are only {minutes_to_respond:g} minutes to respond: this should be automatic. Let the controller act, "
        "and let the alarm say that it did."
    )
