"""Rapid gravity filters: they clog, are washed one at a time, and ripen. Pure; flows in m³/h, heads in m."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

CLEAN: Final = 0.35 / 80
"""Resistance of a clean filter: 0.35 m at 80 m³/h."""
CLOGGING: Final = 2.6e-9
WASH_AT_M: Final = 1.8
WASH_AFTER_H: Final = 40.0
DRAIN_S: Final = 120.0
WASH_S: Final = 480.0
RIPEN_S: Final = 600.0
WASH_FLOW: Final = 240.0
BLOCKED_FACTOR: Final = 5.0


class FilterState(IntEnum):
    OFF = 0
    FILTERING = 1
    DRAINING = 2
    WASHING = 3
    RIPENING = 4
    WAITING = 5
    """Is to be washed, but another one is."""


@dataclass(slots=True)
class Filter:
    """`is_asked`: a wash was asked for by hand. `hours` since the last wash."""

    clog: float = 0.0
    hours: float = 0.0
    washes: int = 0
    is_on: bool = True
    is_asked: bool = False
    is_blocked: bool = False
    state: FilterState = FilterState.FILTERING
    flow: float = 0.0
    loss_m: float = 0.0
    left_s: float = 0.0

    @property
    def takes_water(self) -> bool:
        return self.state in (FilterState.FILTERING, FilterState.RIPENING, FilterState.WAITING)

    @property
    def is_out(self) -> bool:
        return self.state in (FilterState.DRAINING, FilterState.WASHING)

    @property
    def resistance(self) -> float:
        return (CLEAN + self.clog) * (BLOCKED_FACTOR if self.is_blocked else 1.0)

    @property
    def is_due(self) -> bool:
        return self.is_asked or self.loss_m > WASH_AT_M or self.hours > WASH_AFTER_H


def _follow(filter_: Filter, is_bed_free: bool, dt_s: float) -> None:
    """Its sequence. A wash that has begun goes on to its end, also when the filter is switched off meanwhile."""
    filter_.left_s -= dt_s
    state = filter_.state
    if state is FilterState.DRAINING and filter_.left_s <= 0:
        filter_.state, filter_.left_s = FilterState.WASHING, WASH_S
    elif state is FilterState.WASHING and filter_.left_s <= 0:
        filter_.state, filter_.left_s = FilterState.RIPENING, RIPEN_S
        filter_.clog, filter_.hours, filter_.is_asked = 0.0, 0.0, False
        filter_.washes += 1
    elif filter_.is_out:
        return
    elif not filter_.is_on:
        filter_.state, filter_.is_asked = FilterState.OFF, False
    elif state is FilterState.OFF or (state is FilterState.RIPENING and filter_.left_s <= 0):
        filter_.state = FilterState.FILTERING
    elif filter_.takes_water and filter_.is_due:
        filter_.state = FilterState.DRAINING if is_bed_free else FilterState.WAITING
        filter_.left_s = DRAIN_S
    elif state is FilterState.WAITING:
        filter_.state = FilterState.FILTERING


def step(filters: Sequence[Filter], raw_flow: float, settled: float, may_wash: bool, dt_s: float) -> None:
    """One step of all: who is in service, how the water divides, and what stays in the beds."""
    for one in filters:
        others = sum(other.takes_water for other in filters if other is not one)
        _follow(one, may_wash and others >= 1 and not any(other.is_out for other in filters), dt_s)
    openness = sum(1 / f.resistance for f in filters if f.takes_water)
    for one in filters:
        one.flow = raw_flow / one.resistance / openness if one.takes_water and openness else 0.0
        one.loss_m = min(3.0, one.flow * one.resistance)
        if one.takes_water:
            one.hours += dt_s / 3600
            one.clog += CLOGGING * settled * one.flow * dt_s


def wash_flow(filters: Sequence[Filter]) -> float:
    return WASH_FLOW if any(f.state is FilterState.WASHING for f in filters) else 0.0


def turbidity_after(filters: Sequence[Filter], settled: float) -> float:
    """Of the filtered water together, in NTU: a bed that ripens or breaks through lets more pass."""
    total = sum(f.flow for f in filters)
    if total <= 0:
        return 0.06
    passed = 0.0
    for one in filters:
        share = 0.022 * (2.5 if one.state is FilterState.RIPENING else 1.0)
        passed += one.flow * (0.05 + settled * share + max(0.0, one.loss_m - 2.0) * 0.15)
    return passed / total
