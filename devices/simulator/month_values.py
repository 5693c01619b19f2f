"""What the tags of the demo plant say while its process is simulated in steps: blocks as the poller would make them.

All in one scan group: the steps are far longer than the periods of the tags. A block names what has changed, the first
one all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from math import inf
from struct import Struct
from typing import Any, Final

from bus.messages import FULL, LIVE, Block, Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_OUT_OF_SERVICE,
    BAD_SENSOR_FAILURE,
    GOOD,
)
from devices.derived import InTime, Total, combined, in_order, in_time, is_bad, within
from devices.expressions import Expression, ExpressionError, Undefined, parse
from devices.formula import Formula, Function
from devices.points import DataType, Point
from devices.scale import becomes_float, factor_problem, has_raw_range, line_of, shifted
from devices.simulator.cells import Cell, Unit
from devices.simulator.field_devices import GATEWAY, INVERTER, METER
from devices.simulator.month import SILENCE, Episode
from devices.simulator.plc import PLC
from devices.simulator.process import Waterworks
from devices.snapshot import Snapshot

GROUP: Final = "history"
QUIET_STEP_S: Final = 60.0
MAX_GAP_S: Final = 2.5 * QUIET_STEP_S
"""Averages and totals take the time between two steps as measured."""
UNITS: Final[Mapping[str, Unit]] = {
    "plc": PLC, "meter": METER, "raw_meter": GATEWAY[11], "town_meter": GATEWAY[12], "analyser": GATEWAY[13],
    "turbidity": GATEWAY[14], "zone_logger": GATEWAY[15], "inverter": INVERTER,
}  # fmt: skip
"""Device of the demo's document -> what stands there. The logger of zone South is dead and says nothing."""
_FLOAT32: Final = Struct("f")
_COUNTERS: Final = (DataType.UINT32, DataType.UINT64)

Row = tuple[Value, int]
Read = Callable[[Waterworks], Row]


class Sources:
    """Reads tags off the process: those with these ids, or all. What the demo does not have, what is entered by hand,
    and what is computed from such, is left out."""

    def __init__(self, plant: Snapshot, wanted: Collection[int] | None = None) -> None:
        chosen = plant.tags.keys() if wanted is None else {t for t in wanted if t in plant.tags}
        self._readers: dict[int, Read] = {}
        self.device_of: dict[int, str] = {}
        self.by_path: dict[str, int] = {}
        formulas = _formulas(plant, chosen)
        needed = {*chosen, *(source for formula in formulas for _, source in formula.inputs)}
        for entry in (plant.tags[tag] for tag in sorted(needed) if tag in plant.tags):
            if entry.enabled and entry.device_id is not None and entry.point is not None:
                self._add(entry.id, plant.devices[entry.device_id].name, entry.point)
                self.by_path[entry.path.partition("/")[2]] = entry.id
        self._computed: list[_Computed] = []
        known = set(self._readers)
        for formula in formulas:
            if known.issuperset(source for _, source in formula.inputs):
                self._computed.append(_Computed(formula))
                known.add(formula.tag)
        self._said: dict[int, Row] = {}

    def _add(self, tag: int, device: str, point: Point) -> None:
        unit = UNITS.get(device)
        if unit is None:
            return
        read = _reader(unit, point)
        if read is not None:
            self._readers[tag] = read
            self.device_of[tag] = device

    @property
    def ids(self) -> list[int]:
        return [*self._readers, *(computed.tag for computed in self._computed)]

    def rows(self, works: Waterworks, at_s: float, acting: Iterable[Episode] = ()) -> dict[int, Row]:
        """`at_s`: seconds since the beginning of the month; it only goes forward."""
        rows = {tag: read(works) for tag, read in self._readers.items()}
        for episode in acting:
            if episode.silent:
                for tag, device in self.device_of.items():
                    if device in episode.silent:
                        rows[tag] = SILENCE
            for path, says in episode.says.items():
                if path in self.by_path:
                    rows[self.by_path[path]] = says(at_s - episode.begins_s)
        for computed in self._computed:
            rows[computed.tag] = computed.step(at_s, rows)
        return rows

    def block(self, works: Waterworks, at_s: float, at_ms: int, seq: int, acting: Iterable[Episode]) -> Block:
        said = self._said
        rows = self.rows(works, at_s, acting)
        changed = {tag: row for tag, row in rows.items() if said.get(tag) != row}
        self._said = rows
        values, statuses = [row[0] for row in changed.values()], [row[1] for row in changed.values()]
        return Block(1, 1, GROUP, seq, at_ms, LIVE if said else FULL, list(changed), values, statuses)


# -- what is computed


def _formulas(plant: Snapshot, chosen: Collection[int]) -> list[Formula]:
    """Of these tags and of those they are computed from, each after what it needs."""
    found: dict[int, Formula] = {}
    waiting = list(chosen)
    while waiting:
        entry = plant.tags.get(waiting.pop())
        if entry is not None and entry.enabled and entry.formula is not None and entry.id not in found:
            found[entry.id] = entry.formula
            waiting += [source for _, source in entry.formula.inputs]
    ordered, _ = in_order([found[tag] for tag in sorted(found)])
    return ordered


class _Computed:
    """A derived tag: by the same arithmetic as in the poller."""

    def __init__(self, formula: Formula) -> None:
        self.tag = formula.tag
        self._formula = formula
        self._state: InTime | None = in_time(formula, MAX_GAP_S)
        if isinstance(self._state, Total):
            self._state.preset(0.0)
        self._expression: Expression | None = None
        names = [name for name, _ in formula.inputs]
        if [formula.expression] != names:  # the plainest one needs no reading
            try:
                self._expression = parse(formula.expression, names)
            except ExpressionError:
                self._formula = Formula(formula.tag, Function.VALUE, "", ())

    def step(self, at_s: float, rows: Mapping[int, Row]) -> Row:
        value, status = self._value(rows)
        if self._state is not None:
            value, status = self._state.step(at_s, value, status)
        if value is not None:
            status = within(value, status, self._formula.eu_min, self._formula.eu_max)
        return value, status

    def _value(self, rows: Mapping[int, Row]) -> tuple[float | None, int]:
        values: dict[str, float] = {}
        statuses = [] if self._formula.inputs else [BAD_CONFIGURATION_ERROR]
        for name, source in self._formula.inputs:
            value, status = rows[source]
            if isinstance(value, int | float):
                values[name] = value
            else:
                status = status if is_bad(status) else BAD_CONFIGURATION_ERROR
            statuses.append(status)
        status = combined(statuses)
        if is_bad(status):
            return None, status
        if self._expression is None:
            return float(next(iter(values.values()))), status
        try:
            return float(self._expression.value(values)), status
        except Undefined:
            return None, BAD_CONFIGURATION_ERROR


# -- what devices say


def _cell(unit: Unit, table: object, address: int) -> Cell | None:
    return next((cell for cell in unit.cells if (cell.table, cell.address) == (table, address)), None)


def _reader(unit: Unit, point: Point) -> Read | None:
    """As device, driver and decoder would give it: whole numbers where registers are whole, bits cut out, scaled, and
    looked at beside the range."""
    if unit.is_dead:
        return lambda _: SILENCE
    cell = _cell(unit, point.table, point.address)
    if cell is None:
        return None
    if point.data_type is DataType.STRING:
        return _text_reader(cell)
    if point.data_type is DataType.BOOL or point.table.is_bits:
        return _bit_reader(cell, point.bit)
    thorough = _number_reader(_raw_reader(cell, point), point, _factor(unit, point))
    return _quick_reader(cell, point, thorough) or thorough


def _text_reader(cell: Cell) -> Read:
    return lambda works: (str(cell.read(works)), GOOD)


def _bit_reader(cell: Cell, bit: int | None) -> Read:
    read: Callable[[Waterworks], Any] = cell.read
    if bit is None:
        return lambda works: (int(bool(read(works))), GOOD)
    return lambda works: ((int(read(works)) >> bit) & 1, GOOD)


def _raw_reader(cell: Cell, point: Point) -> Callable[[Waterworks], Any]:
    """The number in the registers. NaN stays."""
    read: Callable[[Waterworks], Any] = cell.read
    kind = cell.data_type
    if kind is DataType.FLOAT64:
        return read
    if kind.is_float:
        return lambda works: _FLOAT32.unpack(_FLOAT32.pack(read(works)))[0]
    bits = 16 * kind.registers
    low = 0 if kind.is_unsigned or kind in (DataType.BCD16, DataType.BCD32) else -(1 << bits - 1)
    high = low + (1 << bits) - 1
    if kind in _COUNTERS:
        return lambda works: int(read(works)) & high
    if kind in (DataType.BCD16, DataType.BCD32):
        return lambda works: int(read(works))
    shift, width = point.bit or 0, point.bit_count or (8 if point.data_type in (DataType.INT8, DataType.UINT8) else 0)
    mask = (1 << width) - 1 if width else -1
    return lambda works: min(high, max(low, round(read(works)))) >> shift & mask


def _factor(unit: Unit, point: Point) -> Callable[[Waterworks], Any] | None:
    """The register of a SunSpec scale factor."""
    cell = None if point.scale_address is None else _cell(unit, point.table, point.scale_address)
    return None if cell is None else cell.read


def _number_reader(
    raw_of: Callable[[Waterworks], Any], point: Point, factor_of: Callable[[Waterworks], Any] | None
) -> Read:
    scale, offset = line_of(point) if becomes_float(point) else (1, 0)
    is_plain = scale == 1 and offset == 0
    low, high = -inf if point.eu_min is None else point.eu_min, inf if point.eu_max is None else point.eu_max
    missing = _missing(point)
    raw_low, raw_high = (point.raw_min, point.raw_max) if has_raw_range(point) else (inf, -inf)

    def read(works: Waterworks) -> Row:
        raw = raw_of(works)
        if raw != raw:
            return None, BAD_SENSOR_FAILURE
        if raw == missing:
            return None, BAD_OUT_OF_SERVICE
        if factor_of is not None:
            exponent = int(factor_of(works))
            if (problem := factor_problem(exponent)) is not None:
                return None, problem
            raw = shifted(raw, exponent)
        value = raw if is_plain else raw * scale + offset
        if low <= value <= high:
            return value, GOOD
        if raw_low <= raw <= raw_high:  # only the last binary digit of the line lies outside
            return min(max(value, low), high), GOOD
        return value, within(value, GOOD, point.eu_min, point.eu_max)

    return read


def _quick_reader(cell: Cell, point: Point, thorough: Read) -> Read | None:
    """For the many plain points, which are read seven million times: the same within their range; beyond it, or where
    there is no number, `thorough` says what it is."""
    kind, read = cell.data_type, cell.read
    if point.scale_address is not None or point.not_implemented is not None or point.bit is not None:
        return None
    scale, offset = line_of(point) if becomes_float(point) else (1, 0)
    low, high = -inf if point.eu_min is None else point.eu_min, inf if point.eu_max is None else point.eu_max
    pack, unpack = _FLOAT32.pack, _FLOAT32.unpack
    is_plain = scale == 1 and offset == 0

    def quick_float(works: Waterworks) -> Row:
        (value,) = unpack(pack(read(works)))
        return (value, GOOD) if low <= value <= high else thorough(works)

    def quick_whole(works: Waterworks) -> Row:
        raw = round(read(works))  # type: ignore[arg-type]  # no texts get here
        value = raw * scale + offset
        return (value, GOOD) if low <= value <= high and least <= raw <= most else thorough(works)

    if kind is DataType.FLOAT32:
        return quick_float if is_plain else None
    if kind not in (DataType.INT16, DataType.UINT16):
        return None
    least, most = (0, 0xFFFF) if kind.is_unsigned else (-0x8000, 0x7FFF)
    return quick_whole


def _missing(point: Point) -> int | None:
    """The number that means "this device has no such value"."""
    bits, width = point.not_implemented, 16 * point.data_type.registers
    if bits is None or point.data_type.is_float:
        return None
    return bits if point.data_type.is_unsigned or bits < 1 << width - 1 else bits - (1 << width)
