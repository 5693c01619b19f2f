"""What can be made to go wrong in the demo plant, and what one sees of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

LIMIT_S: Final = 600
"""A fault ends by itself after so long, unless its card says otherwise."""


class Fault(StrEnum):
    PUMP_TRIP = "pump_trip"
    PUMP_WEAR = "pump_wear"
    SENSOR_STUCK = "sensor_stuck"
    SENSOR_DRIFT = "sensor_drift"
    SENSOR_NAN = "sensor_nan"
    PIPE_BURST = "pipe_burst"
    DOSING_FAILURE = "dosing_failure"
    FILTER_BLOCKED = "filter_blocked"
    POWER_DIP = "power_dip"
    PLC_FROZEN = "plc_frozen"
    PLC_SILENT = "plc_silent"
    PLC_BUSY = "plc_busy"
    LINK_CUT = "link_cut"
    SLOW_DEVICE = "slow_device"
    WRONG_UNIT = "wrong_unit"
    STORM = "storm"
    DEMAND_PEAK = "demand_peak"


class Kind(StrEnum):
    PROCESS = "In the process"
    INSTRUMENT = "In instruments"
    COMMUNICATION = "On the way to the devices"
    DISTURBANCE = "Weather and town"


@dataclass(frozen=True, slots=True)
class Card:
    """`look_at`: tags of the plant northgate, as paths below it, at which the fault shows."""

    fault: Fault
    kind: Kind
    title: str
    description: str
    look_at: tuple[str, ...]
    limit_s: int = LIMIT_S


CARDS: Final = {
    card.fault: card
    for card in (
        Card(
            Fault.PUMP_TRIP, Kind.PROCESS, "High-lift pump 1 trips",
            "The motor protection stops the pump. Another pump starts within a minute; pressure sags meanwhile. "
            "The pump stays tripped, whoever resets it, until this ends.",
            ("distribution/pumps/hl1/state", "distribution/pumps/hl1/fault", "distribution/pressure"),
        ),
        Card(
            Fault.PUMP_WEAR, Kind.PROCESS, "High-lift pump 2 is worn",
            "It gives less head and wastes power: its flow falls behind that of pump 1 at the same speed, vibration "
            "and the energy for a cubic metre rise.",
            ("distribution/pumps/hl2/power", "distribution/pumps/hl2/vibration", "distribution/pumps/hl2/flow"),
        ),
        Card(
            Fault.FILTER_BLOCKED, Kind.PROCESS, "Filter 2 is blocked",
            "Its head loss jumps, the other two filters take its water, and it is washed.",
            ("treatment/filters/f2/head_loss", "treatment/filters/f2/flow", "treatment/filters/f2/state"),
        ),
        Card(
            Fault.DOSING_FAILURE, Kind.PROCESS, "Chlorine dosing pump fails",
            "The dose is zero at once; after the dead time of the contact channel, four minutes, the residual falls "
            "although the controller asks for more and more.",
            ("treatment/chlorine/dose", "treatment/chlorine/residual", "treatment/chlorine/running"),
        ),
        Card(
            Fault.PIPE_BURST, Kind.PROCESS, "A main bursts in the town",
            "180 m³/h more leave the works than the town uses. Pressure falls, pumps run at full speed, a third one "
            "starts, the tower empties.",
            ("distribution/outflow", "distribution/pressure", "distribution/tower/level"),
        ),
        Card(
            Fault.POWER_DIP, Kind.PROCESS, "The mains dip",
            "For 30 s the voltage is at 62 %. All drives stop for undervoltage and start again one after the other; "
            "the check valves hold the water.",
            ("energy/grid/voltage_l1", "distribution/pressure", "plc/mains_ok"), 30,
        ),
        Card(
            Fault.SENSOR_STUCK, Kind.INSTRUMENT, "Tower level transmitter sticks",
            "The level stands still to the last digit, Good as ever, while water flows in or out.",
            ("distribution/tower/level", "distribution/tower/flow"),
        ),
        Card(
            Fault.SENSOR_DRIFT, Kind.INSTRUMENT, "Chlorine analyser drifts",
            "It reads 0.02 mg/L more every minute. The controller believes it and doses less: only a sample in the "
            "laboratory tells.",
            ("treatment/chlorine/residual", "treatment/chlorine/dose"),
        ),
        Card(
            Fault.SENSOR_NAN, Kind.INSTRUMENT, "pH electrode breaks",
            "The analyser answers with 'not a number'. The tag is Bad, and says so; all else of the analyser stays.",
            ("treatment/ph", "treatment/chlorine/residual"),
        ),
        Card(
            Fault.PLC_FROZEN, Kind.COMMUNICATION, "PLC program stops",
            "The controller answers, but every value stands still and writes have no effect. Nothing is marked: the "
            "link is well. Its clock and its noise are what gives it away.",
            ("plc/clock", "distribution/pressure"),
        ),
        Card(
            Fault.PLC_SILENT, Kind.COMMUNICATION, "PLC does not answer",
            "The connection stands, no reply comes. Values of the controller become uncertain; it is tried again "
            "ever more rarely, and everything else goes on.",
            ("plc/program", "distribution/pressure"),
        ),
        Card(
            Fault.PLC_BUSY, Kind.COMMUNICATION, "PLC is busy",
            "It refuses each request with exception 06 (busy). Last values stay, marked uncertain.",
            ("plc/program", "distribution/pressure"),
        ),
        Card(
            Fault.LINK_CUT, Kind.COMMUNICATION, "Cable to the gateway is cut",
            "Connections to the gateway are closed and refused. All five units behind it are lost at once.",
            ("intake/raw_flow", "distribution/outflow", "treatment/chlorine/residual"),
        ),
        Card(
            Fault.SLOW_DEVICE, Kind.COMMUNICATION, "Energy meter is slow",
            "Each reply takes 1.2 s. Its values come late and may grow old; nothing else waits for it.",
            ("energy/grid/power", "energy/grid/import"),
        ),
        Card(
            Fault.WRONG_UNIT, Kind.COMMUNICATION, "Inverter answers as another unit",
            "Replies carry unit 9 in place of 1. They are counted as bad replies and never taken for data.",
            ("energy/pv/power", "energy/pv/state"),
        ),
        Card(
            Fault.STORM, Kind.DISTURBANCE, "Heavy rain",
            "30 mm/h. The river grows cloudy within minutes, the coagulant dose follows, filters clog faster, the "
            "screen is raked more often, and the sun is gone.",
            ("intake/rain", "intake/turbidity", "treatment/coagulant/dose", "energy/pv/power"), 1800,
        ),
        Card(
            Fault.DEMAND_PEAK, Kind.DISTURBANCE, "Half-time in the cup final",
            "The town draws half as much again. Speed rises, the tower helps out.",
            ("distribution/demand", "distribution/pressure", "distribution/tower/flow"),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """That a fault shall be there until `ends_ms` (ms UTC), asked for by `author`."""

    fault: Fault
    started_ms: int
    ends_ms: int
    author: str

    def left_s(self, now_ms: int) -> float:
        """How long it still lasts; 0 when it is over. Never longer than the fault's limit, whatever a clock says."""
        return min(max(0.0, (self.ends_ms - now_ms) / 1000), CARDS[self.fault].limit_s)

    def document(self) -> dict[str, Any]:
        return {"started_ms": self.started_ms, "ends_ms": self.ends_ms, "author": self.author}


def order_for(fault: Fault, now_ms: int, author: str) -> Order:
    return Order(fault, now_ms, now_ms + CARDS[fault].limit_s * 1000, author)


def orders(said: Mapping[str, Any]) -> list[Order]:
    """What stands on the bus, name -> document. What is not understood (another version's) is left out."""
    found = []
    for name, document in said.items():
        try:
            found.append(
                Order(Fault(name), int(document["started_ms"]), int(document["ends_ms"]), str(document["author"]))
            )
        except (ValueError, TypeError, KeyError):
            continue
    return found


def active(found: Iterable[Order], now_ms: int) -> frozenset[Fault]:
    return frozenset(order.fault for order in found if order.left_s(now_ms) > 0)
