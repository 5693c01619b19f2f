"""Pumps in parallel on a pipe, and what their motors draw. Pure functions; flows in m³/h, heads in m, power in kW."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

SHUT_OFF_HEAD_M: Final = 48.0
PUMP_SLOPE: Final = 18.0 / 120.0**2
"""Head lost inside a pump at full speed: 18 m at 120 m³/h."""
STATIC_HEAD_M: Final = 22.0
PIPE_SLOPE: Final = 14.0 / 150.0**2
"""Friction of the pipe: 14 m at 150 m³/h, with the valves of the town half open."""
BEST_FLOW: Final = 110.0
BEST_EFFICIENCY: Final = 0.74
NO_LOAD_KW: Final = 3.5
GRAVITY_KW: Final = 9.81 / 3600.0
"""kW for one m³/h lifted by one m."""
VOLT_FACTOR: Final = 1.732 * 0.4 * 0.86
"""kW for one ampere on 400 V three-phase at a power factor of 0.86."""
HALVINGS: Final = 24
"""Of 48 m: a few micrometres."""
BAR_PER_M: Final = 0.0980665


def pump_flow(head_m: float, speed: float) -> float:
    """What one pump gives against a head; its check valve lets nothing back."""
    spare = speed * speed * SHUT_OFF_HEAD_M - head_m
    return sqrt(spare / PUMP_SLOPE) if spare > 0 else 0.0


def operating_point(speeds: Sequence[float], level_m: float, opening: float) -> tuple[float, list[float]]:
    """The head over the pumps and the flow of each, where pump curves and pipe meet.

    `opening`: how far the town's taps are open, 1 on average. Found by bisection: the more head, the less flow.
    """
    low, high = 0.0, SHUT_OFF_HEAD_M
    if not any(speeds):
        return STATIC_HEAD_M - level_m, [0.0 for _ in speeds]
    for _ in range(HALVINGS):
        head = (low + high) / 2
        total = sum(pump_flow(head, s) for s in speeds)
        needed = STATIC_HEAD_M - level_m + PIPE_SLOPE * (total / opening) ** 2
        low, high = (head, high) if needed > head else (low, head)
    flows = [pump_flow(high, s) for s in speeds]
    return high, flows


def shaft_kw(flow: float, head_m: float, speed: float) -> float:
    """Electric power of one pump: water lifted over an efficiency that is best at one flow, and what turning costs."""
    if speed <= 0:
        return 0.0
    off = flow / (BEST_FLOW * speed) - 1
    efficiency = max(0.25, BEST_EFFICIENCY * (1 - 0.6 * off * off))
    return NO_LOAD_KW * speed**3 + GRAVITY_KW * flow * head_m / efficiency


def ampere(kw: float) -> float:
    return kw / VOLT_FACTOR
