"""Which definitions of alarms are refused, and in which words (ALM-10)."""

from typing import Any

import pytest

from alarms.models import Alarm, AlarmClass
from alarms.rules.validation import alarm_problems
from devices.models import Tag

TAGS: dict[str, dict[str, Any]] = {
    "level": {"data_type": "float32", "unit": "m", "eu_min": 0.0, "eu_max": 8.0},
    "count": {"data_type": "uint16"},
    "run": {"data_type": "bool", "state_labels": {"0": "stopped", "1": "running"}},
    "mode": {"data_type": "uint16", "state_labels": {"0": "off", "2": "fault"}},
    "text": {"data_type": "string"},
    "by_hand": {"data_type": "float64", "kind": "manual"},
}
KINDS: dict[str, dict[str, Any]] = {
    "hi": {"setpoint": 6.0, "deadband": 0.2},
    "lolo": {"setpoint": 1.0, "deadband": 0.2},
    "deviation": {"setpoint": 1.0, "target": 4.0},
    "rate": {"setpoint": 0.1},
    "discrete": {"states": [2]},
    "bad_quality": {},
    "comm": {},
    "expression": {"expression": "value > 3 and x", "input_names": ["x"]},
    "system": {},
}


def alarm(kind: str = "hi", tag: str | None = "level", **changes: Any) -> Alarm:
    fields = {"name": "a", "kind": kind, "message": "Tank high", "severity": 2, "time_to_respond_min": 10.0}
    values = fields | KINDS.get(kind, {}) | changes
    names = values.pop("input_names", [])
    found = Alarm(alarm_class=AlarmClass(name="process"), **values)
    found.tag = None if tag is None else Tag(name=tag, **TAGS[tag])
    found.input_names = names  # type: ignore[attr-defined]  # as a form or document sets it
    return found


@pytest.mark.parametrize(
    ("kind", "tag"),
    [
        ("hi", "level"), ("lolo", "count"), ("deviation", "level"), ("rate", "count"), ("discrete", "mode"),
        ("bad_quality", "text"), ("comm", "run"), ("expression", "level"), ("system", None), ("hi", "by_hand"),
    ],
)  # fmt: skip
def test_each_kind_is_accepted_with_what_it_needs(kind: str, tag: str | None) -> None:
    """ALM-10."""
    assert alarm_problems(alarm(kind, tag)) == {}


REFUSED: list[tuple[str, str | None, dict[str, Any], str, str]] = [
    ("high", "level", {}, "kind", "is no kind of alarm"),
    ("hi", "level", {"setpoint": None}, "setpoint", "needs a setpoint, a number in m"),
    ("rate", "level", {"setpoint": None}, "setpoint", "m per second"),
    ("hi", "level", {"setpoint": float("nan")}, "setpoint", "needs a setpoint"),
    ("hi", "level", {"setpoint": float("inf")}, "setpoint", "needs a setpoint"),
    ("hi", "level", {"setpoint": 8.5}, "setpoint", "8.5 lies outside of the range of the tag, 0 to 8 m"),
    ("lolo", "level", {"setpoint": -0.1}, "setpoint", "outside of the range"),
    ("hi", "level", {"deadband": 6.0}, "deadband", "would clear at 0 m only"),
    ("lolo", "level", {"deadband": 7.5}, "deadband", "would clear at 8.5 m only"),
    ("hi", "level", {"deadband": float("nan")}, "deadband", "a number, 0 or more"),
    ("hi", "level", {"deadband": -1.0}, "deadband", "a number, 0 or more"),
    ("hi", "run", {}, "kind", "watches a number, and this tag is bool. Take a state alarm"),
    ("hi", "text", {}, "kind", "watches a number, and this tag is string"),
    ("rate", "run", {}, "kind", "watches a number"),
    ("deviation", "level", {"setpoint": -1.0}, "setpoint", "more than 0"),
    ("deviation", "level", {"deadband": 1.0}, "deadband", "less than the setpoint"),
    ("deviation", "level", {"target": None}, "target", "write one of them"),
    ("deviation", "level", {"target": float("inf")}, "target", "finite number"),
    ("rate", "level", {"window_s": 1.0}, "window_s", "2 s (two scan periods) to 86400 s"),
    ("rate", "level", {"window_s": float("nan")}, "window_s", "two scan periods"),
    ("discrete", "level", {}, "kind", "this tag is float32. Take an expression"),
    ("discrete", "text", {}, "kind", "whole numbers"),
    ("discrete", "mode", {"states": []}, "states", "Write the numbers of the states"),
    ("discrete", "mode", {"states": ["2"]}, "states", "Write the numbers of the states"),
    ("discrete", "mode", {"states": [True]}, "states", "Write the numbers of the states"),
    ("discrete", "mode", {"states": {"2": 1}}, "states", "Write the numbers of the states"),
    ("discrete", "mode", {"states": [2, 2]}, "states", "twice"),
    ("discrete", "mode", {"states": [5]}, "states", "no state 5. Its states are 0 off, 2 fault"),
    ("discrete", "run", {"states": [2]}, "states", "A bool has the states 0 and 1"),
    ("discrete", "run", {"states": [0, 1]}, "states", "always be active"),
    ("discrete", "count", {"states": list(range(101))}, "states", "the most is 100"),
    ("comm", "by_hand", {}, "kind", "not read from a device"),
    ("expression", "level", {"expression": ""}, "expression", "The expression is empty"),
    ("expression", "level", {"expression": "y > 1"}, "expression", "'y' is neither an input nor a function"),
    ("expression", "level", {"expression": "1 > 0", "input_names": []}, "expression", "it never changes"),
    ("expression", "text", {"expression": "value > 1", "input_names": []}, "expression", "neither an input"),
    ("expression", "level", {"expression": "value > 1"}, "inputs", "The input 'x' is not used"),
    ("expression", "level", {"input_names": ["value"]}, "inputs", "the alarm's own tag"),
    ("expression", "level", {"input_names": ["max"]}, "inputs", "means something in expressions"),
    ("hi", "level", {"suppress_when": "x ==", "input_names": ["x"]}, "suppress_when", "is not expected here"),
    ("hi", "level", {"suppress_when": "value < 1"}, "suppress_when", "it names the cause"),
    ("hi", "level", {"states": [1]}, "states", "means nothing to a high alarm"),
    ("hi", "level", {"expression": "value"}, "expression", "means nothing to a high alarm"),
    ("hi", "level", {"target": 1.0}, "target", "means nothing"),
    ("hi", "level", {"window_s": 5.0}, "window_s", "Leave the usual 60"),
    ("comm", "level", {"setpoint": 1.0}, "setpoint", "means nothing to a communication lost alarm"),
    ("comm", "level", {"deadband": 1.0}, "deadband", "Leave 0"),
    ("system", "level", {}, "kind", "A system alarm has no tag"),
    ("hi", None, {}, "tag", "every other alarm has one"),
    ("hi", "level", {"on_delay_s": float("inf")}, "on_delay_s", "0 to 86400 s"),
    ("hi", "level", {"off_delay_s": -1.0}, "off_delay_s", "0 to 86400 s"),
    ("hi", "level", {"latching": True, "ack_on_return": True}, "ack_on_return", "waits for a person"),
    ("hi", "level", {"relatch_silently": True}, "relatch_silently", "Only a latching alarm"),
    ("hi", "level", {"realarm_min": 5, "ack_required": False}, "realarm_min", "needs none"),
    ("hi", "level", {"realarm_min": 20000}, "realarm_min", "At most 10080"),
    ("hi", "level", {"realarm_limit": 0}, "realarm_limit", "1 to 100"),
    ("hi", "level", {"first_out": "a b"}, "first_out", "letters, digits"),
    ("hi", "level", {"max_shelve_min": 500}, "max_shelve_min", "'process' allows 480 minutes"),
    ("hi", "level", {"max_shelve_min": 0}, "max_shelve_min", "At least 1 minute"),
    ("hi", "level", {"severity": 9}, "severity", "minor, major, severe"),
    ("hi", "level", {"time_to_respond_min": 0.0}, "time_to_respond_min", "more than 0"),
    ("hi", "level", {"time_to_respond_min": float("nan")}, "time_to_respond_min", "more than 0"),
    ("hi", "level", {"message": " "}, "message", "what is wrong, and where"),
    ("hi", "level", {"cause": "x" * 501}, "cause", "has 501 characters; the most is 500"),
    ("hi", "level", {"cause": "a\tb"}, "cause", "U+0009"),
    ("hi", "level", {"owner": "a\nb"}, "owner", "Write the text on one line"),
    ("hi", "level", {"consequence": "a\u202eb"}, "consequence", "U+202E"),
]


@pytest.mark.parametrize(("kind", "tag", "changes", "field", "says"), REFUSED)
def test_what_cannot_be_is_refused_at_its_field(
    kind: str, tag: str | None, changes: dict[str, Any], field: str, says: str
) -> None:
    found = alarm_problems(alarm(kind, tag, **changes))
    assert says in found.get(field, ""), found
    assert set(found) == {field}


def test_a_deviation_is_measured_from_a_tag_or_from_a_number_never_from_both_or_from_itself() -> None:
    other = Tag(name="setpoint", data_type="float32")
    assert alarm_problems(alarm("deviation", target=None, reference=other)) == {}
    assert "write one of them" in alarm_problems(alarm("deviation", reference=other))["target"]
    text = Tag(name="text", data_type="string")
    assert "that tag is string" in alarm_problems(alarm("deviation", target=None, reference=text))["reference"]
    own = alarm("deviation", target=None)
    own.reference = own.tag
    assert "never deviates from itself" in alarm_problems(own)["reference"]


def test_texts_of_guidance_may_have_several_lines() -> None:
    assert alarm_problems(alarm(cause="Valve stuck\nor pump tripped", operator_action="1. Look\n2. Close")) == {}


def test_the_priority_is_set_from_severity_and_time() -> None:
    """ALM-11."""
    urgent = alarm(severity=3, time_to_respond_min=5.0)
    calm = alarm(severity=1, time_to_respond_min=60.0)
    assert alarm_problems(urgent) == alarm_problems(calm) == {}
    assert (urgent.priority, calm.priority) == (1, 4)
