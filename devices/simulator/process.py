"""Northgate waterworks: river, treatment, town and energy, moved on together. Pure; the same seed gives the same day.

Mass is kept: what was pumped from the river less what the town, its leaks, filter washing and the weir took is what
is in tank and tower, to the litre. So is energy: what the grid gives is what the works draws less what the sun gives.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from devices.simulator.distribution import BURST, Distribution
from devices.simulator.energy import DOSING_KW, RAKE_KW, WASH_KW, Energy
from devices.simulator.faults import Fault
from devices.simulator.instruments import Instruments
from devices.simulator.intake import Intake
from devices.simulator.treatment import Treatment
from devices.simulator.weather import Weather

STEP_S: Final = 0.5
RUN_UP_S: Final = 2 * 3600.0
RUN_UP_STEP_S: Final = 5.0
WORN: Final = 0.8
PEAK_FACTOR: Final = 1.5


@dataclass(slots=True)
class Waterworks:
    """Call step(); read anything; write setpoints, modes and switches; set `faults`."""

    seed: int = 1
    clock_s: float = 8 * 3600.0
    faults: frozenset[Fault] = frozenset()
    random: Random = field(init=False)
    weather: Weather = field(init=False)
    intake: Intake = field(init=False)
    treatment: Treatment = field(init=False)
    distribution: Distribution = field(init=False)
    energy: Energy = field(init=False)
    seen: Instruments = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 (noise of a process, not a secret)
        self.weather = Weather(self.random, self.clock_s)
        self.intake = Intake()
        self.treatment = Treatment(self.random)
        self.distribution = Distribution(self.random)
        self.energy = Energy(self.random)
        self.seen = Instruments(self.random)

    @classmethod
    def in_operation(cls, seed: int, clock_s: float) -> "Waterworks":
        """In the middle of its work at this time of day, with everything swung in."""
        works = cls(seed, (clock_s - RUN_UP_S) % 86_400)
        works.step(RUN_UP_S, RUN_UP_STEP_S)
        return works

    @property
    def stored_m3(self) -> float:
        return self.treatment.clear_m3 + self.distribution.tower_m3

    @property
    def gone_m3(self) -> float:
        """What has left the works for good, of all it ever had."""
        treatment, town = self.treatment, self.distribution
        return town.delivered_m3 + town.leaked_m3 + treatment.wash_m3 + treatment.spilled_m3

    def set_faults(self, faults: frozenset[Fault]) -> None:
        """The faults that are there from now on."""
        pumps = self.distribution.station.pumps
        if Fault.PUMP_TRIP in faults and Fault.PUMP_TRIP not in self.faults:
            pumps[0].is_tripped = True
        elif Fault.PUMP_TRIP in self.faults and Fault.PUMP_TRIP not in faults:
            pumps[0].is_tripped = False
        pumps[1].health = WORN if Fault.PUMP_WEAR in faults else 1.0
        self.treatment.filters[1].is_blocked = Fault.FILTER_BLOCKED in faults
        self.faults = faults

    def reset_trips(self) -> None:
        """A trip whose cause is still there stays."""
        for number, pump in enumerate(self.distribution.station.pumps):
            pump.is_tripped = number == 0 and Fault.PUMP_TRIP in self.faults
        for pump in self.intake.station.pumps:
            pump.is_tripped = False

    def step(self, dt_s: float, longest_s: float = STEP_S) -> None:
        """Move on by any time; inside, in steps short enough for the control."""
        left = dt_s
        while left > 1e-9:
            dt = min(longest_s, left)
            self._step(dt)
            left -= dt

    def _step(self, dt: float) -> None:
        self.weather.step(dt, Fault.STORM in self.faults)
        self.clock_s = self.weather.clock_s
        self._water(dt)
        self._measure(dt)
        treatment = self.treatment
        helpers = DOSING_KW + (RAKE_KW if self.intake.is_raking else 0.0) + (WASH_KW if treatment.wash_flow else 0.0)
        pumps = self.intake.station.kw + self.distribution.station.kw
        self.energy.step(dt, pumps, helpers, self.weather.irradiance, Fault.POWER_DIP in self.faults)

    def _water(self, dt: float) -> None:
        weather, seen, treatment, volt = self.weather, self.seen, self.treatment, self.energy.voltage
        wanted = treatment.wanted_raw_flow(seen.clear_m)
        self.intake.step(dt, weather, wanted, seen.raw_flow, treatment.can_take and volt > 0.8, volt)
        is_broken = Fault.DOSING_FAILURE in self.faults or volt < 0.8
        treatment.step(dt, self.intake.flow, weather.turbidity, (seen.turbidity, seen.residual), is_broken)
        extra = (
            PEAK_FACTOR if Fault.DEMAND_PEAK in self.faults else 1.0,
            BURST if Fault.PIPE_BURST in self.faults else 0.0,
        )
        town = self.distribution
        town.step(dt, self.clock_s, treatment.level_m, (seen.pressure, seen.tower_m), extra, volt, weather.air_c)
        treatment.balance(dt, self.intake.flow, town.outflow)

    def _measure(self, dt: float) -> None:
        treatment, town = self.treatment, self.distribution
        self.seen.measure(
            (self.intake.flow, town.outflow),
            (treatment.level_m, town.tower_m),
            town.pressure_bar,
            (self.weather.turbidity, treatment.chlorine.residual, treatment.ph, treatment.turbidity),
            self.faults,
            dt,
        )
