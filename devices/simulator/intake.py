"""From the river to the works: screen, raw-water pumps, raw-water flow. Pure."""

from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from devices.simulator.hydraulics import RAW, meeting_head
from devices.simulator.parts import Controller, held, lagged, towards
from devices.simulator.pumps import Pump, Station
from devices.simulator.weather import Weather

LIFT_M: Final = 14.0
"""Datum is the river bed at the intake: the water is lifted to this height."""
MAIN_SLOPE: Final = 6.0 / 300.0**2
"""Friction of the raw-water main: 6 m at 300 m³/h."""
RAKE_AT_M: Final = 0.30
RAKE_S: Final = 180.0
DRY_WELL_M: Final = 0.6
VALVE_TRAVEL_S: Final = 40.0


def _raw_pumps() -> list[Pump]:
    return [
        Pump(RAW, energy_kwh=184_310.0, hours=11_204.0, starts=2_117),
        Pump(RAW, energy_kwh=171_950.0, hours=10_866.0, starts=2_094),
    ]


@dataclass(slots=True)
class Intake:
    """`valve` and `valve_setpoint` 0..1. `wanted_flow`: what the level control of the clear-water tank asks for."""

    station: Station = field(default_factory=lambda: Station(_raw_pumps(), most=2, spare_speed=0.80))
    control: Controller = field(default_factory=lambda: Controller(0.0002, 8.0, 0.5, 1.0, 0.8))
    valve: float = 1.0
    valve_setpoint: float = 1.0
    most_flow: float = 340.0
    flow: float = 0.0
    wanted_flow: float = 230.0
    screen_loss_m: float = 0.08
    well_m: float = 2.0
    is_raking: bool = False
    raw_m3: float = 1_482_310.0
    _clean: float = 0.75
    _rake_s: float = 0.0
    _is_dry: bool = False

    def step(self, dt_s: float, weather: Weather, wanted: float, measured: float, may_run: bool, volt: float) -> None:
        """`measured`: the flow as its meter tells it; `may_run`: there is a filter to pump to, and mains."""
        self.wanted_flow = held(wanted, 0.0, self.most_flow)
        self.valve = towards(self.valve, self.valve_setpoint, dt_s / VALVE_TRAVEL_S)
        self._screen(dt_s, weather)
        is_asked = self.wanted_flow > 20
        speed = self.control.step(self.wanted_flow - measured, dt_s) if is_asked and may_run else self._rest()
        allotted = self.station.allot(speed, False, dt_s)
        self._is_dry = self.well_m < (DRY_WELL_M + 0.2 if self._is_dry else DRY_WELL_M)
        is_free = may_run and not self._is_dry
        for pump, is_allotted in zip(self.station.pumps, allotted, strict=True):
            pump.move(is_allotted and is_asked, speed, is_free, dt_s)
        self._flow(dt_s, weather, volt)

    def _rest(self) -> float:
        self.control.follow(0.7, 0.0)
        return 0.7

    def _screen(self, dt_s: float, weather: Weather) -> None:
        dirt = 2.2e-5 + 1.2e-5 * weather.rain
        self._clean = max(0.2, self._clean - dirt * dt_s * self.flow / 250)
        if self.is_raking:
            self._rake_s -= dt_s
            self._clean = towards(self._clean, 1.0, dt_s / RAKE_S)
            self.is_raking = self._rake_s > 0
        elif self.screen_loss_m > RAKE_AT_M:
            self.is_raking, self._rake_s = True, RAKE_S
        loss = 0.06 * (self.flow / 250) ** 2 / self._clean**2
        self.screen_loss_m = lagged(self.screen_loss_m, loss, dt_s, 20.0)
        self.well_m = weather.river_m - self.screen_loss_m

    def _flow(self, dt_s: float, weather: Weather, volt: float) -> None:
        pumps, opening = self.station.pumps, max(1e-3, self.valve)

        def system(head_m: float) -> float:
            spare = head_m - LIFT_M
            return opening * sqrt(spare / MAIN_SLOPE) if spare > 0 else spare

        turning = [(pump.speed, pump.health) for pump in pumps]
        head = meeting_head(RAW, turning, self.well_m, system, LIFT_M - 1.0, LIFT_M + 22.0)
        for pump in pumps:
            flow = RAW.flow(head - self.well_m, pump.speed, pump.health) if pump.speed > 0 else 0.0
            pump.work(flow, head - self.well_m, weather.air_c, volt, dt_s)
        self.flow = self.station.flow
        self.raw_m3 += self.flow * dt_s / 3600
