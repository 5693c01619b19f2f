"""A pumped tank: water runs in through a valve, two pumps lift it to a town. Pure; the same seed gives the same day.

Mass is kept: what has come in less what has gone out is what is in the tank, to the last litre.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from math import pi, sin
from random import Random
from typing import Final

from devices.simulator.hydraulics import BAR_PER_M, STATIC_HEAD_M, ampere, operating_point, shaft_kw

TANK_AREA_M2: Final = 6.0
TANK_HEIGHT_M: Final = 6.0
DAY_S: Final = 86_400.0
MEAN_INFLOW: Final = 95.0
VALVE_TRAVEL_S: Final = 20.0
RAMP_S: Final = 4.0
MOTOR_LAG_S: Final = 420.0
MOTOR_RISE: Final = 48.0
"""Degrees over ambient at rated current."""
RATED_AMPERE: Final = 28.0
HIGH_LEVEL_M: Final = 5.0
LOW_LEVEL_M: Final = 0.8
NOISE_LAG_S: Final = 40.0
STEP_S: Final = 0.5
IN_OPERATION_M: Final = 3.0
RUN_UP_S: Final = 60.0


class PumpState(IntEnum):
    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3
    BLOCKED = 4
    """Wants to run, but the tank is nearly empty."""


class PumpMode(IntEnum):
    OFF = 0
    AUTO = 1
    ON = 2


@dataclass(slots=True)
class Pump:
    """`speed` 0..1; `flow` m³/h; `energy_kwh` and `hours` count for ever."""

    mode: PumpMode = PumpMode.AUTO
    state: PumpState = PumpState.STOPPED
    speed: float = 0.0
    flow: float = 0.0
    kw: float = 0.0
    motor_c: float = 18.0
    energy_kwh: float = 0.0
    hours: float = 0.0

    @property
    def ampere(self) -> float:
        return ampere(self.kw)


@dataclass(slots=True)
class Setpoints:
    """Levels in m at which the first pump starts, the second joins in, and both stop."""

    start_m: float = 2.6
    assist_m: float = 3.4
    stop_m: float = 1.8

    def refusal(self) -> str:
        """Why these cannot be; empty when they can."""
        if not LOW_LEVEL_M < self.stop_m < self.start_m < self.assist_m < TANK_HEIGHT_M:
            return f"needed: {LOW_LEVEL_M} < stop < start < assist < {TANK_HEIGHT_M}"
        return ""


@dataclass(slots=True)
class PumpedTank:
    """`clock_s`: time of day. Call step(); read anything; write setpoints, modes and the two switches."""

    seed: int = 1
    clock_s: float = 8 * 3600.0
    volume_m3: float = 2.2 * TANK_AREA_M2
    setpoints: Setpoints = field(default_factory=Setpoints)
    pumps: tuple[Pump, Pump] = field(default_factory=lambda: (Pump(energy_kwh=51_234.0, hours=4_310.0), Pump()))
    is_automatic: bool = True
    leads_with_second: bool = False
    valve: float = 0.7
    inflow: float = 0.0
    outflow: float = 0.0
    pressure_bar: float = 0.0
    water_c: float = 9.0
    ambient_c: float = 4.0
    came_in_m3: float = 0.0
    went_out_m3: float = 0.0
    spilled_m3: float = 0.0
    wanted_pumps: int = 0
    _noise: float = 0.0
    _random: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 (noise of a process, not a secret)
        self.water_c, self.ambient_c = self._water_c(), self._ambient_c()

    @classmethod
    def in_operation(cls, seed: int, clock_s: float) -> "PumpedTank":
        """In the middle of its work: the tank above the start level, the first pump at full speed, water flowing."""
        tank = cls(seed=seed, clock_s=clock_s, volume_m3=IN_OPERATION_M * TANK_AREA_M2, valve=1.0)
        tank.step(RUN_UP_S)
        return tank

    @property
    def level_m(self) -> float:
        return self.volume_m3 / TANK_AREA_M2

    def step(self, dt_s: float) -> None:
        """Move on by any time; inside, in steps short enough for the control."""
        left = dt_s
        while left > 1e-9:
            dt = min(STEP_S, left)
            self._step(dt)
            left -= dt

    def _step(self, dt: float) -> None:
        self.clock_s = (self.clock_s + dt) % DAY_S
        self._control()
        self._move_valve(dt)
        for pump, is_wanted in zip(self.pumps, self._who_runs(), strict=True):
            self._move_pump(pump, is_wanted, dt)
        self._flow()
        self._balance(dt)
        self._temperatures(dt)

    def _control(self) -> None:
        """Hysteresis: between stop and start level what runs goes on running."""
        level, points = self.level_m, self.setpoints
        if level <= points.stop_m:
            self.wanted_pumps = 0
        elif level >= points.assist_m:
            self.wanted_pumps = 2
        elif level >= points.start_m:
            self.wanted_pumps = max(self.wanted_pumps, 1)

    def _who_runs(self) -> tuple[bool, bool]:
        wanted = self.wanted_pumps if self.is_automatic else 0
        lead = 1 if self.leads_with_second else 0
        automatic = [wanted >= 1, wanted >= 2] if lead == 0 else [wanted >= 2, wanted >= 1]
        first, second = (
            pump.mode is PumpMode.ON or (pump.mode is PumpMode.AUTO and asked)
            for pump, asked in zip(self.pumps, automatic, strict=True)
        )
        return first, second

    def _move_valve(self, dt: float) -> None:
        """The inlet valve throttles as the tank fills and shuts before it spills."""
        room = (TANK_HEIGHT_M - 0.3 - self.level_m) / 1.5
        target = min(1.0, max(0.0, room))
        way = dt / VALVE_TRAVEL_S
        self.valve += min(way, max(-way, target - self.valve))

    def _move_pump(self, pump: Pump, is_wanted: bool, dt: float) -> None:
        is_dry = self.level_m < LOW_LEVEL_M / 2
        target = 1.0 if is_wanted and not is_dry else 0.0
        way = dt / RAMP_S
        pump.speed += min(way, max(-way, target - pump.speed))
        if target:
            pump.state = PumpState.RUNNING if pump.speed >= 1 else PumpState.STARTING
        elif is_wanted:
            pump.state = PumpState.BLOCKED
        else:
            pump.state = PumpState.STOPPING if pump.speed > 0 else PumpState.STOPPED
        if pump.speed > 0:
            pump.hours += dt / 3600

    def _flow(self) -> None:
        time_of_day = 2 * pi * self.clock_s / DAY_S
        supply = MEAN_INFLOW * (1 + 0.2 * sin(time_of_day - 1.8) + 0.06 * sin(3 * time_of_day))
        self.inflow = max(0.0, (supply + self._noise) * self.valve)
        opening = 1 + 0.3 * sin(time_of_day - 1.2) + self._noise / 200
        head, flows = operating_point([p.speed for p in self.pumps], self.level_m, opening)
        for pump, flow in zip(self.pumps, flows, strict=True):
            pump.flow = flow
            pump.kw = shaft_kw(flow, head, pump.speed)
        self.outflow = sum(flows)
        # With the pumps at rest the check valves hold the town's own head.
        standing = STATIC_HEAD_M if self.outflow <= 0 else head + self.level_m
        self.pressure_bar = standing * BAR_PER_M + self._noise * 0.002

    def _balance(self, dt: float) -> None:
        came, went = self.inflow * dt / 3600, self.outflow * dt / 3600
        went = min(went, self.volume_m3 + came)
        volume = self.volume_m3 + came - went
        spilled = max(0.0, volume - TANK_AREA_M2 * TANK_HEIGHT_M)
        self.volume_m3 = volume - spilled
        self.came_in_m3 += came
        self.went_out_m3 += went
        self.spilled_m3 += spilled
        for pump in self.pumps:
            pump.energy_kwh += pump.kw * dt / 3600
        share = dt / NOISE_LAG_S
        self._noise += -self._noise * share + self._random.gauss(0, 6.0) * (2 * share) ** 0.5

    def _temperatures(self, dt: float) -> None:
        self.ambient_c, self.water_c = self._ambient_c(), self._water_c()
        for pump in self.pumps:
            target = self.ambient_c + 12 + MOTOR_RISE * (pump.ampere / RATED_AMPERE) ** 2
            pump.motor_c += (target - pump.motor_c) * dt / MOTOR_LAG_S

    def _ambient_c(self) -> float:
        return -1.0 + 6.0 * sin(2 * pi * self.clock_s / DAY_S - 2.2)

    def _water_c(self) -> float:
        return 8.5 + 0.8 * sin(2 * pi * self.clock_s / DAY_S - 3.0)
