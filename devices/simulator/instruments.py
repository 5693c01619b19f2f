"""What the instruments say of the process: true values with noise, and with the faults instruments have. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from math import nan
from random import Random
from typing import Final

from devices.simulator.faults import Fault

DRIFT_PER_S: Final = 0.02 / 60


@dataclass(slots=True)
class Instruments:
    """Measured values. Controllers believe these; nobody in a waterworks knows the true ones."""

    random: Random
    raw_flow: float = 0.0
    turbidity: float = 4.0
    clear_m: float = 2.9
    tower_m: float = 4.1
    pressure: float = 4.4
    outflow: float = 0.0
    residual: float = 0.6
    ph: float = 7.4
    filtered: float = 0.08
    drift: float = 0.0

    def measure(
        self, flows: tuple[float, float], levels: tuple[float, float], pressure: float, water: tuple[float, ...],
        faults: Collection[Fault], dt_s: float,
    ) -> None:  # fmt: skip
        """`flows`: raw and out; `levels`: clear-water tank and tower; `water`: turbidity, residual, pH, filtered."""
        noise = self.random.gauss
        self.raw_flow = max(0.0, flows[0] + noise(0.0, 0.5)) if flows[0] > 0 else 0.0
        self.outflow = max(0.0, flows[1] + noise(0.0, 0.5)) if flows[1] > 0 else 0.0
        self.clear_m = levels[0] + noise(0.0, 0.0015)
        if Fault.SENSOR_STUCK not in faults:
            self.tower_m = levels[1] + noise(0.0, 0.002)
        self.pressure = max(0.0, pressure + noise(0.0, 0.006))
        self.turbidity = max(0.0, water[0] * (1 + noise(0.0, 0.008)))
        self.drift = self.drift + DRIFT_PER_S * dt_s if Fault.SENSOR_DRIFT in faults else 0.0
        self.residual = max(0.0, water[1] + self.drift + noise(0.0, 0.004))
        self.ph = nan if Fault.SENSOR_NAN in faults else water[2] + noise(0.0, 0.004)
        self.filtered = max(0.01, water[3] + noise(0.0, 0.0015))
