"""What an alarm's own values must be: asked by the admin site, the plant document and the CSV import alike."""

import math
from typing import TYPE_CHECKING

from alarms.kinds import Kind, Severity
from alarms.priorities import priority_of

if TYPE_CHECKING:
    from alarms.models import Alarm

Problems = dict[str, str]


def alarm_problems(alarm: "Alarm") -> Problems:
    """Field -> what is wrong with it, and what to write instead. Sets the priority."""
    problems: Problems = {}
    if alarm.kind not in list(Kind):
        return {"kind": f"'{alarm.kind}' is no kind of alarm. Kinds are {', '.join(Kind)}."}
    kind = Kind(alarm.kind)
    if kind.has_setpoint and (alarm.setpoint is None or not math.isfinite(alarm.setpoint)):
        problems["setpoint"] = f"A {kind.label} alarm needs a setpoint, a number in the unit of its tag."
    if (alarm.tag_id is None) != (kind is Kind.SYSTEM):
        problems["kind"] = "A system alarm has no tag, and every other alarm has one."
    alarm.priority = priority_of(Severity(alarm.severity), alarm.time_to_respond_min)
    return problems
