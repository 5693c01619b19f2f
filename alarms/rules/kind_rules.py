"""What each kind of alarm needs, and what means nothing to it. Asked by alarms/rules/validation.py."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from alarms.definition import SELF
from alarms.kinds import Kind
from devices.derived_rules import input_problem, words_in
from devices.expressions import ExpressionError, parse
from devices.models import Kind as Source
from devices.points import DataType

if TYPE_CHECKING:
    from alarms.models import Alarm
    from devices.models import Tag

Problems = dict[str, str]
"""Field of the model -> sentence."""

LONGEST_WINDOW_S: Final = 86_400.0
SCANS_IN_A_WINDOW: Final = 2
MAX_STATES: Final = 100
_WITH_SETPOINT: Final = frozenset(kind for kind in Kind if kind.has_setpoint)
_OF_KINDS: Final[dict[str, tuple[Any, frozenset[Kind]]]] = {
    "setpoint": (None, _WITH_SETPOINT),
    "deadband": (0.0, _WITH_SETPOINT),
    "reference": (None, frozenset({Kind.DEVIATION})),
    "target": (None, frozenset({Kind.DEVIATION})),
    "window_s": (60.0, frozenset({Kind.RATE})),
    "states": ([], frozenset({Kind.DISCRETE})),
    "expression": ("", frozenset({Kind.EXPRESSION})),
}
"""Field -> its default, and the kinds to which it means something."""


def foreign_problems(alarm: "Alarm", kind: Kind) -> Problems:
    """What is filled in and would be ignored: whoever wrote it expects something of it."""
    found: Problems = {}
    for field, (default, kinds) in _OF_KINDS.items():
        if kind not in kinds and getattr(alarm, field) != default:
            what = "the usual 60" if field == "window_s" else "0" if field == "deadband" else "nothing"
            found[field] = f"This means nothing to a {kind.label} alarm. Leave {what} here, or choose another kind."
    return found


def kind_problems(alarm: "Alarm", kind: Kind, tag: "Tag") -> Problems:
    """What the kind asks of the alarm's own fields and of its tag."""
    if kind.has_setpoint:
        return _setpoint_problems(alarm, kind, tag)
    if kind is Kind.DISCRETE:
        return _state_problems(alarm, tag)
    if kind is Kind.COMM and tag.kind != Source.DEVICE:
        text = "This tag is not read from a device, so no connection of it can be lost. Watch a tag of the device."
        return {"kind": text}
    return {}


# -- a limit


def _setpoint_problems(alarm: "Alarm", kind: Kind, tag: "Tag") -> Problems:
    if not _is_analog(tag):
        text = f"A {kind.label} alarm watches a number, and this tag is {tag.data_type}. "
        return {"kind": text + ("Take a state alarm." if tag.data_type == DataType.BOOL else "Watch another tag.")}
    setpoint = alarm.setpoint
    if setpoint is None or not math.isfinite(setpoint):
        return {"setpoint": f"A {kind.label} alarm needs a setpoint, a number in {_unit(kind, tag)}."}
    if not math.isfinite(alarm.deadband) or alarm.deadband < 0:
        return {"deadband": "The deadband is a number, 0 or more."}
    if kind.is_level:
        return _level_problems(kind, setpoint, alarm.deadband, tag)
    found = _change_problems(kind, setpoint, alarm.deadband)
    return found | (_reference_problems(alarm, tag) if kind is Kind.DEVIATION else _window_problems(alarm, tag))


def _unit(kind: Kind, tag: "Tag") -> str:
    unit = tag.unit or "the unit of its tag"
    return f"{unit} per second" if kind is Kind.RATE else unit


def _level_problems(kind: Kind, setpoint: float, deadband: float, tag: "Tag") -> Problems:
    low, high, unit = tag.eu_min, tag.eu_max, f" {tag.unit}" if tag.unit else ""
    if (low is not None and setpoint < low) or (high is not None and setpoint > high):
        range_ = f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}{unit}"
        text = f"{setpoint:g} lies outside of the range of the tag, {range_}. Choose a value in it."
        return {"setpoint": text}
    is_high = kind in (Kind.HI, Kind.HIHI)
    clears = setpoint - deadband if is_high else setpoint + deadband
    end = low if is_high else high
    if deadband and end is not None and (clears <= end if is_high else clears >= end):
        text = f"The alarm would clear at {clears:g}{unit} only, where the range of the tag ends. Make it smaller."
        return {"deadband": text}
    return {}


def _change_problems(kind: Kind, setpoint: float, deadband: float) -> Problems:
    """Of a distance or a speed, which have no sign."""
    if setpoint <= 0:
        return {"setpoint": f"A {kind.label} counts up and down alike: write how much is too much, more than 0."}
    if deadband >= setpoint:
        return {"deadband": f"It must be less than the setpoint, {setpoint:g}: else the alarm never clears."}
    return {}


def _reference_problems(alarm: "Alarm", tag: "Tag") -> Problems:
    reference = alarm.reference
    if (reference is None) == (alarm.target is None):
        text = (
            "A deviation is measured from the value of a tag (reference) or from a number (target): write one of them."
        )
        return {"target": text}
    if alarm.target is not None and not math.isfinite(alarm.target):
        return {"target": "This must be a finite number."}
    if reference is None:
        return {}
    if not _is_analog(reference):
        return {"reference": f"A deviation is measured from a number, and that tag is {reference.data_type}."}
    if reference.uuid == tag.uuid:
        return {
            "reference": "This is the alarm's own tag: it never deviates from itself. Name the tag of its setpoint."
        }
    return {}


def _window_problems(alarm: "Alarm", tag: "Tag") -> Problems:
    least = SCANS_IN_A_WINDOW * tag.scan_ms / 1000
    if math.isfinite(alarm.window_s) and least <= alarm.window_s <= LONGEST_WINDOW_S:
        return {}
    return {"window_s": f"The window is {least:g} s (two scan periods) to {LONGEST_WINDOW_S:g} s (a day)."}


def _is_analog(tag: "Tag") -> bool:
    return tag.data_type not in (DataType.BOOL, DataType.STRING)


# -- states


def _state_problems(alarm: "Alarm", tag: "Tag") -> Problems:
    if tag.data_type == DataType.STRING or (tag.data_type in list(DataType) and DataType(tag.data_type).is_float):
        text = (
            f"A state alarm watches true/false or whole numbers, and this tag is {tag.data_type}. Take an expression."
        )
        return {"kind": text}
    states = alarm.states
    if not isinstance(states, list) or not states or not all(type(state) is int for state in states):
        return {"states": "Write the numbers of the states that are alarms, like [2, 3]."}
    if len(states) > MAX_STATES:
        return {"states": f"There are {len(states)} states; the most is {MAX_STATES}. Take an expression."}
    if len(set(states)) != len(states):
        return {"states": "A state stands here twice. Write each once."}
    if tag.data_type == DataType.BOOL and (strange := [s for s in states if s not in (0, 1)]):
        return {"states": f"A bool has the states 0 and 1; {strange[0]} is none of them."}
    if tag.data_type == DataType.BOOL and len(states) > 1:
        return {"states": "Both states of the tag are alarms: it would always be active. Keep one."}
    unknown = [state for state in states if tag.state_labels and str(state) not in tag.state_labels]
    if unknown:
        known = ", ".join(f"{number} {word}" for number, word in tag.state_labels.items())
        return {"states": f"The tag has no state {unknown[0]}. Its states are {known}."}
    return {}


# -- expressions


def expression_problems(alarm: "Alarm", kind: Kind, tag: "Tag | None") -> Problems:
    """Of the condition and of the suppression; both are written over the same inputs."""
    names = input_names(alarm)
    if names is not None and (problem := _names_problem(names)):
        return {"inputs": problem}
    found: Problems = {}
    used: set[str] = set()
    if kind is Kind.EXPRESSION:
        own = [SELF] if tag is not None and tag.data_type != DataType.STRING else []
        _read(alarm.expression, names, own, "expression", found, used)
    if alarm.suppress_when:
        _read(alarm.suppress_when, names, [], "suppress_when", found, used)
        if "suppress_when" in found and SELF in alarm.suppress_when:
            found["suppress_when"] += f" '{SELF}', the alarm's own tag, cannot suppress it: it names the cause."
    unused = sorted(set(names or ()) - used)
    if unused and not found:
        found["inputs"] = f"The input '{unused[0]}' is not used. Use it, or take it out."
    return found


def input_names(alarm: "Alarm") -> list[str] | None:
    """As they will be (the form and the document say so), as they are stored, or None while nobody knows."""
    named: Iterable[str] | None = getattr(alarm, "input_names", None)
    if named is not None:
        return list(named)
    return [row.name for row in alarm.inputs.all()] if alarm.pk is not None else None


def _names_problem(names: list[str]) -> str | None:
    if SELF in names:
        return f"'{SELF}' is the alarm's own tag. Give the input another name."
    return input_problem(names)


def _read(text: str, names: list[str] | None, own: list[str], field: str, found: Problems, used: set[str]) -> None:
    try:
        known = [*names, *own] if names is not None else words_in(text)
        expression = parse(text, known)
    except ExpressionError as error:
        found[field] = str(error)
        return
    used |= expression.names
    if not expression.names:
        found[field] = "No tag stands in it, so it never changes. Write it over the names of the inputs."
