"""Pumps with drives, and a station that puts as many of them to work as are needed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from devices.simulator.hydraulics import Curve, ampere
from devices.simulator.parts import lagged, towards

RAMP_S: Final = 8.0
"""From rest to full speed."""
SLOWEST: Final = 0.5
"""A running drive turns no slower."""
MOTOR_LAG_S: Final = 420.0
MOTOR_RISE: Final = 46.0
"""Degrees over ambient at rated current."""
ASSIST_AFTER_S: Final = 45.0
RELEASE_AFTER_S: Final = 240.0


class PumpState(IntEnum):
    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3
    BLOCKED = 4
    """Wants to run, but may not: too little water before it, or too little voltage."""
    TRIPPED = 5


class PumpMode(IntEnum):
    OFF = 0
    AUTO = 1
    HAND = 2


@dataclass(slots=True)
class Pump:
    """`speed` and `hand_speed` 0..1; `flow` m³/h; `health` 1: as new; `energy_kwh` and `hours` count for ever."""

    curve: Curve
    mode: PumpMode = PumpMode.AUTO
    hand_speed: float = 0.8
    state: PumpState = PumpState.STOPPED
    speed: float = 0.0
    flow: float = 0.0
    kw: float = 0.0
    motor_c: float = 15.0
    vibration: float = 0.0
    ampere: float = 0.0
    health: float = 1.0
    is_tripped: bool = False
    energy_kwh: float = 0.0
    hours: float = 0.0
    starts: int = 0

    @property
    def is_ready(self) -> bool:
        """At the disposal of the automatic control."""
        return self.mode is PumpMode.AUTO and not self.is_tripped

    def move(self, is_wanted: bool, target: float, is_free: bool, dt_s: float) -> None:
        """One step of its drive. `is_free`: nothing forbids it to run. In hand it goes as the hand says."""
        if self.mode is PumpMode.HAND:
            is_wanted, target = True, self.hand_speed
        if self.mode is PumpMode.OFF or self.is_tripped:
            is_wanted = False
        runs = is_wanted and is_free
        if self.is_tripped:
            self.speed = towards(self.speed, 0.0, 4 * dt_s / RAMP_S)  # it coasts; no ramp holds it
        else:
            self.speed = towards(self.speed, max(SLOWEST, target) if runs else 0.0, dt_s / RAMP_S)
        self._name_state(is_wanted, runs)
        if self.speed > 0:
            self.hours += dt_s / 3600

    def _name_state(self, is_wanted: bool, runs: bool) -> None:
        before = self.state
        if self.is_tripped:
            self.state = PumpState.TRIPPED
        elif runs:
            self.state = PumpState.RUNNING if self.speed >= SLOWEST else PumpState.STARTING
        elif is_wanted:
            self.state = PumpState.BLOCKED
        else:
            self.state = PumpState.STOPPING if self.speed > 0 else PumpState.STOPPED
        if runs and before not in (PumpState.STARTING, PumpState.RUNNING):
            self.starts += 1

    def work(self, flow: float, head_m: float, ambient_c: float, voltage: float, dt_s: float) -> None:
        """What it gives and takes while the pipes stand as they do."""
        self.flow = flow
        self.kw = self.curve.electric_kw(flow, head_m, self.speed, self.health)
        self.ampere = ampere(self.kw, voltage)
        self.energy_kwh += self.kw * dt_s / 3600
        target = ambient_c + 8 + MOTOR_RISE * (self.ampere / self.curve.rated_ampere) ** 2
        self.motor_c = lagged(self.motor_c, target if self.speed > 0 else ambient_c + 2, dt_s, MOTOR_LAG_S)
        shaking = self.speed * (1.2 + 9.0 * (1 - self.health)) if self.speed > 0 else 0.0
        self.vibration = lagged(self.vibration, shaking, dt_s, 6.0)


@dataclass(slots=True)
class Station:
    """Pumps side by side. One is in the lead; more join in when those that run are at their limit.

    `most`: how many the control may run; one more when the need is pressing. Below `spare_speed` one less will do.
    `duty`: number of the leader, from 0.
    """

    pumps: Sequence[Pump]
    most: int
    spare_speed: float = 0.85
    duty: int = 0
    wanted: int = 1
    _short_s: float = 0.0
    _spare_s: float = 0.0

    @property
    def running(self) -> list[Pump]:
        return [pump for pump in self.pumps if pump.speed > 0]

    @property
    def flow(self) -> float:
        return sum(pump.flow for pump in self.pumps)

    @property
    def kw(self) -> float:
        return sum(pump.kw for pump in self.pumps)

    def allot(self, speed: float, is_pressing: bool, dt_s: float) -> list[bool]:
        """Which pumps the control wants now, at this common speed."""
        limit = self.most + 1 if is_pressing else self.most
        self._short_s = self._short_s + dt_s if speed > 0.97 else 0.0
        self._spare_s = self._spare_s + dt_s if speed < self.spare_speed else 0.0
        if self._short_s > ASSIST_AFTER_S and self.wanted < min(limit, len(self.pumps)):
            self.wanted, self._short_s = self.wanted + 1, 0.0
        elif self._spare_s > RELEASE_AFTER_S and self.wanted > 1:
            self.wanted, self._spare_s = self.wanted - 1, 0.0
        chosen, left = [False] * len(self.pumps), self.wanted
        for place in range(len(self.pumps)):
            number = (self.duty + place) % len(self.pumps)
            if left and self.pumps[number].is_ready:
                chosen[number], left = True, left - 1
        return chosen
