"""Whether the condition of an alarm is true: one function for each kind of alarm. Pure.

Deadbands belong to the alarm as it stands: one that is not active asks for the setpoint, one that is active asks for
the way back (ALM-14). `holds()` says None where the inputs do not allow a judgement; then everything stays as it is.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from alarms.definition import Condition
from alarms.kinds import Kind
from bus.messages import Value
from bus.quality import (
    BAD_NO_COMMUNICATION,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_SERVICE,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
)
from devices.expressions import Undefined, parse

UNHEARD: Final = BAD_OUT_OF_SERVICE
"""The status of a tag that has not been heard of: no kind of alarm judges by it."""
WINDOW_SAMPLES: Final = 100
"""A window of a rate of change is kept in so many steps, however long it is."""

_NUMBER: Final = (float, int)
_CODE: Final = 0xFFFF0000
_BAD_BIT: Final = 0x80000000
_KEPT: Final = frozenset({UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE})
_SILENT: Final = frozenset({UNCERTAIN_NO_COMMUNICATION, BAD_TIMEOUT, BAD_NO_COMMUNICATION, BAD_NOT_CONNECTED})
"""The connection is lost, or the device does not answer."""


@dataclass(slots=True, eq=False)
class Sample:
    """The newest value of a tag, and its status."""

    value: Value = None
    status: int = UNHEARD


Samples = Mapping[int, Sample]
Judge = Callable[[Samples, bool, int], bool | None]
"""(tag id -> sample, whether the alarm is active, measured ms) -> true, false, or None: cannot be judged, hold.

Measured ms: the time of the blocks, which clock steps and gaps do not move. Only a rate of change looks at it.
"""


def holds(condition: Condition, values: Samples, was: bool) -> bool | None:
    """One look, without a past: a rate of change cannot be judged by it. Raises ExpressionError."""
    return judge_of(condition)(values, was, 0)


def judge_of(condition: Condition) -> Judge:
    """Raises ExpressionError for an expression that cannot be read."""
    if condition.kind in (Kind.HIHI, Kind.HI):
        return _high(condition)
    if condition.kind in (Kind.LO, Kind.LOLO):
        return _low(condition)
    return _OTHERS[condition.kind](condition)


def usable(sample: Sample) -> float | None:
    """The value as a number that was measured: not Bad, not one that was kept from before, not a text."""
    status, value = sample.status, sample.value
    if status and (status & _BAD_BIT or status & _CODE in _KEPT):
        return None
    if isinstance(value, _NUMBER) and math.isfinite(value):
        return value
    return None


def _high(condition: Condition) -> Judge:
    tag, setpoint, back = _own(condition), condition.setpoint, condition.setpoint - condition.deadband

    def judge(values: Samples, was: bool, _: int) -> bool | None:
        value = usable(values[tag])
        return None if value is None else value >= setpoint or (was and value > back)

    return judge


def _low(condition: Condition) -> Judge:
    tag, setpoint, back = _own(condition), condition.setpoint, condition.setpoint + condition.deadband

    def judge(values: Samples, was: bool, _: int) -> bool | None:
        value = usable(values[tag])
        return None if value is None else value <= setpoint or (was and value < back)

    return judge


def _deviation(condition: Condition) -> Judge:
    tag, reference, target = _own(condition), condition.reference, condition.target
    setpoint, back = condition.setpoint, condition.setpoint - condition.deadband

    def judge(values: Samples, was: bool, _: int) -> bool | None:
        value, of = usable(values[tag]), target if reference is None else usable(values[reference])
        if value is None or of is None:
            return None
        distance = abs(value - of)
        return distance >= setpoint or (was and distance > back)

    return judge


def _discrete(condition: Condition) -> Judge:
    tag, states = _own(condition), frozenset(condition.states)

    def judge(values: Samples, _was: bool, _: int) -> bool | None:
        value = usable(values[tag])
        return None if value is None else value in states

    return judge


def _bad_quality(condition: Condition) -> Judge:
    """Also where the device is connected but its value is not renewed (0x4090): it is an old one.

    A lost connection says nothing of the instrument.
    """
    tag = _own(condition)

    def judge(values: Samples, _was: bool, _: int) -> bool | None:
        code = values[tag].status & _CODE
        if code in _SILENT or code == BAD_OUT_OF_SERVICE:
            return None
        return code == UNCERTAIN_LAST_USABLE or bool(code & _BAD_BIT)

    return judge


def _comm(condition: Condition) -> Judge:
    tag = _own(condition)

    def judge(values: Samples, _was: bool, _: int) -> bool | None:
        code = values[tag].status & _CODE
        return None if code in (BAD_OUT_OF_SERVICE, BAD_WAITING_FOR_INITIAL_DATA) else code in _SILENT

    return judge


class Truth:
    """Whether an expression is true, that is not zero. None while an input it uses is unusable, or it has no value.

    `tags`: those it uses, of all it might.
    """

    def __init__(self, text: str, inputs: Iterable[tuple[str, int]]) -> None:
        """Raises ExpressionError."""
        named = dict(inputs)
        self._expression = parse(text, named)
        self._used = tuple((name, tag) for name, tag in named.items() if name in self._expression.names)
        self.tags = tuple(dict.fromkeys(tag for _, tag in self._used))

    def __call__(self, values: Samples, _was: bool, _measured_ms: int) -> bool | None:
        numbers = {}
        for name, tag in self._used:
            number = usable(values[tag])
            if number is None:
                return None
            numbers[name] = number
        try:
            return bool(self._expression.value(numbers))
        except Undefined:
            return None


def _expression(condition: Condition) -> Truth:
    return Truth(condition.expression, condition.inputs)


class Rate:
    """How fast a value changed over the window, up or down, in units per second.

    The newest value less the one that stood a window ago, by the window. Before a whole window has been measured, that
    is the least the rate can be: enough to say yes, not to say no. `kept`: (measured ms, value), the first at or before
    the beginning of the window.
    """

    def __init__(self, condition: Condition) -> None:
        self._tag = _own(condition)
        self._setpoint, self._back = condition.setpoint, condition.setpoint - condition.deadband
        self._window_ms = max(1, condition.window_ms)
        self._step_ms = self._window_ms // WINDOW_SAMPLES
        self.kept: deque[tuple[int, float]] = deque()
        self.is_full = False
        """A whole window has been measured."""

    def __call__(self, values: Samples, was: bool, measured_ms: int) -> bool | None:
        value = usable(values[self._tag])
        if value is None:
            self.forget()
            return None
        rate = self._take(measured_ms, value)
        if rate >= self._setpoint:
            return True
        return (was and rate > self._back) if self.is_full else None

    @property
    def is_moving(self) -> bool:
        """The window holds more than one value: time alone changes the rate."""
        return bool(self.kept) and (not self.is_full or len(self.kept) > 1)

    def forget(self) -> None:
        """What was between the last value and the next is not known."""
        self.kept.clear()
        self.is_full = False

    def _take(self, now: int, value: float) -> float:
        kept, begin = self.kept, now - self._window_ms
        if not kept or (kept[-1][1] != value and now - kept[-1][0] >= self._step_ms):
            kept.append((now, value))
        while len(kept) > 1 and kept[1][0] <= begin:
            kept.popleft()
        self.is_full = self.is_full or kept[0][0] <= begin
        return abs(value - kept[0][1]) * 1000 / self._window_ms


def _own(condition: Condition) -> int:
    assert condition.tag is not None, "only a system alarm has no tag, and none is evaluated"
    return condition.tag


_OTHERS: Final[dict[Kind, Callable[[Condition], Judge]]] = {
    Kind.DEVIATION: _deviation, Kind.RATE: Rate, Kind.DISCRETE: _discrete, Kind.BAD_QUALITY: _bad_quality,
    Kind.COMM: _comm, Kind.EXPRESSION: _expression,
}  # fmt: skip
