"""Rate, average and total of a value in time, the quality of what is computed, and the order of computing. Pure.

Times are seconds of a monotonic clock, so that a step of the wall clock changes nothing. Between two samples that
follow each other within `max_gap_s` the value is taken to run in a straight line (trapezoid); a longer gap, and the
time around a Bad sample, was not measured: nobody knows what happened then, so it counts nowhere.
"""

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bus.messages import Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_LOCAL_OVERRIDE,
    LIMIT_HIGH,
    LIMIT_LOW,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_SUBNORMAL,
    Severity,
    is_good,
    severity,
)
from devices.formula import Formula, Function

MIN_GOOD_SHARE: Final = 0.8
"""Of the window of an average: with less Good time in it, it is Uncertain."""
RATE_SAMPLES: Final = 500
AVERAGE_BUCKETS: Final = 100
"""A window is kept in so many steps, however long it is: memory and time stay bounded."""
SLACK: Final = 0.05
"""Scans come a little early or late: so much of the window is no difference."""
_INFO_BITS: Final = 0xFFFF
_BAD_BIT: Final = 0x80000000

Row = tuple[float | None, int]
"""Value and status. The value of a Bad status is None."""


# -- quality


def is_bad(status: int) -> bool:
    """As severity(), by one bit: asked several times for each tag and scan."""
    return status & _BAD_BIT != 0


def combined(statuses: Sequence[int]) -> int:
    """The status of what is computed from inputs of these statuses (UA-03): the worst severity wins.

    Bad takes the first Bad status, so that people see why; Uncertain becomes UncertainSubNormal; a value put in place
    by a person stays visible in everything that is computed from it.
    """
    if not any(statuses):
        return GOOD  # nearly always
    found = GOOD
    for status in statuses:
        worst = severity(status)
        if worst is Severity.BAD:
            return status & ~_INFO_BITS
        if worst is Severity.UNCERTAIN:
            found = UNCERTAIN_SUBNORMAL
        elif status & ~_INFO_BITS == GOOD_LOCAL_OVERRIDE and found == GOOD:
            found = GOOD_LOCAL_OVERRIDE
    return found


def within(value: Value, status: int, eu_min: float | None, eu_max: float | None) -> int:
    """The status of a value beside its range: beyond it a Good one becomes Uncertain, with the limit said."""
    if not is_good(status) or not isinstance(value, int | float):
        return status
    if eu_min is not None and value < eu_min:
        return UNCERTAIN_EU_EXCEEDED | LIMIT_LOW
    if eu_max is not None and value > eu_max:
        return UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH
    return status


def _finite(value: float, status: int) -> Row:
    return (value, status) if math.isfinite(value) else (None, BAD_CONFIGURATION_ERROR)


# -- what becomes of a value in time


class InTime(Protocol):
    def step(self, now: float, value: float | None, status: int, is_measured: bool = True) -> Row:
        """Take the value of this scan and say what there is now.

        `is_measured` False: the value is an older one that was kept because there is no newer.
        """
        ...


class Rate:
    """The change over the last `window_s`, in units per `per_s`: newest less oldest value, by the time between them.

    A gap changes nothing, for both ends were measured. Ends are Good samples where there are any: a last value that was
    kept while a device was away says nothing about change. A counter that is reset or wraps falls, and the rate is
    negative until the fall has left the window; a range low of 0 makes that Uncertain.
    """

    def __init__(self, window_s: float, per_s: float) -> None:
        self._window_s = window_s
        self._per_s = per_s
        self._step_s = window_s / RATE_SAMPLES
        self._kept: deque[tuple[float, float, int]] = deque(maxlen=4 * RATE_SAMPLES)

    def step(self, now: float, value: float | None, status: int, is_measured: bool = True) -> Row:  # noqa: ARG002 (a kept value is Uncertain, which is what counts here)
        kept, slack = self._kept, self._window_s * SLACK
        while kept and kept[0][0] < now - self._window_s - slack:
            kept.popleft()
        if value is None or is_bad(status):
            return None, status
        first = self._first(status)
        if not kept or now - kept[-1][0] >= self._step_s or severity(kept[-1][2]) is not severity(status):
            kept.append((now, value, status))
        if first is None or first[0] >= now:
            return None, BAD_WAITING_FOR_INITIAL_DATA
        span = now - first[0]
        is_short = span < self._window_s / 2 - slack
        result = (value - first[1]) * self._per_s / span
        return _finite(result, combined((first[2], status, UNCERTAIN_SUBNORMAL if is_short else GOOD)))

    def _first(self, status: int) -> tuple[float, float, int] | None:
        """The oldest sample to compare with: the oldest Good one if this one is Good."""
        if is_good(status):
            good = next((sample for sample in self._kept if is_good(sample[2])), None)
            if good is not None:
                return good
        return self._kept[0] if self._kept else None


@dataclass(slots=True)
class _Bucket:
    """A stretch of measured time: its length, the integral over it, how much of it was Good, and whether overridden."""

    begin: float
    end: float
    seconds: float = 0.0
    integral: float = 0.0
    good_s: float = 0.0
    is_overridden: bool = False


class _Line:
    """The straight line from the sample before to this one."""

    def __init__(self, max_gap_s: float) -> None:
        self._max_gap_s = max_gap_s
        self._before: tuple[float, float, int] | None = None

    def to(self, now: float, value: float | None, status: int, is_measured: bool) -> tuple[float, float, int] | None:
        """(seconds, integral, status) since the sample before; None where that time was not measured."""
        before = self._before
        is_usable = is_measured and value is not None and not is_bad(status)
        self._before = (now, value, status) if is_usable and value is not None else None
        if before is None or value is None or not is_usable:
            return None
        seconds = now - before[0]
        if not 0 < seconds <= self._max_gap_s:
            return None
        # Half of each end: their sum may be beyond every number where the mean is not.
        return seconds, (before[1] / 2 + value / 2) * seconds, combined((before[2], status))


class Average:
    """The time-weighted mean over the last `window_s` of measured time; the window moves in steps of 1/100.

    Good while Good time fills MIN_GOOD_SHARE of the window, Uncertain with less, Bad when nothing was measured in it.
    """

    def __init__(self, window_s: float, max_gap_s: float) -> None:
        self._window_s = window_s
        self._line = _Line(max_gap_s)
        self._step_s = window_s / AVERAGE_BUCKETS
        self._buckets: deque[_Bucket] = deque()

    def step(self, now: float, value: float | None, status: int, is_measured: bool = True) -> Row:
        measured = self._line.to(now, value, status, is_measured)
        buckets = self._buckets
        while buckets and buckets[0].end <= now - self._window_s * (1 + SLACK):
            buckets.popleft()
        if measured is not None:
            self._add(now, *measured)
        seconds = math.fsum(bucket.seconds for bucket in buckets)
        if not seconds:
            return None, status if is_bad(status) else BAD_WAITING_FOR_INITIAL_DATA
        mean = math.fsum(bucket.integral / seconds for bucket in buckets)
        is_good = sum(bucket.good_s for bucket in buckets) >= self._window_s * MIN_GOOD_SHARE
        overridden = any(bucket.is_overridden for bucket in buckets)
        good = GOOD_LOCAL_OVERRIDE if overridden else GOOD
        return _finite(mean, good if is_good else UNCERTAIN_SUBNORMAL)

    def _add(self, now: float, seconds: float, integral: float, status: int) -> None:
        if not self._buckets or now - self._buckets[-1].begin > self._step_s:
            self._buckets.append(_Bucket(now - seconds, now))
        last = self._buckets[-1]
        last.end = now
        last.seconds += seconds
        last.integral += integral
        last.good_s += seconds if is_good(status) else 0.0
        last.is_overridden |= status == GOOD_LOCAL_OVERRIDE


class Total:
    """The integral over time of an amount per `per_s`. It falls when the amount is negative.

    Time that was not measured is not added. While the input is not Good the total is Uncertain, and it is Good again
    with it. Without a total to begin with there is none: a total that begins at 0 by mistake is a wrong number.
    """

    def __init__(self, per_s: float, max_gap_s: float, total: float | None = 0.0) -> None:
        self._per_s = per_s
        self._line = _Line(max_gap_s)
        self._rest = 0.0
        self.total = total

    def preset(self, total: float) -> None:
        """Begin anew from this number."""
        self.total, self._rest = total, 0.0

    def step(self, now: float, value: float | None, status: int, is_measured: bool = True) -> Row:
        measured = self._line.to(now, value, status, is_measured)
        if self.total is None:
            return None, BAD_WAITING_FOR_INITIAL_DATA
        if measured is not None:
            amount = measured[1] / self._per_s
            if not math.isfinite(self.total + amount):
                return self.total, UNCERTAIN_SUBNORMAL
            self._add(amount)
        is_usable = value is not None and not is_bad(status)
        return self.total, combined((status,)) if is_usable else UNCERTAIN_SUBNORMAL

    def _add(self, amount: float) -> None:
        """Compensated (Kahan): a small amount is not lost beside a total of years."""
        assert self.total is not None
        amount -= self._rest
        total = self.total + amount
        self._rest = (total - self.total) - amount
        self.total = total


# -- the order of computing


def in_order(formulas: Sequence[Formula]) -> tuple[list[Formula], list[Formula]]:
    """The formulas so that each comes after those it is computed from; and those in loops, which have no place.

    What is computed from a loop has its place: it finds an input that is Bad.
    """
    by_tag = {formula.tag: formula for formula in formulas}
    needs = {f.tag: {source for _, source in f.inputs if source in by_tag} for f in formulas}
    users: dict[int, set[int]] = {tag: set() for tag in by_tag}
    for tag, sources in needs.items():
        for source in sources:
            users[source].add(tag)
    stuck = by_tag.keys() - _sorted(needs, users)
    # Seen from the other end: what nothing that is stuck is computed from is not in a loop either.
    stuck -= set(_sorted({t: users[t] & stuck for t in stuck}, {t: needs[t] & stuck for t in stuck}))
    free = {tag: sources - stuck for tag, sources in needs.items() if tag not in stuck}
    order = _sorted(free, users)
    return [by_tag[tag] for tag in order], [by_tag[tag] for tag in by_tag if tag in stuck]


def _sorted(needs: Mapping[int, Collection[int]], users: Mapping[int, Collection[int]]) -> list[int]:
    """Those of `needs` that can be had, each after what it needs (Kahn)."""
    waiting = {tag: len(sources) for tag, sources in needs.items()}
    ready = deque(tag for tag, count in waiting.items() if not count)
    order = []
    while ready:
        tag = ready.popleft()
        order.append(tag)
        for user in users[tag]:
            if user in waiting:
                waiting[user] -= 1
                if not waiting[user]:
                    ready.append(user)
    return order


def loops(formulas: Sequence[Formula]) -> list[list[int]]:
    """Loops among the formulas, as tag ids: each is computed from the next, the last from the first.

    No tag stands in two: where loops share tags one of them is named, and the next once that is mended.
    """
    _, looped = in_order(formulas)
    inside = {formula.tag for formula in looped}
    needs = {f.tag: [source for _, source in f.inputs if source in inside] for f in looped}
    found: list[list[int]] = []
    done: set[int] = set()
    for start in needs:
        way: dict[int, int] = {}
        tag: int | None = start
        while tag is not None and tag not in done and tag not in way:
            way[tag] = len(way)
            tag = next((source for source in needs[tag] if source not in done), None)
        if tag is not None and tag in way:
            found.append(list(way)[way[tag] :])
        done.update(way)
    return found


def in_time(formula: Formula, max_gap_s: float) -> InTime | None:
    """The state that a formula keeps from scan to scan; None for a plain value. A total begins without a number."""
    if formula.function is Function.RATE:
        return Rate(formula.window_s, formula.per_s)
    if formula.function is Function.AVERAGE:
        return Average(formula.window_s, max_gap_s)
    if formula.function is Function.TOTAL:
        return Total(formula.per_s, max_gap_s, None)
    return None
