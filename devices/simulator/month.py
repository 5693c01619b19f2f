"""What went wrong in the demo plant in the month before its first start: a script, the same at every site. Pure.

Times are seconds since the beginning of the month. Most episodes are those of devices/simulator/faults.py; what no
fault of the simulator does (a door, a battery, an instrument, a trip of the raw-water pumps) is put into the values.
devices/simulator/past.py plays it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from bus.messages import Value
from bus.quality import BAD_NO_COMMUNICATION, GOOD
from devices.simulator.faults import Fault

DAYS: Final = 30
DAY_S: Final = 86_400.0
MONTH_S: Final = DAYS * DAY_S
QUIET_END_S: Final = 6 * 3600.0
"""Nothing goes wrong in the last hours: the month ends as the plant is met, calm."""

Said = tuple[Value, int]
"""Value and status that a tag has in place of those of the process."""


@dataclass(frozen=True, slots=True)
class Episode:
    """`says`: tag (path below the plant) -> what it says, by the seconds since the episode began. `silent`: devices
    that do not answer. `tripped`: raw-water pumps (0, 1) whose motor protection has struck."""

    begins_s: float
    lasts_s: float
    faults: frozenset[Fault] = frozenset()
    says: Mapping[str, Callable[[float], Said]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    tripped: frozenset[int] = frozenset()

    @property
    def ends_s(self) -> float:
        return self.begins_s + self.lasts_s


def constant(value: Value, status: int = GOOD) -> Callable[[float], Said]:
    return lambda _: (value, status)


def bubbles(seconds: float) -> Said:
    """Air in the cell of the turbidity meter: over the limit and below it again, every sixteen seconds."""
    return (33.0 if seconds % 16 < 8 else 26.0), GOOD


def loose_contact(seconds: float) -> Said:
    """A door that the wind moves."""
    return (1 if seconds % 200 < 90 else 0), GOOD


_SILENT: Final = ("meter", "raw_meter", "town_meter", "analyser", "turbidity", "inverter")
_GATEWAY: Final = frozenset({"raw_meter", "town_meter", "analyser", "turbidity"})
SILENCE: Final[Said] = (None, BAD_NO_COMMUNICATION)
_ORDINARY: Final = (
    (Fault.PUMP_TRIP, 3, 600), (Fault.PUMP_WEAR, 2, 1500), (Fault.FILTER_BLOCKED, 3, 900),
    (Fault.DOSING_FAILURE, 2, 700), (Fault.SENSOR_DRIFT, 2, 600), (Fault.SENSOR_NAN, 3, 600),
    (Fault.STORM, 2, 1800), (Fault.DEMAND_PEAK, 5, 600), (Fault.POWER_DIP, 2, 30), (Fault.SENSOR_STUCK, 3, 600),
)  # fmt: skip
"""Fault, how often beside the others, and for how many seconds."""


def episodes(random: Random) -> list[Episode]:
    """In the order of their beginnings; those of one kind never overlap by more than chance has it."""
    found = [*_ordinary(random), *_instruments(random), *_great()]
    return sorted(found, key=lambda episode: episode.begins_s)


def _ordinary(random: Random) -> list[Episode]:
    """Two to five small things a day, rather by day than by night."""
    found = []
    for day in range(DAYS):
        for _ in range(random.randint(2, 5)):
            fault, _, lasts = random.choices(_ORDINARY, [often for _, often, _ in _ORDINARY])[0]
            at = day * DAY_S + random.triangular(0, DAY_S, 14 * 3600)
            found.append(Episode(at, lasts * random.uniform(0.7, 1.3), frozenset({fault})))
    return [episode for episode in found if episode.ends_s < MONTH_S - QUIET_END_S]


def _instruments(random: Random) -> list[Episode]:
    """A unit that is silent for some minutes, a pump that trips, a door that stands open."""
    found = []
    for day in range(DAYS):
        at = day * DAY_S + random.uniform(6, 17) * 3600
        lasts = random.uniform(90, 900)
        kind = random.randrange(4)
        if kind == 0:
            found.append(Episode(at, lasts, silent=frozenset({random.choice(_SILENT)})))
        elif kind == 1:
            found.append(Episode(at, lasts, tripped=frozenset({random.randrange(2)})))
        elif kind == 2:
            found.append(Episode(at, lasts, says={"plc/door": constant(1)}))
    return [episode for episode in found if episode.ends_s < MONTH_S - QUIET_END_S]


def _great() -> list[Episode]:
    """What the month is remembered for: chattering, a stale alarm, a night without mains, a day without raw water."""

    def at(day: int, hour: float) -> float:
        return day * DAY_S + hour * 3600

    night, river = at(17, 2.4), at(9, 10.0)
    return [
        Episode(at(5, 15.0), 1100, says={"intake/turbidity": bubbles}),
        Episode(at(12, 9.5), 900, says={"intake/turbidity": bubbles}),
        Episode(at(12, 9.8), 1500, says={"plc/door": loose_contact}),
        Episode(at(20, 9.0), 3.2 * DAY_S, says={"plc/battery_low": constant(1)}),
        Episode(river, 3.4 * 3600, tripped=frozenset({0, 1})),
        Episode(night, 260, faults=frozenset({Fault.POWER_DIP})),
        Episode(night + 60, 420, silent=_GATEWAY | {"meter", "inverter"}),
        Episode(night + 240, 600, tripped=frozenset({0}), faults=frozenset({Fault.PUMP_TRIP, Fault.DOSING_FAILURE})),
        Episode(night + 300, 500, says={"plc/door": constant(1), "treatment/ph": constant(None, 0x808C0000)}),
        Episode(at(24, 19.0), 700, faults=frozenset({Fault.PIPE_BURST})),
    ]
