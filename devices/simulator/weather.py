"""The sky and the river: sun, clouds, rain, air, and what they do to the water. Pure."""

from dataclasses import dataclass, field
from math import pi, sin
from random import Random
from typing import Final

from devices.simulator.parts import Wander, held, lagged

DAY_S: Final = 86_400.0
HOUR_S: Final = 3600.0
STORM_MM_H: Final = 30.0
SHOWER_EVERY_S: Final = 30 * HOUR_S
SUN_RISES_H: Final = 5.5
SUN_SETS_H: Final = 20.5
CLEAR_SKY: Final = 880.0
"""W/m² on the panels at noon."""


@dataclass(slots=True)
class Weather:
    """`clock_s`: time of day. Rain in mm/h, irradiance in W/m², turbidity in NTU, river level in m."""

    random: Random
    clock_s: float
    rain: float = 0.0
    clouds: float = 0.3
    irradiance: float = 0.0
    air_c: float = 12.0
    water_c: float = 9.0
    river_m: float = 2.1
    turbidity: float = 4.0
    _wash_off: float = 0.0
    _swell_m: float = 0.0
    _shower_s: float = 0.0
    _shower_mm_h: float = 0.0
    _cloud: Wander = field(default_factory=lambda: Wander(0.22, 1500.0))
    _mud: Wander = field(default_factory=lambda: Wander(0.35, 900.0))
    _wave: Wander = field(default_factory=lambda: Wander(0.03, 1200.0))

    def step(self, dt_s: float, is_storm: bool) -> None:
        self.clock_s = (self.clock_s + dt_s) % DAY_S
        self._rain(dt_s, is_storm)
        self._sun(dt_s)
        turn = 2 * pi * self.clock_s / DAY_S
        self.air_c = 12.0 + 5.0 * sin(turn - 2.2) - min(3.0, self.rain * 0.2)
        self.water_c = 9.0 + 0.6 * sin(turn - 3.0)
        self._swell_m = lagged(self._swell_m, min(1.2, self.rain * 0.05), dt_s, 4 * HOUR_S)
        self._wash_off = lagged(self._wash_off, self.rain * 2.6, dt_s, 900.0 if self.rain > 0 else 2.5 * HOUR_S)
        self.river_m = 2.1 + self._swell_m + self._wave.step(dt_s, self.random)
        self.turbidity = max(0.8, 4.0 + self._mud.step(dt_s, self.random) + self._wash_off)

    def _rain(self, dt_s: float, is_storm: bool) -> None:
        if self._shower_s > 0:
            self._shower_s -= dt_s
        elif self.random.random() < dt_s / SHOWER_EVERY_S:
            self._shower_s = self.random.uniform(0.5, 2.0) * HOUR_S
            self._shower_mm_h = self.random.uniform(1.0, 6.0)
        target = STORM_MM_H if is_storm else self._shower_mm_h if self._shower_s > 0 else 0.0
        self.rain = lagged(self.rain, target, dt_s, 120.0)
        if self.rain < 0.02:
            self.rain = 0.0

    def _sun(self, dt_s: float) -> None:
        hour = self.clock_s / HOUR_S
        height = sin(pi * (hour - SUN_RISES_H) / (SUN_SETS_H - SUN_RISES_H)) if SUN_RISES_H < hour < SUN_SETS_H else 0.0
        self.clouds = held(0.35 + self._cloud.step(dt_s, self.random) + self.rain * 0.1, 0.0, 1.0)
        self.irradiance = CLEAR_SKY * height**1.2 * (1 - 0.85 * self.clouds)
