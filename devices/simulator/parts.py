"""What a process is made of: noise that wanders, dead time, lag, and a controller with an integral part. Pure."""

from collections import deque
from dataclasses import dataclass, field
from math import sqrt
from random import Random


def held(value: float, low: float, high: float) -> float:
    """The value, held within its bounds."""
    return low if value < low else high if value > high else value


def towards(value: float, target: float, way: float) -> float:
    """A step of at most `way` from the value to the target."""
    return value + held(target - value, -way, way)


def lagged(value: float, target: float, dt_s: float, lag_s: float) -> float:
    """First-order lag; stable for any step."""
    return value + (target - value) * min(1.0, dt_s / lag_s)


@dataclass(slots=True)
class Wander:
    """Noise with a memory (Ornstein-Uhlenbeck): its spread is `sigma`, its memory `lag_s`."""

    sigma: float
    lag_s: float
    value: float = 0.0

    def step(self, dt_s: float, random: Random) -> float:
        share = min(1.0, dt_s / self.lag_s)
        self.value += -self.value * share + random.gauss(0.0, self.sigma) * sqrt(2 * share)
        return self.value


@dataclass(slots=True)
class DeadTime:
    """What goes in comes out `delay_s` later, in samples of `sample_s`; whatever is between is held."""

    delay_s: float
    value: float
    sample_s: float = 10.0
    _pipe: deque[float] = field(default_factory=deque)
    _since_s: float = 0.0

    def step(self, value: float, dt_s: float) -> float:
        self._since_s += dt_s
        while self._since_s >= self.sample_s:
            self._since_s -= self.sample_s
            self._pipe.append(value)
            if len(self._pipe) * self.sample_s > self.delay_s:
                self.value = self._pipe.popleft()
        return self.value


@dataclass(slots=True)
class Controller:
    """PI. `gain` output per unit of error; `reset_s` integral time; the output is held and the integral with it."""

    gain: float
    reset_s: float
    low: float
    high: float
    output: float = 0.0
    _last_error: float = 0.0

    def step(self, error: float, dt_s: float) -> float:
        """In velocity form: held outputs wind nothing up, and a change by hand is where it goes on from."""
        change = self.gain * (error - self._last_error + error * dt_s / self.reset_s)
        self._last_error = error
        self.output = held(self.output + change, self.low, self.high)
        return self.output

    def follow(self, output: float, error: float) -> None:
        """Not in charge: take over from here when asked again, without a bump."""
        self.output, self._last_error = held(output, self.low, self.high), error
