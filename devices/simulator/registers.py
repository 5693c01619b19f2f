"""Which register of the demo's controller means what. The plant document pumped_tank.yaml describes the same map."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import pack, unpack
from typing import Final

from devices.points import DataType, Order, Table
from devices.simulator.process import HIGH_LEVEL_M, LOW_LEVEL_M, PumpedTank, PumpMode, PumpState

_LETTER: Final = {
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.FLOAT32: "f",
}
_RANGE: Final = {
    DataType.INT16: (-(2**15), 2**15 - 1),
    DataType.UINT16: (0, 2**16 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
    DataType.UINT32: (0, 2**32 - 1),
}
WORDS: Final = {Table.HOLDING: 32, Table.INPUT: 32}
BITS: Final = {Table.COIL: 16, Table.DISCRETE: 16}


class Refused(Exception):
    """The write asks for what cannot be; nothing has changed."""


Write = Callable[[PumpedTank, float], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """One value. `read` gives the number as it stands in the register (already multiplied)."""

    table: Table
    address: int
    data_type: DataType
    read: Callable[[PumpedTank], float]
    order: Order = Order.ABCD
    write: Write | None = None

    @property
    def end(self) -> int:
        return self.address + self.data_type.registers


def _setpoint(name: str) -> Write:
    def write(tank: PumpedTank, value: float) -> None:
        wanted = replace(tank.setpoints, **{name: value})
        if reason := wanted.refusal():
            raise Refused(reason)
        tank.setpoints = wanted

    return write


def _mode(number: int) -> Write:
    def write(tank: PumpedTank, value: float) -> None:
        if value not in list(PumpMode):
            raise Refused(f"mode {value}; known modes: 0 off, 1 automatic, 2 on")
        tank.pumps[number].mode = PumpMode(int(value))

    return write


def _automatic(tank: PumpedTank, value: float) -> None:
    tank.is_automatic = bool(value)


def _duty(tank: PumpedTank, value: float) -> None:
    tank.leads_with_second = bool(value)


def _pump_cells(number: int) -> list[Cell]:
    holding, inputs, f = Table.HOLDING, Table.INPUT, DataType
    at, up = 8 + 10 * number, 12 + 8 * number
    return [
        Cell(holding, at, f.UINT16, lambda t: t.pumps[number].mode, write=_mode(number)),
        Cell(holding, at + 1, f.UINT16, lambda t: t.pumps[number].state),
        Cell(holding, at + 2, f.UINT32, lambda t: t.pumps[number].energy_kwh * 10, Order.CDAB),
        Cell(holding, at + 4, f.UINT32, lambda t: t.pumps[number].hours * 100, Order.ABCD),
        Cell(inputs, up, f.UINT16, lambda t: t.pumps[number].ampere * 10),
        Cell(inputs, up + 1, f.INT16, lambda t: t.pumps[number].motor_c * 10),
        Cell(inputs, up + 2, f.UINT16, lambda t: t.pumps[number].speed * 1000),
        Cell(inputs, up + 4, f.INT32, lambda t: t.pumps[number].kw * 1000, Order.BADC),
        Cell(Table.DISCRETE, 4 + number, f.BOOL, lambda t: t.pumps[number].speed > 0),
        Cell(
            Table.DISCRETE, 6 + number, f.BOOL, lambda t: t.pumps[number].state is PumpState.BLOCKED
        ),
    ]  # fmt: skip


CELLS: Final = [
    Cell(Table.HOLDING, 0, DataType.FLOAT32, lambda t: t.setpoints.start_m, Order.CDAB, _setpoint("start_m")),
    Cell(Table.HOLDING, 2, DataType.FLOAT32, lambda t: t.setpoints.assist_m, Order.CDAB, _setpoint("assist_m")),
    Cell(Table.HOLDING, 4, DataType.FLOAT32, lambda t: t.setpoints.stop_m, Order.CDAB, _setpoint("stop_m")),
    *_pump_cells(0),
    *_pump_cells(1),
    Cell(Table.INPUT, 0, DataType.FLOAT32, lambda t: t.level_m, Order.CDAB),
    Cell(Table.INPUT, 2, DataType.FLOAT32, lambda t: t.inflow, Order.ABCD),
    Cell(Table.INPUT, 4, DataType.FLOAT32, lambda t: t.outflow, Order.DCBA),
    Cell(Table.INPUT, 6, DataType.FLOAT32, lambda t: t.pressure_bar, Order.BADC),
    Cell(Table.INPUT, 8, DataType.UINT16, lambda t: t.valve * 1000),
    Cell(Table.INPUT, 9, DataType.INT16, lambda t: t.water_c * 10),
    Cell(Table.INPUT, 10, DataType.INT16, lambda t: t.ambient_c * 10),
    Cell(Table.INPUT, 28, DataType.UINT32, lambda t: t.came_in_m3 * 10, Order.ABCD),
    Cell(Table.INPUT, 30, DataType.UINT32, lambda t: t.went_out_m3 * 10, Order.DCBA),
    Cell(Table.COIL, 0, DataType.BOOL, lambda t: t.is_automatic, write=_automatic),
    Cell(Table.COIL, 1, DataType.BOOL, lambda t: t.leads_with_second, write=_duty),
    Cell(Table.DISCRETE, 0, DataType.BOOL, lambda t: t.level_m >= HIGH_LEVEL_M),
    Cell(Table.DISCRETE, 1, DataType.BOOL, lambda t: t.level_m <= LOW_LEVEL_M),
    Cell(Table.DISCRETE, 2, DataType.BOOL, lambda t: t.valve >= 0.99),
    Cell(Table.DISCRETE, 3, DataType.BOOL, lambda t: t.valve <= 0.01),
]


def words(cell: Cell, tank: PumpedTank) -> list[int]:
    """The registers of one cell, in its order. A counter runs over as a real one does; all else stops at its range."""
    number: float = cell.read(tank)
    if cell.data_type is not DataType.FLOAT32:
        low, high = _RANGE[cell.data_type]
        number = int(number) % (high + 1) if cell.data_type is DataType.UINT32 else min(high, max(low, round(number)))
    return list(
        unpack(f">{cell.data_type.registers}H", _ordered(pack(f">{_LETTER[cell.data_type]}", number), cell.order))
    )


def number(cell: Cell, registers: list[int]) -> float:
    """The other way."""
    raw = _ordered(pack(f">{len(registers)}H", *registers), cell.order)
    return float(unpack(f">{_LETTER[cell.data_type]}", raw)[0])


def _ordered(raw: bytes, order: Order) -> bytes:
    """Each of the four orders undoes itself."""
    if len(raw) == 2:
        return raw
    if order in (Order.CDAB, Order.DCBA):
        raw = raw[2:] + raw[:2]
    if order in (Order.BADC, Order.DCBA):
        swapped = array("H", raw)
        swapped.byteswap()
        raw = swapped.tobytes()
    return raw


def image(tank: PumpedTank, table: Table) -> list[int]:
    """The whole table: registers, or bits packed 16 to a word with bit 0 first."""
    cells = [cell for cell in CELLS if cell.table is table]
    if table.is_bits:
        packed = [0] * (BITS[table] // 16)
        for cell in cells:
            if cell.read(tank):
                packed[cell.address // 16] |= 1 << cell.address % 16
        return packed
    registers = [0] * WORDS[table]
    for cell in cells:
        registers[cell.address : cell.end] = words(cell, tank)
    return registers


def write(tank: PumpedTank, table: Table, address: int, values: list[int] | list[bool]) -> None:
    """Apply a client's write to the process. Raises LookupError for what cannot be written, Refused for a bad value.

    Half of a 32-bit value is not a value: it is refused like an address that does not exist.
    """
    end = address + len(values)
    touched = [c for c in CELLS if c.table is table and c.address < end and c.end > address]
    covered = sum(c.data_type.registers for c in touched if c.write and address <= c.address and c.end <= end)
    if covered != len(values):
        raise LookupError(f"{table} {address}..{end - 1} is not writable, or only in one piece")
    for cell in touched:
        assert cell.write is not None  # counted above
        part = [int(v) for v in values[cell.address - address : cell.end - address]]
        cell.write(tank, float(part[0]) if table.is_bits else number(cell, part))
