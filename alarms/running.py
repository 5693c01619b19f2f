"""What goes on while alarms are evaluated: the measured time of a scan group, a tag, an alarm. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from alarms.condition import Judge, Rate, Sample, Truth
from alarms.definition import CAUSE_ACTIVE, Definition
from alarms.kinds import Event, Kind
from bus.messages import Value

_INFINITY: Final = float("inf")
_ALWAYS: Final = (-_INFINITY, _INFINITY)
_NEVER: Final = (_INFINITY, -_INFINITY)


@dataclass(frozen=True, slots=True)
class Raised:
    """ALARM, RETURN, SUPPRESS or UNSUPPRESS of an alarm. `value`, `status`: of its tag then; `rule`: what suppresses.
    SUPPRESS again: the reason has changed. `causes`: the active alarms, where these alone suppress it.

    `source_ms`: of the sample that decided, or of the block by which a delay was over.
    """

    alarm: int
    event: Event
    source_ms: int
    value: Value
    status: int
    rule: str = ""
    causes: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Clock:
    """The measured time of a scan group. `before_ms`: until its block before this one.

    `limit_ms`: the longest step; 0: it measures nothing, and what goes by it has no delay. `pending`: what time alone
    can change. `rates`: the rates of change.
    """

    limit_ms: int
    now_ms: int = 0
    before_ms: int = 0
    read_at_ms: int = 0
    pending: dict["RunningAlarm", None] = field(default_factory=dict)
    rates: list["RunningAlarm"] = field(default_factory=list)

    def go_on(self, read_at_ms: int) -> None:
        step = read_at_ms - self.read_at_ms if self.read_at_ms else 0
        self.before_ms = self.now_ms
        self.now_ms += min(max(step, 0), self.limit_ms)
        self.read_at_ms = read_at_ms
        if step > self.limit_ms:
            for alarm in self.rates:
                alarm.forget_rate()
                self.pending[alarm] = None


@dataclass(slots=True, eq=False)
class WatchedTag(Sample):
    """Between `low` and `high`, both excluded, a Good value changes nothing about any of the alarms.

    `alarms`: those that judge by it. `suppresses`: those whose suppression does.
    """

    low: float = -_INFINITY
    high: float = _INFINITY
    alarms: list["RunningAlarm"] = field(default_factory=list)
    suppresses: list["RunningAlarm"] = field(default_factory=list)

    def settle(self) -> None:
        """Set the bounds."""
        if self.suppresses:
            self.low, self.high = _NEVER
            return
        bounds = [alarm.quiet() for alarm in self.alarms]
        self.low = max((low for low, _ in bounds), default=-_INFINITY)
        self.high = min((high for _, high in bounds), default=_INFINITY)


@dataclass(slots=True, eq=False)
class RunningAlarm:
    """`judge`: None where its expression cannot be read. `mark`: changes with what it is judged by.

    `since_ms`: measured, when the condition began to differ from `active`; None: it does not, or is held. `spent_ms`:
    of the delay, kept while the inputs cannot be used. `is_ruled`: what the expression of its suppression says.
    `told`: the reason that was told of its suppression; None: none, or nobody knows. `depth`: causes above it.
    """

    definition: Definition
    mark: int
    clock: Clock
    own: WatchedTag
    judge: Judge | None = None
    active: bool = False
    since_ms: int | None = None
    spent_ms: int = 0
    truth: Truth | None = None
    is_ruled: bool = False
    suppressed: bool = False
    told: tuple[int, ...] | None = None
    depth: int = 0
    parents: list["RunningAlarm"] = field(default_factory=list)
    children: list["RunningAlarm"] = field(default_factory=list)

    def look(self, tags: Mapping[int, WatchedTag]) -> bool:
        """Judge it now. True: it went active or returned."""
        clock = self.clock
        says = None if self.judge is None else self.judge(tags, self.active, clock.now_ms)
        if says is None:
            if self.since_ms is not None:
                self.spent_ms, self.since_ms = max(0, clock.before_ms - self.since_ms), None
            return False
        if says is self.active:
            self.since_ms, self.spent_ms = None, 0
            return False
        if self.since_ms is None:
            self.since_ms, self.spent_ms = clock.now_ms - self.spent_ms, 0
        delay = self.definition.off_delay_ms if self.active else self.definition.on_delay_ms
        if clock.limit_ms and clock.now_ms - self.since_ms < delay:
            return False
        self.active, self.since_ms = says, None
        return True

    def rule(self, tags: Mapping[int, WatchedTag]) -> None:
        says = None if self.truth is None else self.truth(tags, self.is_ruled, 0)
        self.is_ruled = self.is_ruled if says is None else says

    def forget_rate(self) -> None:
        if isinstance(self.judge, Rate):
            self.judge.forget()

    @property
    def is_to_be_suppressed(self) -> bool:
        return self.is_ruled or any(parent.active for parent in self.parents)

    @property
    def reason(self) -> tuple[int, ...]:
        """The causes that suppress it, where the expression does not."""
        return () if self.is_ruled else tuple(sorted(p.definition.id for p in self.parents if p.active))

    @property
    def is_still(self) -> bool:
        """Nothing of a delay is over."""
        return self.since_ms is None and not self.spent_ms

    @property
    def is_pending(self) -> bool:
        return self.since_ms is not None or (isinstance(self.judge, Rate) and self.judge.is_moving)

    def state(self) -> list[Any]:
        """For dump(). What follows the mark is empty for an alarm at rest."""
        window = list(self.judge.kept) if isinstance(self.judge, Rate) else []
        is_full = isinstance(self.judge, Rate) and self.judge.is_full
        since = None if self.since_ms is None else self.clock.now_ms - self.since_ms
        delay = None if since is None and not self.spent_ms else [since, self.spent_ms]
        told = None if self.told is None else list(self.told)
        return [
            self.definition.id, self.mark, self.active, self.is_ruled, self.suppressed, told, delay, window, is_full,
        ]  # fmt: skip

    def stand(self, row: Sequence[Any] | None) -> None:
        """As state() said; at rest without."""
        self.forget_rate()
        self.active, self.is_ruled, self.suppressed, self.since_ms, self.spent_ms = False, False, False, None, 0
        self.told = None
        if row is None:
            return
        _, mark, self.active, is_ruled, self.suppressed, told, delay, window, is_full = row
        self.told = None if told is None else tuple(told)
        self.is_ruled = is_ruled and self.truth is not None
        if mark != self.mark:
            return
        if delay is not None:
            since, self.spent_ms = delay
            self.since_ms = None if since is None else self.clock.now_ms - since
        if isinstance(self.judge, Rate):
            self.judge.kept.extend((at, value) for at, value in window)
            self.judge.is_full = is_full

    def quiet(self) -> tuple[float, float]:
        """The bounds between which, excluded, a Good value leaves it as it is."""
        condition = self.definition.condition
        if self.judge is None:
            return _ALWAYS
        if not self.is_still:
            return _NEVER
        if condition.kind in (Kind.HIHI, Kind.HI):
            back = condition.setpoint - condition.deadband
            return (back, _INFINITY) if self.active else (-_INFINITY, condition.setpoint)
        if condition.kind in (Kind.LO, Kind.LOLO):
            back = condition.setpoint + condition.deadband
            return (-_INFINITY, back) if self.active else (condition.setpoint, _INFINITY)
        if condition.kind in (Kind.BAD_QUALITY, Kind.COMM) and not self.active:
            return _ALWAYS
        return _NEVER

    def event(self, event: Event, ms: int) -> Raised:
        suppression, rule = self.definition.suppression, ""
        causes: tuple[int, ...] = ()
        if event is Event.SUPPRESS:
            causes = self.reason
        if suppression is not None and event in (Event.SUPPRESS, Event.UNSUPPRESS):
            rule = CAUSE_ACTIVE if causes else suppression.rule
        return Raised(self.definition.id, event, ms, self.own.value, self.own.status, rule, causes)


def mark_of(definition: Definition) -> int:
    """Of what it is judged by; the same in every process."""
    return crc32(repr((definition.condition, definition.on_delay_ms, definition.off_delay_ms)).encode())
