"""Pumps in parallel on a system of pipes, and what their motors draw. Pure; flows in m³/h, heads in m, power in kW."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

GRAVITY_KW: Final = 9.81 / 3600.0
"""kW for one m³/h lifted by one m."""
VOLT_FACTOR: Final = 1.732 * 0.4 * 0.86
"""kW for one ampere on 400 V three-phase at a power factor of 0.86."""
BAR_PER_M: Final = 0.0980665
HALVINGS: Final = 20
"""Of 75 m: less than a tenth of a millimetre."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A pump at full speed: `shut_off_m` at no flow, less `slope` times the flow squared. Best at `best_flow`."""

    shut_off_m: float
    slope: float
    best_flow: float
    best_efficiency: float
    no_load_kw: float
    rated_ampere: float

    def flow(self, head_m: float, speed: float, health: float = 1.0) -> float:
        """What it gives against a head (affinity laws); its check valve lets nothing back. `health` 1: as new."""
        spare = health * speed * speed * self.shut_off_m - head_m
        return sqrt(spare / self.slope) if spare > 0 else 0.0

    def electric_kw(self, flow: float, head_m: float, speed: float, health: float = 1.0) -> float:
        """Water lifted over an efficiency that is best at one flow, and what turning costs."""
        if speed <= 0:
            return 0.0
        off = flow / (self.best_flow * speed) - 1
        efficiency = max(0.25, health * self.best_efficiency * (1 - 0.6 * off * off))
        return self.no_load_kw * speed**3 + GRAVITY_KW * flow * max(0.0, head_m) / efficiency


RAW: Final = Curve(30.0, 12.0 / 220.0**2, 200.0, 0.76, 1.6, 42.0)
HIGH_LIFT: Final = Curve(64.0, 20.0 / 125.0**2, 110.0, 0.78, 2.4, 58.0)

Turning = Sequence[tuple[float, float]]
"""(speed, health) of each pump."""


def meeting_head(
    curve: Curve, pumps: Turning, suction_m: float, system: Callable[[float], float], low_m: float, high_m: float
) -> float:
    """The head over the datum at which the pumps give what the system takes. By bisection: one falls, one rises.

    `system(head)`: the flow it takes, rising with the head; negative where it feeds back (a tower).
    """
    lifts = [h * s * s * curve.shut_off_m for s, h in pumps if s > 0]  # as Curve.flow, without a call for each
    for _ in range(HALVINGS):
        head = (low_m + high_m) / 2
        given, over_m = 0.0, head - suction_m
        for lift in lifts:
            if lift > over_m:
                given += sqrt((lift - over_m) / curve.slope)
        if given > system(head):
            low_m = head
        else:
            high_m = head
    return (low_m + high_m) / 2


def ampere(kw: float, voltage_share: float = 1.0) -> float:
    return kw / (VOLT_FACTOR * max(0.3, voltage_share))
