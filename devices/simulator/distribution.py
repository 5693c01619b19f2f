"""From the clear-water tank to the town: high-lift pumps, pressure control, the tower, the town's taps. Pure."""

from dataclasses import dataclass, field
from math import exp, sqrt
from random import Random
from typing import Final

from devices.simulator.hydraulics import BAR_PER_M, HIGH_LIFT, meeting_head
from devices.simulator.parts import Controller, Wander, held, towards
from devices.simulator.pumps import Pump, Station

TOWER_FLOOR_M: Final = 40.0
"""Datum is the floor of the clear-water tank."""
TOWER_AREA_M2: Final = 120.0
TOWER_HEIGHT_M: Final = 6.0
TOWER_MAIN: Final = 60.0
"""m³/h that flow to or from the tower for the root of one metre."""
FLOAT_VALVE_M: Final = 5.6
"""Above this the tower's inlet closes, over a quarter of a metre."""
NOMINAL_HEAD_M: Final = 44.5
BURST: Final = 180.0
MEAN_DEMAND: Final = 245.0
DRY_TANK_M: Final = 0.4
PRESSING_BAR: Final = 0.35
TRIM: Final = 0.06
"""bar more for each metre that the tower is below its setpoint."""
VALVE_TRAVEL_S: Final = 60.0


def day_profile(clock_s: float) -> float:
    """Share of the mean demand: quiet nights, a peak at breakfast, a broader one in the evening."""
    hour = clock_s / 3600

    def hump(at: float, width: float) -> float:
        away = min(abs(hour - at), 24 - abs(hour - at))
        return exp(-((away / width) ** 2))

    return 0.52 + 0.72 * hump(7.3, 1.7) + 0.42 * hump(12.5, 2.6) + 0.70 * hump(19.2, 2.8)


def _high_lift_pumps() -> list[Pump]:
    return [
        Pump(HIGH_LIFT, energy_kwh=412_905.0, hours=15_322.0, starts=3_480),
        Pump(HIGH_LIFT, energy_kwh=398_112.0, hours=14_907.0, starts=3_391),
        Pump(HIGH_LIFT, energy_kwh=88_430.0, hours=3_240.0, starts=911),
    ]


@dataclass(slots=True)
class Distribution:
    """`head_m` at the outlet; `tower_flow` m³/h into the tower, negative out of it. `zone_valve` 0..1."""

    random: Random
    station: Station = field(default_factory=lambda: Station(_high_lift_pumps(), most=2))
    control: Controller = field(default_factory=lambda: Controller(0.02, 10.0, 0.5, 1.0, 0.9))
    is_pressure_controlled: bool = True
    hand_speed: float = 0.9
    pressure_setpoint: float = 4.35
    tower_setpoint_m: float = 4.2
    tower_m3: float = 4.1 * TOWER_AREA_M2
    head_m: float = NOMINAL_HEAD_M
    demand: float = MEAN_DEMAND
    leak: float = 0.0
    tower_flow: float = 0.0
    zone_valve: float = 1.0
    zone_setpoint: float = 1.0
    delivered_m3: float = 1_402_118.0
    leaked_m3: float = 0.0
    pumped_m3: float = 1_403_560.0
    _is_dry: bool = False
    _mood: Wander = field(default_factory=lambda: Wander(0.05, 600.0))

    @property
    def tower_m(self) -> float:
        return self.tower_m3 / TOWER_AREA_M2

    @property
    def pressure_bar(self) -> float:
        return self.head_m * BAR_PER_M

    @property
    def outflow(self) -> float:
        """What leaves the station."""
        return self.station.flow

    def wanted_bar(self, measured_tower_m: float) -> float:
        return self.pressure_setpoint + held(TRIM * (self.tower_setpoint_m - measured_tower_m), -0.15, 0.15)

    def step(
        self, dt_s: float, clock_s: float, clear_m: float, seen: tuple[float, float], extra: tuple[float, float],
        volt: float, air_c: float,
    ) -> None:  # fmt: skip
        """`seen`: pressure and tower level as measured. `extra`: factor on the demand, and a leak in m³/h."""
        self.zone_valve = towards(self.zone_valve, self.zone_setpoint, dt_s / VALVE_TRAVEL_S)
        error = self.wanted_bar(seen[1]) - seen[0]
        if self.is_pressure_controlled:
            speed = self.control.step(error, dt_s)
        else:
            speed = self.hand_speed
            self.control.follow(speed, error)
        self._is_dry = clear_m < (DRY_TANK_M + 0.3 if self._is_dry else DRY_TANK_M)
        allotted = self.station.allot(speed, error > PRESSING_BAR, dt_s)
        for pump, is_allotted in zip(self.station.pumps, allotted, strict=True):
            pump.move(is_allotted, speed, not self._is_dry and volt > 0.8, dt_s)
        taps = MEAN_DEMAND * day_profile(clock_s) * extra[0] * (0.6 + 0.4 * self.zone_valve)
        self._flow(dt_s, clear_m, taps * max(0.5, 1 + self._mood.step(dt_s, self.random)), extra[1], volt, air_c)

    def _into_tower(self, head_m: float, most_out: float) -> float:
        """Flow into the tower at a head, m³/h; a full one takes no more, an empty one gives no more."""
        spare = head_m - TOWER_FLOOR_M - self.tower_m
        if spare > 0:
            return TOWER_MAIN * sqrt(spare) * held((FLOAT_VALVE_M + 0.25 - self.tower_m) / 0.25, 0.0, 1.0)
        return -min(most_out, TOWER_MAIN * sqrt(-spare))

    def _flow(self, dt_s: float, clear_m: float, taps: float, leak: float, volt: float, air_c: float) -> None:
        pumps, most_out = self.station.pumps, self.tower_m3 * 3600 / dt_s
        opening = (taps + leak) / sqrt(NOMINAL_HEAD_M)

        def system(head_m: float) -> float:
            return opening * sqrt(max(0.0, head_m)) + self._into_tower(head_m, most_out)

        turning = [(pump.speed, pump.health) for pump in pumps]
        head = meeting_head(HIGH_LIFT, turning, clear_m, system, 0.0, 75.0)
        for pump in pumps:
            flow = HIGH_LIFT.flow(head - clear_m, pump.speed, pump.health) if pump.speed > 0 else 0.0
            pump.work(flow, head - clear_m, air_c, volt, dt_s)
        self.head_m = head
        drawn = opening * sqrt(max(0.0, head))
        # What the bisection leaves over, a few millilitres, is the tower's: not a litre may appear or vanish.
        self.tower_flow = held(self.outflow - drawn, -most_out, 1e6)
        drawn = self.outflow - self.tower_flow
        self.demand, self.leak = drawn * taps / (taps + leak), drawn * leak / (taps + leak)
        self._count(dt_s / 3600)

    def _count(self, hours: float) -> None:
        self.tower_m3 = max(0.0, self.tower_m3 + self.tower_flow * hours)
        self.delivered_m3 += self.demand * hours
        self.leaked_m3 += self.leak * hours
        self.pumped_m3 += self.outflow * hours
