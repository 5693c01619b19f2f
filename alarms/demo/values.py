"""What the tags of the demo plant say while its process is simulated in steps: blocks as the poller would make them.

All in one scan group: the steps of the history are far longer than the periods of the tags.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from alarms.demo.month import SILENCE, Episode
from bus.messages import Block, Value
from bus.quality import BAD_SENSOR_FAILURE, GOOD
from devices.derived import Rate
from devices.formula import Formula, Function
from devices.points import DataType, Point
from devices.scale import becomes_float, line_of
from devices.simulator.cells import Cell, Unit
from devices.simulator.field_devices import GATEWAY, INVERTER, METER
from devices.simulator.plc import PLC
from devices.simulator.process import Waterworks
from devices.snapshot import Snapshot

GROUP: Final = "history"
QUIET_STEP_S: Final = 60.0
FINE_STEP_S: Final = 4.0
LONGEST_STEP_S: Final = 30.0
"""Of the process within a step: its controls stay steady."""
UNITS: Final[Mapping[str, Unit]] = {
    "plc": PLC, "meter": METER, "raw_meter": GATEWAY[11], "town_meter": GATEWAY[12], "analyser": GATEWAY[13],
    "turbidity": GATEWAY[14], "inverter": INVERTER,
}  # fmt: skip
"""Device of the demo's document -> what stands there. The logger of zone South is dead and says nothing."""

Row = tuple[Value, int]


class Sources:
    """Reads the tags with these ids off the process. A tag the demo does not have (any more) says nothing."""

    def __init__(self, plant: Snapshot, wanted: Collection[int]) -> None:
        self._formulas: list[tuple[int, Formula, Rate]] = []
        needed = set(wanted)
        for tag_id in wanted:
            entry = plant.tags.get(tag_id)
            formula = entry.formula if entry is not None else None
            if formula is not None and formula.function is Function.RATE and len(formula.inputs) == 1:
                self._formulas.append((tag_id, formula, Rate(formula.window_s, formula.per_s)))
                needed.add(formula.inputs[0][1])
        self._readers: dict[int, Callable[[Waterworks], Row]] = {}
        self.device_of: dict[int, str] = {}
        self.by_path: dict[str, int] = {}
        for tag_id in needed:
            entry = plant.tags.get(tag_id)
            if entry is None or entry.device_id is None or entry.point is None:
                continue
            device = plant.devices[entry.device_id].name
            if device in UNITS and (cell := _cell(UNITS[device], entry.point)) is not None:
                self._readers[tag_id] = _reader(cell, entry.point)
                self.device_of[tag_id] = device
                self.by_path[entry.path.partition("/")[2]] = tag_id

    @property
    def ids(self) -> list[int]:
        return [*self._readers, *(tag for tag, _, _ in self._formulas)]

    def block(self, works: Waterworks, at_s: float, at_ms: int, seq: int, acting: Iterable[Episode]) -> Block:
        """`at_s`: seconds since the beginning of the month."""
        rows = {tag: read(works) for tag, read in self._readers.items()}
        for episode in acting:
            for tag in rows if episode.silent else ():
                if self.device_of[tag] in episode.silent:
                    rows[tag] = SILENCE
            for path, says in episode.says.items():
                if path in self.by_path:
                    rows[self.by_path[path]] = says(at_s - episode.begins_s)
        for tag, formula, rate in self._formulas:
            value, status = rows.get(formula.inputs[0][1], SILENCE)
            rows[tag] = rate.step(at_s, value if isinstance(value, int | float) else None, status)
        columns = zip(*rows.values(), strict=True)
        values, statuses = (list(column) for column in columns)
        return Block(1, 1, GROUP, seq, at_ms, 0, list(rows), values, statuses)


def _cell(unit: Unit, point: Point) -> Cell | None:
    return next((cell for cell in unit.cells if (cell.table, cell.address) == (point.table, point.address)), None)


def _reader(cell: Cell, point: Point) -> Callable[[Waterworks], Row]:
    """As driver and decoder would give it: whole numbers where registers are whole, bits cut out, then scaled.

    The range is not looked at: nothing in the month goes beyond it."""
    scale, offset = line_of(point) if becomes_float(point) else (1, 0)
    is_whole, is_bool = not cell.data_type.is_float, point.data_type is DataType.BOOL or point.table.is_bits
    shift, mask = point.bit, (1 << (point.bit_count or 1)) - 1

    def read(works: Waterworks) -> Row:
        raw = cell.read(works)
        assert not isinstance(raw, str), "no alarm of the demo watches a text"
        if raw != raw:
            return None, BAD_SENSOR_FAILURE
        number: float = round(raw) if is_whole else raw
        if shift is not None:
            number = int(number) >> shift & mask
        return (int(bool(number)) if is_bool else number * scale + offset), GOOD

    return read
