"""Energy meter, gateway with five units, and inverter: their register maps. northgate.yaml describes the same. Pure."""

from collections.abc import Callable
from typing import Final

from devices.points import DataType, Order, Table
from devices.simulator.cells import Cell, Unit, fixed, spans_of
from devices.simulator.energy import PHASE_VOLT, PHASES, POWER_FACTOR, InverterState
from devices.simulator.process import Waterworks

HR, IR = Table.HOLDING, Table.INPUT
F32: Final = DataType.FLOAT32
ROOT3: Final = 3**0.5


def _phase_kw(works: Waterworks, phase: int) -> float:
    return works.energy.grid_kw * PHASES[phase]


def _phase_volt(works: Waterworks, phase: int) -> float:
    return PHASE_VOLT * works.energy.voltage * (1 + (phase - 1) * 0.004)


def _phase_ampere(works: Waterworks, phase: int) -> float:
    return abs(_phase_kw(works, phase)) * 1000 / POWER_FACTOR / _phase_volt(works, phase)


def _of_phases(address: int, read: Callable[[Waterworks, int], float]) -> list[Cell]:
    def one(phase: int) -> Cell:
        return Cell(HR, address + 2 * phase, F32, lambda w: read(w, phase), Order.CDAB)

    return [one(phase) for phase in range(3)]


METER_CELLS: Final = [
    *_of_phases(0, _phase_volt),
    *_of_phases(6, _phase_ampere),
    *_of_phases(12, _phase_kw),
    Cell(HR, 18, F32, lambda w: w.energy.grid_kw, Order.CDAB),
    Cell(HR, 20, F32, fixed(POWER_FACTOR), Order.CDAB),
    Cell(HR, 22, F32, lambda w: w.energy.frequency, Order.CDAB),
    # 24 to 39: not there, as the manual of many a meter says too late
    Cell(HR, 40, DataType.UINT64, lambda w: w.energy.imported_wh),
    Cell(HR, 44, DataType.UINT64, lambda w: w.energy.exported_wh),
]
METER: Final = Unit(
    METER_CELLS, spans_of(METER_CELLS), knows=frozenset({3}), delay_s=0.012
)  # fmt: skip
"""Knows function 3 and nothing else: not even identification."""

RAW_FLOW_CELLS: Final = [
    Cell(HR, 0, F32, lambda w: w.seen.raw_flow, Order.CDAB),
    Cell(HR, 2, F32, lambda w: w.weather.water_c, Order.CDAB),
    Cell(HR, 4, DataType.FLOAT64, lambda w: w.intake.raw_m3),
    Cell(HR, 8, DataType.UINT16, lambda w: 98 if w.seen.raw_flow > 0 else 91),
]
OUTFLOW_CELLS: Final = [
    Cell(HR, 0, F32, lambda w: w.seen.outflow, Order.CDAB),
    Cell(HR, 4, DataType.FLOAT64, lambda w: w.distribution.pumped_m3),
    Cell(HR, 8, DataType.UINT16, lambda w: 97 if w.seen.outflow > 0 else 91),
]
ANALYSER_CELLS: Final = [
    Cell(IR, 0, F32, lambda w: w.seen.residual),
    Cell(IR, 2, F32, lambda w: w.seen.ph),
    Cell(IR, 4, F32, lambda w: w.weather.water_c + 0.2),
    Cell(IR, 6, DataType.UINT16, fixed(0)),
]
TURBIDITY_CELLS: Final = [
    Cell(IR, 0, DataType.UINT16, lambda w: w.seen.filtered * 1000),
    Cell(IR, 1, DataType.UINT16, fixed(412)),
]


def _flow_meter(cells: list[Cell], serial: str) -> Unit:
    name = {0: "Rhein Durchfluss", 1: "MAG 5", 2: "2.10", 5: serial}
    return Unit(cells, spans_of(cells), delay_s=0.02, identity=name)


GATEWAY: Final = {
    11: _flow_meter(RAW_FLOW_CELLS, "MAG 5 DN250"),
    12: _flow_meter(OUTFLOW_CELLS, "MAG 5 DN200"),
    13: Unit(ANALYSER_CELLS, spans_of(ANALYSER_CELLS), delay_s=0.035, identity={0: "Aqualyt", 1: "CL-PH 2", 2: "1.4"}),
    14: Unit(TURBIDITY_CELLS, spans_of(TURBIDITY_CELLS), delay_s=0.8, identity={0: "Aqualyt", 1: "TU 1", 2: "0.9"}),
    15: Unit([], {}, delay_s=0.25, is_dead=True),
}
"""Unit id -> what stands on the line. 14 is old and slow; 15 does not answer: the gateway waits for it in vain."""

SUNSPEC_BASE: Final = 40000
COMMON: Final = SUNSPEC_BASE + 2
INVERTER_MODEL: Final = COMMON + 68
END: Final = INVERTER_MODEL + 52
NOT_INT16: Final = -0x8000
NOT_UINT16: Final = 0xFFFF


def _register(address: int, value: float, kind: DataType = DataType.UINT16) -> Cell:
    return Cell(HR, address, kind, fixed(value))


def _text(offset: int, value: str, length: int) -> Cell:
    return Cell(HR, COMMON + offset, DataType.STRING, fixed(value), length=length)


def _point(offset: int, read: Callable[[Waterworks], float], kind: DataType = DataType.INT16) -> Cell:
    """A point of model 103 at an offset in its data, counted as the model's table does: from its id, 0."""
    return Cell(HR, INVERTER_MODEL + offset, kind, read)


def _missing(offset: int, count: int = 1, value: int = NOT_UINT16) -> list[Cell]:
    kind = DataType.INT16 if value < 0 else DataType.UINT16
    return [_register(INVERTER_MODEL + offset + i, value, kind) for i in range(count)]


def _factor(offset: int, exponent: int) -> Cell:
    return _register(INVERTER_MODEL + offset, exponent, DataType.INT16)


def _pv_ampere(works: Waterworks) -> float:
    return works.energy.pv_kw * 1000 / ROOT3 / (ROOT3 * PHASE_VOLT * works.energy.voltage)


def _dc_volt(works: Waterworks) -> float:
    """What the strings give: hardly less in weak light, nothing in none."""
    return 620.0 - works.energy.pv_kw * 0.9 if works.energy.inverter is not InverterState.SLEEPING else 0.0


def _phase_of_inverter(works: Waterworks, phase: int) -> float:
    return _phase_volt(works, phase) * 10


def _inverter_points() -> list[Cell]:
    """Model 103, three-phase inverter with integers and scale factors, 50 registers."""
    return [
        _register(INVERTER_MODEL, 103), _register(INVERTER_MODEL + 1, 50),
        _point(2, lambda w: _pv_ampere(w) * 3 * 10, DataType.UINT16),
        *(_point(3 + n, lambda w: _pv_ampere(w) * 10, DataType.UINT16) for n in range(3)),
        _factor(6, -1),
        *(_point(7 + n, lambda w: PHASE_VOLT * ROOT3 * w.energy.voltage * 10, DataType.UINT16) for n in range(3)),
        _point(10, lambda w: _phase_of_inverter(w, 0), DataType.UINT16),
        _point(11, lambda w: _phase_of_inverter(w, 1), DataType.UINT16),
        _point(12, lambda w: _phase_of_inverter(w, 2), DataType.UINT16),
        _factor(13, -1),
        _point(14, lambda w: w.energy.pv_kw * 100), _factor(15, 1),
        _point(16, lambda w: w.energy.frequency * 100, DataType.UINT16), _factor(17, -2),
        _point(18, lambda w: w.energy.pv_kw * 101), _factor(19, 1),
        _point(20, lambda w: w.energy.pv_kw * 14), _factor(21, 1),
        _point(22, lambda w: 990 if w.energy.pv_kw > 0 else 1000), _factor(23, -1),
        _point(24, lambda w: w.energy.pv_wh, DataType.UINT32), _factor(26, 0),
        _point(27, lambda w: w.energy.pv_kw * 1030 / max(1.0, _dc_volt(w)) * 10, DataType.UINT16), _factor(28, -1),
        _point(29, lambda w: _dc_volt(w) * 10, DataType.UINT16), _factor(30, -1),
        _point(31, lambda w: w.energy.pv_kw * 103), _factor(32, 1),
        _point(33, lambda w: w.energy.cabinet_c * 10), *_missing(34, 3, NOT_INT16), _factor(37, -1),
        _point(38, lambda w: w.energy.inverter, DataType.UINT16), *_missing(39),
        *(_register(INVERTER_MODEL + n, 0) for n in range(40, 44)),
        *_missing(44, 8),
    ]  # fmt: skip


INVERTER_CELLS: Final = [
    Cell(HR, SUNSPEC_BASE, DataType.STRING, fixed("SunS"), length=4),
    _register(COMMON, 1), _register(COMMON + 1, 66),
    _text(2, "Northern Sun", 32), _text(18, "NS-80 TL", 32), _text(34, "", 16), _text(42, "3.07", 16),
    _text(50, "NS80-2219-0044", 32), _register(COMMON + 66, 1), _register(COMMON + 67, 0x8000),
    *_inverter_points(),
    _register(END, 0xFFFF), _register(END + 1, 0),
]  # fmt: skip
INVERTER: Final = Unit(INVERTER_CELLS, spans_of(INVERTER_CELLS), knows=frozenset({3, 43}), delay_s=0.03,
                       identity={0: "Northern Sun", 1: "NS-80 TL", 2: "3.07"})  # fmt: skip
