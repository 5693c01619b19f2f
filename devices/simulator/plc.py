"""The register map of the station controller: what northgate.yaml says of the device `plc`. Pure."""

from collections.abc import Callable
from typing import Final

from devices.points import DataType, Order, Table
from devices.simulator import filters
from devices.simulator.cells import Cell, Read, Refused, Unit, Write, fixed
from devices.simulator.filters import Filter, FilterState
from devices.simulator.process import Waterworks
from devices.simulator.pumps import Pump, PumpMode, PumpState

HR, IR, CO, DI = Table.HOLDING, Table.INPUT, Table.COIL, Table.DISCRETE
FULL_SCALE: Final = 27648
"""What an analogue input of this make gives at 20 mA."""
PROGRAM: Final = "NORTHGATE 4.2.1"
FIRMWARE: Final = (4, 21)

Pick = Callable[[Waterworks], Pump]


def milliampere(address: int, read: Callable[[Waterworks], float], low: float, high: float) -> Cell:
    """A 4-20 mA input: int16, 0 to FULL_SCALE over the transmitter's range, with the card's overrange on both sides."""

    def raw(works: Waterworks) -> float:
        share = (read(works) - low) / (high - low)
        return FULL_SCALE * min(1.18, max(-0.17, share))

    return Cell(IR, address, DataType.INT16, raw)


def bits(*readers: Callable[[Waterworks], bool | int]) -> Read:
    """A status word: the first reader is bit 0. A reader of several bits is a BitField."""

    def read(works: Waterworks) -> float:
        word, place = 0, 0
        for reader in readers:
            width = getattr(reader, "width", 1)
            word |= (int(reader(works)) & (2**width - 1)) << place
            place += width
        return word

    return read


class BitField:
    def __init__(self, width: int, read: Callable[[Waterworks], int]) -> None:
        self.width = width
        self.read = read

    def __call__(self, works: Waterworks) -> int:
        return self.read(works)


def _between(low: float, high: float, apply: Write) -> Write:
    def write(works: Waterworks, value: float) -> None:
        if not low <= value <= high:
            raise Refused(f"{value} is not within {low} and {high}")
        apply(works, value)

    return write


def _put(part: Callable[[Waterworks], object], name: str, factor: float = 1.0) -> Write:
    def write(works: Waterworks, value: float) -> None:
        setattr(part(works), name, value * factor)

    return write


def _switch(part: Callable[[Waterworks], object], name: str) -> Write:
    def write(works: Waterworks, value: float) -> None:
        setattr(part(works), name, bool(value))

    return write


def _mode(pick: Pick) -> Write:
    def write(works: Waterworks, value: float) -> None:
        if value not in list(PumpMode):
            raise Refused(f"mode {value}; known modes: 0 off, 1 automatic, 2 hand")
        pick(works).mode = PumpMode(int(value))

    return write


def _setpoint(address: int, part: Callable[[Waterworks], object], name: str, low: float, high: float) -> Cell:
    read: Read = lambda w: float(getattr(part(w), name))  # noqa: E731 (one line of a table)
    return Cell(HR, address, DataType.FLOAT32, read, Order.ABCD, _between(low, high, _put(part, name)))


def _treatment(works: Waterworks) -> object:
    return works.treatment


def _town(works: Waterworks) -> object:
    return works.distribution


def _duty(pick: Callable[[Waterworks], object], address: int, count: int) -> Cell:
    def write(works: Waterworks, value: float) -> None:
        setattr(pick(works), "duty", int(value) - 1)  # noqa: B010 (as its neighbours do)

    read: Read = lambda w: float(getattr(pick(w), "duty") + 1)  # noqa: E731, B009 (one line of a table)
    return Cell(HR, address, DataType.UINT16, read, write=_between(1, count, write))


SETPOINTS: Final = [
    _setpoint(0, _treatment, "level_setpoint_m", 1.0, 4.0),
    _setpoint(2, lambda w: w.intake, "most_flow", 100.0, 400.0),
    _setpoint(4, _town, "pressure_setpoint", 3.0, 5.5),
    _setpoint(6, _town, "tower_setpoint_m", 1.0, 5.4),
    _setpoint(8, lambda w: w.treatment.chlorine, "setpoint", 0.2, 1.2),
    _setpoint(10, lambda w: w.treatment.coagulant, "hand_dose", 0.0, 60.0),
    Cell(HR, 12, DataType.UINT16, lambda w: w.treatment.coagulant.is_proportional,
         write=_between(0, 1, _switch(lambda w: w.treatment.coagulant, "is_proportional"))),
    Cell(HR, 13, DataType.UINT16, lambda w: w.treatment.chlorine.is_automatic,
         write=_between(0, 1, _switch(lambda w: w.treatment.chlorine, "is_automatic"))),
    Cell(HR, 14, DataType.UINT16, lambda w: w.treatment.chlorine.hand_dose * 100,
         write=_between(0, 300, _put(lambda w: w.treatment.chlorine, "hand_dose", 0.01))),
    Cell(HR, 15, DataType.UINT16, lambda w: w.intake.valve_setpoint * 1000,
         write=_between(0, 1000, _put(lambda w: w.intake, "valve_setpoint", 0.001))),
    Cell(HR, 16, DataType.UINT16, lambda w: w.distribution.zone_setpoint * 1000,
         write=_between(0, 1000, _put(_town, "zone_setpoint", 0.001))),
    _duty(lambda w: w.distribution.station, 17, 3),
    _duty(lambda w: w.intake.station, 18, 2),
]  # fmt: skip


def _pump(pick: Pick, at: int, up: int, bit: int) -> list[Cell]:
    """Ten holding registers at `at`, eight input registers at `up`, two discrete inputs at `bit` and five after it."""
    return [
        Cell(HR, at, DataType.UINT16, lambda w: pick(w).mode, write=_mode(pick)),
        Cell(HR, at + 1, DataType.UINT16, lambda w: pick(w).hand_speed * 1000,
             write=_between(0, 1000, _put(pick, "hand_speed", 0.001))),
        Cell(HR, at + 2, DataType.UINT16, lambda w: pick(w).state),
        Cell(HR, at + 3, DataType.UINT16, lambda w: pick(w).starts % 65536),
        Cell(HR, at + 4, DataType.UINT32, lambda w: pick(w).hours * 100),
        Cell(HR, at + 6, DataType.UINT32, lambda w: pick(w).energy_kwh * 10, Order.CDAB),
        Cell(HR, at + 8, DataType.UINT16, bits(
            lambda w: pick(w).is_ready, lambda w: pick(w).speed > 0, lambda w: pick(w).is_tripped,
            lambda w: pick(w).mode is not PumpMode.OFF, lambda w: pick(w).mode is PumpMode.HAND)),
        Cell(IR, up, DataType.UINT16, lambda w: pick(w).speed * 1000),
        Cell(IR, up + 1, DataType.UINT16, lambda w: pick(w).ampere * 10),
        Cell(IR, up + 2, DataType.INT16, lambda w: pick(w).motor_c * 10),
        Cell(IR, up + 3, DataType.UINT16, lambda w: pick(w).vibration * 100),
        Cell(IR, up + 4, DataType.INT32, lambda w: pick(w).kw * 1000),
        Cell(IR, up + 6, DataType.UINT16, lambda w: pick(w).flow * 10),
        Cell(DI, bit, DataType.BOOL, lambda w: pick(w).speed > 0),
        Cell(DI, bit + 5, DataType.BOOL, lambda w: pick(w).state in (PumpState.TRIPPED, PumpState.BLOCKED)),
    ]  # fmt: skip


PUMPS: Final = [
    *_pump(lambda w: w.intake.station.pumps[0], 20, 30, 11),
    *_pump(lambda w: w.intake.station.pumps[1], 30, 38, 12),
    *_pump(lambda w: w.distribution.station.pumps[0], 40, 46, 13),
    *_pump(lambda w: w.distribution.station.pumps[1], 50, 54, 14),
    *_pump(lambda w: w.distribution.station.pumps[2], 60, 62, 15),
]


def _ask_wash(number: int) -> Write:
    def write(works: Waterworks, value: float) -> None:
        works.treatment.filters[number].is_asked = bool(value)

    return write


def _filter(number: int) -> list[Cell]:
    at = 80 + 6 * number

    def pick(works: Waterworks) -> Filter:
        return works.treatment.filters[number]

    return [
        Cell(HR, at, DataType.UINT16, lambda w: pick(w).is_on, write=_between(0, 1, _switch(pick, "is_on"))),
        Cell(HR, at + 1, DataType.UINT16, lambda w: pick(w).state),
        Cell(HR, at + 2, DataType.UINT16, lambda w: pick(w).hours * 10),
        Cell(HR, at + 3, DataType.UINT16, lambda w: pick(w).washes % 65536),
        milliampere(16 + number, lambda w: pick(w).loss_m, 0.0, 3.0),
        milliampere(19 + number, lambda w: pick(w).flow, 0.0, 200.0),
        Cell(CO, 4 + number, DataType.BOOL, lambda w: pick(w).is_asked, write=_ask_wash(number)),
    ]


FILTERS: Final = [cell for number in range(3) for cell in _filter(number)]


def _washing(works: Waterworks) -> int:
    """Number of the filter that is washed, from 1; 0: none."""
    busy = (FilterState.DRAINING, FilterState.WASHING)
    return next((n for n, f in enumerate(works.treatment.filters, start=1) if f.state in busy), 0)


def _clock(works: Waterworks) -> int:
    minutes = int(works.clock_s // 60)
    return minutes // 60 * 100 + minutes % 60


def _yes(_: Waterworks) -> bool:
    return True


def _no(_: Waterworks) -> bool:
    return False


STATUS: Final = [
    Cell(HR, 100, DataType.UINT16, bits(
        _yes, _yes, _no, lambda w: filters.wash_flow(w.treatment.filters) > 0,
        lambda w: w.weather.rain > 0.1, lambda w: w.seen.pressure < w.distribution.pressure_setpoint - 0.5,
        lambda w: w.treatment.level_m < 0.5, lambda w: w.energy.voltage > 0.8,
        BitField(2, _washing), BitField(3, lambda w: len(w.distribution.station.running)))),
    Cell(HR, 101, DataType.BCD16, _clock),
    Cell(HR, 102, DataType.BCD32, lambda w: w.treatment.coagulant.batch),
    Cell(HR, 104, DataType.UINT16, fixed(FIRMWARE[0] << 8 | FIRMWARE[1])),
    Cell(HR, 105, DataType.STRING, fixed(PROGRAM), length=16),
]  # fmt: skip

ANALOGUE: Final = [
    milliampere(0, lambda w: w.weather.river_m, 0.0, 5.0),
    milliampere(1, lambda w: w.intake.well_m, 0.0, 5.0),
    milliampere(2, lambda w: w.intake.screen_loss_m, 0.0, 1.0),
    milliampere(3, lambda w: w.seen.raw_flow, 0.0, 500.0),
    milliampere(4, lambda w: w.seen.turbidity, 0.0, 200.0),
    milliampere(5, lambda w: w.seen.clear_m, 0.0, 4.5),
    milliampere(6, lambda w: w.seen.tower_m, 0.0, 6.0),
    milliampere(7, lambda w: w.seen.pressure, 0.0, 10.0),
    milliampere(8, lambda w: w.treatment.wash_flow, 0.0, 400.0),
    milliampere(9, lambda w: w.intake.valve * 100, 0.0, 100.0),
    milliampere(10, lambda w: w.distribution.zone_valve * 100, 0.0, 100.0),
    milliampere(11, lambda w: w.weather.water_c, -10.0, 40.0),
    milliampere(12, lambda w: w.weather.air_c, -40.0, 60.0),
    milliampere(13, lambda w: w.treatment.coagulant.stock * 100, 0.0, 100.0),
    milliampere(14, lambda w: w.treatment.chlorine.stock * 100, 0.0, 100.0),
    milliampere(15, lambda w: w.weather.rain, 0.0, 50.0),
]

COMPUTED: Final = [
    Cell(IR, 80, DataType.FLOAT32, lambda w: w.treatment.coagulant.dose),
    Cell(IR, 82, DataType.FLOAT32, lambda w: w.treatment.chlorine.dose),
    Cell(IR, 84, DataType.FLOAT32, lambda w: w.treatment.coagulant.flow_l_h),
    Cell(IR, 86, DataType.FLOAT32, lambda w: w.treatment.chlorine.flow_g_h),
    Cell(IR, 88, DataType.FLOAT32, lambda w: w.treatment.coagulant.settled, Order.BADC),
    Cell(IR, 90, DataType.FLOAT32, lambda w: w.distribution.demand + w.distribution.leak),
    Cell(IR, 92, DataType.FLOAT32, lambda w: w.distribution.tower_flow, Order.DCBA),
    Cell(IR, 94, DataType.UINT32, lambda w: w.intake.raw_m3 * 10),
    Cell(IR, 96, DataType.UINT32, lambda w: (w.distribution.delivered_m3 + w.distribution.leaked_m3) * 10),
    Cell(IR, 98, DataType.UINT32, lambda w: w.treatment.wash_m3 * 10),
    Cell(IR, 100, DataType.FLOAT32, lambda w: w.intake.wanted_flow),
    Cell(IR, 102, DataType.FLOAT32, lambda w: w.weather.irradiance),
    Cell(IR, 104, DataType.FLOAT32, lambda w: w.treatment.tank_chlorine),
]


def _reset(works: Waterworks, value: float) -> None:
    if value:
        works.reset_trips()


SWITCHES: Final = [
    Cell(CO, 0, DataType.BOOL, lambda w: w.treatment.is_level_controlled,
         write=_switch(_treatment, "is_level_controlled")),
    Cell(CO, 1, DataType.BOOL, lambda w: w.distribution.is_pressure_controlled,
         write=_switch(_town, "is_pressure_controlled")),
    Cell(CO, 2, DataType.BOOL, lambda w: w.treatment.may_wash, write=_switch(_treatment, "may_wash")),
    Cell(CO, 3, DataType.BOOL, lambda w: w.treatment.chlorine.is_enabled,
         write=_switch(lambda w: w.treatment.chlorine, "is_enabled")),
    Cell(CO, 7, DataType.BOOL, fixed(False), write=_reset),
    Cell(DI, 0, DataType.BOOL, lambda w: w.treatment.level_m > 4.2),
    Cell(DI, 1, DataType.BOOL, lambda w: w.treatment.level_m < 0.8),
    Cell(DI, 2, DataType.BOOL, lambda w: w.distribution.tower_m > 5.7),
    Cell(DI, 3, DataType.BOOL, lambda w: w.distribution.tower_m < 1.0),
    Cell(DI, 4, DataType.BOOL, lambda w: w.intake.is_raking),
    Cell(DI, 5, DataType.BOOL, lambda w: w.intake.valve > 0.99),
    Cell(DI, 6, DataType.BOOL, lambda w: w.intake.valve < 0.01),
    Cell(DI, 7, DataType.BOOL, lambda w: w.energy.voltage > 0.8),
    Cell(DI, 8, DataType.BOOL, lambda w: w.treatment.coagulant.dose > 0),
    Cell(DI, 9, DataType.BOOL, lambda w: w.treatment.chlorine.is_dosing),
    Cell(DI, 10, DataType.BOOL, fixed(False)),
]  # fmt: skip

PLC: Final = Unit(
    [*SETPOINTS, *PUMPS, *FILTERS, *STATUS, *ANALOGUE, *COMPUTED, *SWITCHES],
    {HR: [range(128)], IR: [range(128)], CO: [range(16)], DI: [range(32)]},
    identity={0: "Northgate Controls", 1: "NC-400", 2: "V4.21", 4: "Station controller", 5: "NC-400/32"},
)
