"""Coagulation, filters, chlorine and the clear-water tank. Pure; doses in mg/L, which is g/m³."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from devices.simulator import filters
from devices.simulator.filters import Filter
from devices.simulator.parts import Controller, DeadTime, Wander, held, lagged

TANK_AREA_M2: Final = 320.0
TANK_HEIGHT_M: Final = 4.5
FLOCCULATION_S: Final = 900.0
CHLORINE_DEMAND: Final = 0.38
"""What filtered water eats of the dose, in mg/L."""
MOST_CHLORINE: Final = 3.0
MOST_COAGULANT: Final = 60.0
COAGULANT_TANK_L: Final = 6_000.0
CHLORINE_TANK_KG: Final = 450.0
COAGULANT_G_PER_L: Final = 640.0
DELIVERED_AT: Final = 0.2
"""Share of the stock at which the lorry comes."""


@dataclass(slots=True)
class Coagulant:
    """`stock` 0..1; `flow_l_h`: litres of product in an hour."""

    is_proportional: bool = True
    hand_dose: float = 15.0
    dose: float = 15.0
    flow_l_h: float = 5.0
    stock: float = 0.71
    batch: int = 26_110_417
    settled: float = 0.9
    _mixed: DeadTime = field(default_factory=lambda: DeadTime(240.0, 1.0))
    _reacted: float = 1.0

    def step(self, dt_s: float, raw_flow: float, turbidity: float, measured: float) -> None:
        """The dose follows the measured turbidity; what it does to the water shows after a quarter of an hour."""
        wanted = _needed(measured) if self.is_proportional else self.hand_dose
        self.dose = held(wanted, 0.0, MOST_COAGULANT) if raw_flow > 5 else 0.0
        self.flow_l_h = self.dose * raw_flow / COAGULANT_G_PER_L
        self.stock -= self.flow_l_h * dt_s / 3600 / COAGULANT_TANK_L
        if self.stock < DELIVERED_AT:
            self.stock, self.batch = 0.95, self.batch + 1
        enough = self._mixed.step(min(1.0, self.dose / _needed(turbidity)), dt_s)
        self._reacted = lagged(self._reacted, enough, dt_s, FLOCCULATION_S)
        self.settled = lagged(self.settled, 0.25 + turbidity * (1 - 0.86 * self._reacted), dt_s, FLOCCULATION_S)


def _needed(turbidity: float) -> float:
    return 10.0 + 1.3 * float(max(0.0, turbidity) ** 0.8)


@dataclass(slots=True)
class Chlorine:
    """`residual`: at the end of the contact channel. The controller trims a dose that goes with the flow."""

    is_automatic: bool = True
    is_enabled: bool = True
    setpoint: float = 0.6
    hand_dose: float = 1.0
    dose: float = 0.98
    flow_g_h: float = 220.0
    stock: float = 0.64
    residual: float = 0.6
    trim: Controller = field(default_factory=lambda: Controller(0.15, 900.0, -0.8, 1.5))
    _channel: DeadTime = field(default_factory=lambda: DeadTime(240.0, 0.6))

    @property
    def is_dosing(self) -> bool:
        return self.flow_g_h > 0

    def step(self, dt_s: float, flow: float, eaten: float, measured: float, is_broken: bool) -> None:
        if self.is_automatic:
            asked = self.setpoint + CHLORINE_DEMAND + self.trim.step(self.setpoint - measured, dt_s)
        else:
            asked = self.hand_dose
            self.trim.follow(asked - self.setpoint - CHLORINE_DEMAND, self.setpoint - measured)
        works = self.is_enabled and not is_broken and flow > 5
        self.dose = held(asked, 0.0, MOST_CHLORINE) if works else 0.0
        self.flow_g_h = self.dose * flow
        self.stock -= self.flow_g_h * dt_s / 3600 / (CHLORINE_TANK_KG * 1000)
        if self.stock < DELIVERED_AT:
            self.stock = 0.95
        arrived = self._channel.step(max(0.0, self.dose - eaten), dt_s)
        self.residual = lagged(self.residual, arrived, dt_s, 300.0)


def _three() -> list[Filter]:
    """In the middle of their runs, each at another place."""
    return [
        Filter(clog=0.0035, hours=8.5, washes=1_204),
        Filter(clog=0.0090, hours=19.2, washes=1_198),
        Filter(clog=0.0005, hours=1.4, washes=1_187),
    ]


@dataclass(slots=True)
class Treatment:
    """`clear_m3`: what is in the tank; `wash_m3` and `spilled_m3` count for ever."""

    random: Random
    coagulant: Coagulant = field(default_factory=Coagulant)
    chlorine: Chlorine = field(default_factory=Chlorine)
    filters: list[Filter] = field(default_factory=_three)
    may_wash: bool = True
    is_level_controlled: bool = True
    hand_flow: float = 230.0
    level_setpoint_m: float = 3.0
    clear_m3: float = 2.9 * TANK_AREA_M2
    wash_flow: float = 0.0
    turbidity: float = 0.08
    ph: float = 7.4
    tank_chlorine: float = 0.52
    mean_flow: float = 235.0
    wash_m3: float = 61_240.0
    spilled_m3: float = 0.0
    _acidity: Wander = field(default_factory=lambda: Wander(0.03, 1800.0))
    _appetite: Wander = field(default_factory=lambda: Wander(0.04, 2400.0))

    @property
    def level_m(self) -> float:
        return self.clear_m3 / TANK_AREA_M2

    @property
    def can_take(self) -> bool:
        return any(f.takes_water for f in self.filters)

    def wanted_raw_flow(self, measured_level_m: float) -> float:
        """What the works should take in: what goes out on average, and more or less as the tank is low or high."""
        if not self.is_level_controlled:
            return self.hand_flow
        return max(100.0, self.mean_flow + 150.0 * (self.level_setpoint_m - measured_level_m))

    def step(self, dt_s: float, raw_flow: float, turbidity: float, seen: tuple[float, float], is_broken: bool) -> None:
        """All but the tank. `seen`: turbidity and residual as the instruments tell them."""
        self.coagulant.step(dt_s, raw_flow, turbidity, seen[0])
        filters.step(self.filters, raw_flow, self.coagulant.settled, self.may_wash and self.level_m > 1.0, dt_s)
        self.wash_flow = filters.wash_flow(self.filters)
        after = filters.turbidity_after(self.filters, self.coagulant.settled)
        self.turbidity = lagged(self.turbidity, after, dt_s, 120.0)
        target = 7.62 - 0.012 * self.coagulant.dose + self._acidity.step(dt_s, self.random)
        self.ph = lagged(self.ph, target, dt_s, 600.0)
        eaten = CHLORINE_DEMAND + self._appetite.step(dt_s, self.random) + max(0.0, self.turbidity - 0.1) * 0.5
        self.chlorine.step(dt_s, raw_flow, max(0.1, eaten), seen[1], is_broken)

    def balance(self, dt_s: float, raw_flow: float, taken: float) -> None:
        """What came in, went to the town (`taken`) and to wash filters in m³/h; what does not fit is spilled."""
        came, washed = raw_flow * dt_s / 3600, self.wash_flow * dt_s / 3600
        volume = self.clear_m3 + came - washed - taken * dt_s / 3600
        spilled = max(0.0, volume - TANK_AREA_M2 * TANK_HEIGHT_M)
        self.clear_m3 = volume - spilled
        self.spilled_m3 += spilled
        self.wash_m3 += washed
        self.mean_flow = lagged(self.mean_flow, taken + self.wash_flow, dt_s, 4 * 3600.0)
        mixed = came / max(50.0, self.clear_m3)
        self.tank_chlorine += mixed * (self.chlorine.residual - self.tank_chlorine) - self.tank_chlorine * 4e-6 * dt_s
