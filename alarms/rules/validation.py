"""What an alarm's own values must be: asked by the admin site, the plant document and the CSV import alike.

What is asked of several alarms at once stands in alarms/rules/relations.py, of production in
alarms/rules/rationalisation.py.
"""

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from alarms.kinds import Kind, Priority, Severity
from alarms.priorities import priority_of
from alarms.rules.kind_rules import Problems, expression_problems, foreign_problems, kind_problems

if TYPE_CHECKING:
    from alarms.models import Alarm, AlarmClass

LONGEST_DELAY_S: Final = 86_400.0
LONGEST_RESPONSE_MIN: Final = 7 * 24 * 60.0
LONGEST_REALARM_MIN: Final = 7 * 24 * 60
MOST_REALARMS: Final = 100
LONGEST_TEXT: Final = 500
LONG_TEXTS: Final = ("cause", "consequence", "operator_action")
"""Texts of several lines."""
_ONE_LINE: Final = ("basis", "related_trip", "owner", "approved_by")
_GROUP: Final = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_UNSEEN: Final = {"Cc", "Cs", "Zl", "Zp"}


def alarm_problems(alarm: "Alarm") -> Problems:
    """Field -> what is wrong with it, and what to write instead. Sets the priority."""
    alarm.priority = Priority.DIAGNOSTIC  # until severity and time are known to be right
    if alarm.kind not in list(Kind):
        return {"kind": f"'{alarm.kind}' is no kind of alarm. Kinds are {', '.join(Kind)}."}
    kind, tag = Kind(alarm.kind), alarm.tag
    found = _delay_problems(alarm) | _cycle_problems(alarm) | _text_problems(alarm) | _priority_problems(alarm)
    if (tag is None) != (kind is Kind.SYSTEM):
        text = "A system alarm has no tag, and every other alarm has one."
        return found | {"kind" if tag is not None else "tag": text}
    found |= foreign_problems(alarm, kind)
    if tag is not None:
        found |= kind_problems(alarm, kind, tag)
    return found | expression_problems(alarm, kind, tag)


def _priority_problems(alarm: "Alarm") -> Problems:
    found: Problems = {}
    minutes = alarm.time_to_respond_min
    if alarm.severity not in list(Severity):
        found["severity"] = f"The severity is one of {', '.join(s.name.lower() for s in Severity)}."
    if not math.isfinite(minutes) or not 0 < minutes <= LONGEST_RESPONSE_MIN:
        text = f"The time to respond is more than 0 and at most {LONGEST_RESPONSE_MIN:g} minutes (a week)."
        found["time_to_respond_min"] = text
    if not found:
        alarm.priority = priority_of(Severity(alarm.severity), minutes)
    return found


def _delay_problems(alarm: "Alarm") -> Problems:
    found = {}
    for field in ("on_delay_s", "off_delay_s"):
        value = getattr(alarm, field)
        if not math.isfinite(value) or not 0 <= value <= LONGEST_DELAY_S:
            found[field] = f"The delay is 0 to {LONGEST_DELAY_S:g} s (a day)."
    return found


def _cycle_problems(alarm: "Alarm") -> Problems:
    """Settings of the life cycle that contradict each other, and limits of shelving (ALM-24)."""
    found: Problems = {}
    if alarm.latching and alarm.ack_on_return:
        found["ack_on_return"] = "A latching alarm waits for a person: returning cannot acknowledge it. Leave one off."
    if alarm.relatch_silently and not alarm.latching:
        found["relatch_silently"] = (
            "Only a latching alarm comes back to its latch. Leave this off, or switch on latching."
        )
    if alarm.realarm_min and not alarm.ack_required:
        found["realarm_min"] = "It alarms again after an acknowledgement, and this alarm needs none. Write 0."
    elif alarm.realarm_min > LONGEST_REALARM_MIN:
        found["realarm_min"] = f"At most {LONGEST_REALARM_MIN} minutes (a week); 0: it does not alarm again."
    if not 1 <= alarm.realarm_limit <= MOST_REALARMS:
        found["realarm_limit"] = f"It alarms again 1 to {MOST_REALARMS} times. To have none, write 0 minutes above."
    if alarm.first_out and not _GROUP.match(alarm.first_out):
        found["first_out"] = "The name of a group is 1 to 32 letters, digits, '-' or '_'."
    if alarm.max_shelve_min is not None and (problem := _shelving_problem(alarm.max_shelve_min, _class_of(alarm))):
        found["max_shelve_min"] = problem
    return found


def _class_of(alarm: "Alarm") -> "AlarmClass | None":
    """The class may be missing in a form or document that is wrong there; that is said at its field."""
    has_one = alarm._state.fields_cache.get("alarm_class") is not None
    return alarm.alarm_class if has_one or alarm.alarm_class_id is not None else None


def _shelving_problem(minutes: int, group: "AlarmClass | None") -> str | None:
    if minutes < 1:
        return "At least 1 minute. To forbid shelving, switch 'shelvable' off."
    if group is not None and minutes > group.max_shelve_min:
        return (
            f"The class '{group.name}' allows {group.max_shelve_min} minutes at most. Write that or less, or nothing."
        )
    return None


def _text_problems(alarm: "Alarm") -> Problems:
    found: Problems = {}
    if not alarm.message.strip():
        found["message"] = "Write what the operator reads: what is wrong, and where."
    for field in (*LONG_TEXTS, *_ONE_LINE):
        text = getattr(alarm, field)
        strange = next((c for c in text if _is_unseen(c) and not (c == "\n" and field in LONG_TEXTS)), None)
        if strange is not None:
            where = "" if field in LONG_TEXTS else " Write the text on one line."
            found[field] = f"The text holds U+{ord(strange):04X}, which cannot be seen.{where}"
        elif field in LONG_TEXTS and len(text) > LONGEST_TEXT:
            found[field] = f"The text has {len(text)} characters; the most is {LONGEST_TEXT}."
    return found


def _is_unseen(character: str) -> bool:
    """Control characters, and marks that turn the reading order (bidirectional overrides)."""
    code = ord(character)
    return unicodedata.category(character) in _UNSEEN or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
