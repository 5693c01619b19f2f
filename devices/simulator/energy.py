"""What the works draws and what its roof gives. Pure; power in kW, energy in Wh, voltage in V."""

from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import Final

from devices.simulator.parts import lagged

PV_PEAK_KW: Final = 80.0
BASE_KW: Final = 8.5
"""Light, heating, ventilation, controllers."""
DOSING_KW: Final = 1.2
WASH_KW: Final = 17.0
RAKE_KW: Final = 1.1
PHASES: Final = (0.338, 0.326, 0.336)
"""How the load divides among the phases."""
PHASE_VOLT: Final = 230.0
DIP: Final = 0.62
POWER_FACTOR: Final = 0.93
WAKES_AT_KW: Final = 0.15


class InverterState(IntEnum):
    """SunSpec operating states."""

    OFF = 1
    SLEEPING = 2
    STARTING = 3
    MPPT = 4
    THROTTLED = 5
    SHUTTING_DOWN = 6
    FAULT = 7
    STANDBY = 8


@dataclass(slots=True)
class Energy:
    """`grid_kw` is what is bought; negative when the sun gives more than is used. `voltage` 1 is nominal."""

    random: Random
    load_kw: float = 60.0
    pv_kw: float = 0.0
    grid_kw: float = 60.0
    voltage: float = 1.0
    frequency: float = 50.0
    inverter: InverterState = InverterState.SLEEPING
    cabinet_c: float = 20.0
    imported_wh: float = 1_284_551_320.0
    exported_wh: float = 21_405_770.0
    pv_wh: float = 164_220_900.0
    used_wh: float = 0.0
    _waits_s: float = 0.0

    def step(self, dt_s: float, pumps_kw: float, helpers_kw: float, irradiance: float, is_dipping: bool) -> None:
        sag = DIP if is_dipping else 1.0
        self.voltage = sag * (1.012 - self.load_kw * 1.1e-4 + self.random.gauss(0.0, 0.0008))
        self.frequency = 50.0 + self.random.gauss(0.0, 0.012)
        self.load_kw = (pumps_kw + helpers_kw + BASE_KW) * (sag if is_dipping else 1.0)
        self._sun(dt_s, irradiance, is_dipping)
        self.grid_kw = self.load_kw - self.pv_kw
        hours = dt_s / 3600 * 1000
        self.used_wh += self.load_kw * hours
        self.pv_wh += self.pv_kw * hours
        if self.grid_kw >= 0:
            self.imported_wh += self.grid_kw * hours
        else:
            self.exported_wh -= self.grid_kw * hours

    def _sun(self, dt_s: float, irradiance: float, is_dipping: bool) -> None:
        """The inverter leaves a disturbed grid at once and comes back after a minute."""
        self._waits_s = 60.0 if is_dipping else max(0.0, self._waits_s - dt_s)
        there = PV_PEAK_KW * irradiance / 1000 * 0.93
        if there < WAKES_AT_KW:
            self.inverter, self.pv_kw = InverterState.SLEEPING, 0.0
        elif self._waits_s > 0:
            self.inverter, self.pv_kw = InverterState.STANDBY, 0.0
        else:
            self.inverter = InverterState.MPPT
            self.pv_kw = lagged(self.pv_kw, there, dt_s, 4.0)
        self.cabinet_c = lagged(self.cabinet_c, 18.0 + self.pv_kw * 0.35, dt_s, 1200.0)
