"""The demo plant: an honest process, on the wire as its plant document says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pyModbusTCP.client import ModbusClient
from redis.asyncio import Redis

import devices.simulator
from bus.latest import read_latest
from bus.quality import is_good
from devices.points import DataType, Order, Point, Table
from devices.simulator.hydraulics import operating_point
from devices.simulator.process import TANK_AREA_M2, TANK_HEIGHT_M, PumpedTank, PumpMode, PumpState
from devices.simulator.registers import BITS, CELLS, WORDS, Cell, Refused, number, words, write
from devices.simulator.server import SimulatorServer
from tests.devices.rig import Plant, a_device, free_port, polling
from tests.entries import tag_entry

DOCUMENT: Any = yaml.safe_load((Path(devices.simulator.__file__).parent / "pumped_tank.yaml").read_text())

moves = st.lists(
    st.tuples(st.floats(0.1, 300), st.sampled_from(PumpMode), st.sampled_from(PumpMode), st.booleans(), st.booleans()),
    max_size=6,
)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 86_400), moves)
def test_no_water_appears_or_vanishes(
    seed: int, clock_s: float, moves: list[tuple[float, PumpMode, PumpMode, bool, bool]]
) -> None:
    tank = PumpedTank(seed=seed, clock_s=clock_s)
    before = tank.volume_m3
    for seconds, first, second, automatic, duty in moves:
        tank.pumps[0].mode, tank.pumps[1].mode = first, second
        tank.is_automatic, tank.leads_with_second = automatic, duty
        tank.step(seconds)
        assert 0 <= tank.level_m <= TANK_HEIGHT_M
        gained = tank.came_in_m3 - tank.went_out_m3 - tank.spilled_m3
        assert tank.volume_m3 == pytest.approx(before + gained, abs=1e-6)
        assert 0 <= tank.valve <= 1
        assert all(p.kw >= 0 and p.flow >= 0 and 0 <= p.speed <= 1 for p in tank.pumps)


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    def day(seed: int) -> list[float]:
        tank, levels = PumpedTank(seed=seed), []
        for _ in range(20):
            tank.step(60)
            levels.append(tank.level_m)
        return levels

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_the_level_swings_between_stop_and_start() -> None:
    tank, levels, starts, ran = PumpedTank(), [], 0, False
    for _ in range(2 * 3600):
        tank.step(1)
        levels.append(tank.level_m)
        starts += tank.outflow > 0 and not ran
        ran = tank.outflow > 0
    settled = levels[1800:]
    points = tank.setpoints
    assert points.stop_m - 0.1 < min(settled) < points.stop_m + 0.1
    assert points.start_m - 0.1 < max(settled) < points.assist_m
    assert 3 <= starts <= 20


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_demo_starts_in_the_middle_of_its_work_and_stays_there_a_while(hour: int) -> None:
    tank = PumpedTank.in_operation(seed=1, clock_s=hour * 3600)
    for _ in range(120):
        assert tank.pumps[0].state is PumpState.RUNNING
        assert tank.outflow > 50
        assert tank.inflow > 50
        assert tank.level_m < tank.setpoints.assist_m
        tank.step(1)
    assert tank.came_in_m3 > 0


def test_between_the_levels_what_runs_goes_on_running() -> None:
    tank = PumpedTank(volume_m3=2.2 * TANK_AREA_M2)
    tank.step(5)
    assert tank.outflow == 0, "filling: not yet at the start level"
    tank.volume_m3 = 2.7 * TANK_AREA_M2
    tank.step(10)
    tank.volume_m3 = 2.2 * TANK_AREA_M2
    tank.step(5)
    assert tank.outflow > 0, "emptying: not yet at the stop level"


def test_two_pumps_give_more_than_one_but_not_twice_as_much() -> None:
    _, one = operating_point([1, 0], 2.0, 1.0)
    _, two = operating_point([1, 1], 2.0, 1.0)
    assert sum(one) < sum(two) < 2 * sum(one)
    assert one[1] == 0, "its check valve is shut"


def test_counters_count_energy_and_hours_of_the_pump_that_runs() -> None:
    tank = PumpedTank()
    tank.pumps[0].mode, tank.pumps[1].mode = PumpMode.OFF, PumpMode.ON
    energy, hours = tank.pumps[1].energy_kwh, tank.pumps[0].hours
    tank.step(600)
    assert tank.pumps[1].energy_kwh - energy == pytest.approx(tank.pumps[1].kw / 6, rel=0.2)
    assert tank.pumps[0].hours == hours
    assert tank.pumps[1].motor_c > tank.pumps[0].motor_c + 10


def test_an_empty_tank_blocks_the_pumps() -> None:
    tank = PumpedTank(volume_m3=0.1)
    tank.pumps[0].mode = PumpMode.ON
    tank.step(1)
    assert tank.pumps[0].state is PumpState.BLOCKED
    assert tank.outflow == 0


def test_no_two_cells_share_an_address() -> None:
    for table in Table:
        taken = [a for c in CELLS if c.table is table for a in range(c.address, c.end)]
        assert len(taken) == len(set(taken))
        assert max(taken) < (BITS if table.is_bits else WORDS)[table]


@pytest.mark.parametrize("order", Order)
def test_a_number_comes_back_from_its_registers(order: Order) -> None:
    cell = Cell(Table.HOLDING, 0, DataType.FLOAT32, lambda _: 123456.0, order)
    assert number(cell, words(cell, PumpedTank())) == 123456.0


def test_a_setpoint_acts_and_a_senseless_one_is_refused() -> None:
    tank = PumpedTank()
    start = next(c for c in CELLS if c.table is Table.HOLDING and c.address == 0)
    wanted = Cell(start.table, 0, start.data_type, lambda _: 2.0, start.order)
    write(tank, Table.HOLDING, 0, words(wanted, tank))
    assert tank.setpoints.start_m == 2.0
    with pytest.raises(Refused, match="stop < start < assist"):
        write(tank, Table.HOLDING, 0, words(Cell(start.table, 0, start.data_type, lambda _: 9.0, start.order), tank))
    with pytest.raises(LookupError):
        write(tank, Table.HOLDING, 0, [0])
    with pytest.raises(LookupError):
        write(tank, Table.HOLDING, 9, [1])
    assert tank.setpoints.start_m == 2.0


# -- on the wire --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(tank: PumpedTank) -> AsyncIterator[int]:
    port = free_port()
    task = asyncio.create_task(SimulatorServer(tank, "127.0.0.1", port).run())
    try:
        await asyncio.sleep(0.05)
        assert not task.done()
        yield port
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def documented() -> list[tuple[str, Point, int]]:
    """Path, point and scan period of every tag of the document."""
    return [
        (
            tag["path"],
            Point(
                n, Table(tag["table"]), tag["address"], DataType(tag["type"]), Order(tag.get("order", "ABCD")),
                tag.get("scale", 1.0), tag.get("offset", 0.0), tag.get("eu_min"), tag.get("eu_max"),
            ),
            tag["scan_ms"],
        )
        for n, tag in enumerate(DOCUMENT["tags"], start=1)
    ]  # fmt: skip


def test_the_document_describes_the_registers_there_are() -> None:
    cells = {(c.table, c.address): c for c in CELLS}
    for path, point, _ in documented():
        cell = cells[point.table, point.address]
        assert (cell.data_type, cell.order if point.data_type.registers == 2 else point.order) == (
            point.data_type,
            point.order,
        ), path
    assert 30 <= len(DOCUMENT["tags"]) <= 40
    assert {point.order for _, point, _ in documented() if point.data_type is DataType.FLOAT32} == set(Order)
    assert {point.table for _, point, _ in documented()} == set(Table)


async def test_every_tag_of_the_demo_reaches_the_bus_and_is_what_the_process_says(bus: Redis, bus_url: str) -> None:
    tank = PumpedTank(volume_m3=2.7 * TANK_AREA_M2)
    async with served(tank) as port:
        device = a_device(1, port, timeout_ms=1000)
        tags = [tag_entry(p, path, scan_ms=scan_ms) for path, p, scan_ms in documented()]
        async with polling(bus_url, Plant({device: tags})):
            await asyncio.sleep(0.6)
            blocks = await read_latest(bus)
    found = {
        tags[tag - 1].path: (value, status)
        for block in blocks.values()
        for tag, value, status in zip(block.ids, block.values, block.statuses, strict=True)
    }
    assert len(found) == len(tags)
    assert [path for path, (_, status) in found.items() if not is_good(status)] == []
    assert found["tank/level"][0] == pytest.approx(tank.level_m, abs=0.05)
    assert found["tank/start_level"][0] == pytest.approx(2.6)
    assert found["distribution/pressure"][0] == pytest.approx(tank.pressure_bar, abs=0.6)
    assert found["pumps/p1/energy"][0] == pytest.approx(51234.0, abs=1)
    assert found["pumps/p1/hours"][0] == pytest.approx(4310.0, abs=0.1)
    assert found["pumps/automatic"][0] is True
    assert found["pumps/p1/running"][0] is True


async def test_a_client_we_did_not_write_reads_and_operates_it() -> None:
    tank = PumpedTank()
    async with served(tank) as port:
        client = ModbusClient("127.0.0.1", port, unit_id=1, timeout=1.0)

        def operate() -> tuple[Any, ...]:
            return (
                client.read_input_registers(0, 32),
                client.write_single_register(8, 2),
                client.write_single_register(8, 7),
                client.write_single_coil(1, True),
                client.read_coils(0, 2),
                client.write_single_register(9, 1),
                client.read_holding_registers(30, 5),
            )

        answers = await asyncio.to_thread(operate)
        await asyncio.to_thread(client.close)
    assert len(answers[0]) == 32
    assert answers[1:] == (True, False, True, [True, True], False, None)
    assert tank.pumps[0].mode is PumpMode.ON
    assert tank.leads_with_second


async def test_a_taken_port_is_said_in_a_sentence() -> None:
    async with served(PumpedTank()) as port:
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be served"):
            await SimulatorServer(PumpedTank(), "127.0.0.1", port).run()
