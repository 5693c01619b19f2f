"""Is everything said about an alarm that must be said before people depend on it (ALM-10)?"""

from typing import TYPE_CHECKING, Final

from alarms.kinds import Kind

if TYPE_CHECKING:
    from alarms.models import Alarm

_ASKED: Final = {
    "cause": "cause",
    "consequence": "consequence",
    "operator_action": "operator action",
    "basis": "basis of the setpoint",
    "owner": "owner",
    "approved_by": "approved by",
    "approved_on": "approved on",
    "review_on": "review date",
}
"""Field -> how people call it. Class, severity and time to respond always have a value."""


def rationalised(alarm: "Alarm") -> list[str]:
    """The fields of the model that are still missing; none: the alarm is rationalised."""
    has_limit = alarm.kind in list(Kind) and Kind(alarm.kind).has_setpoint
    asked = [field for field in _ASKED if field != "basis" or has_limit]
    return [field for field in asked if not str(getattr(alarm, field) or "").strip()]


def production_problem(alarm: "Alarm") -> str | None:
    """Why the alarm cannot be enabled in a plant in production mode."""
    if not alarm.enabled or not (missing := rationalised(alarm)):
        return None
    text = (
        f"In production mode only rationalised alarms can be enabled. Missing: {', '.join(_ASKED[f] for f in missing)}."
    )
    if "operator_action" in missing:
        text += " What asks for no action of the operator is no alarm."
    return f"{text} Fill in what is missing, or leave the alarm off."
