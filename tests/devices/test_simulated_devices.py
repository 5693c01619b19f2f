"""The demo's devices on the wire: as their manuals would say, for clients that somebody else wrote, and with faults."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from struct import pack, unpack
from typing import Any

import pytest
import sunspec2.modbus.client as sunspec
from hypothesis import given
from hypothesis import strategies as st
from pyModbusTCP.client import ModbusClient

from devices.points import DataType, Order, Table
from devices.simulator.cells import Cell, Refused, fixed, number, words
from devices.simulator.faults import Fault
from devices.simulator.field_devices import GATEWAY, INVERTER, METER
from devices.simulator.plc import PLC
from devices.simulator.process import Waterworks
from devices.simulator.pumps import PumpMode
from devices.simulator.server import Port
from devices.simulator.site import PORTS, SimulatedSite, ports
from tests.devices.demo_plant import served
from tests.ports import free_in_a_row

UNITS = {"plc": PLC, "meter": METER, "inverter": INVERTER, **{f"unit {n}": unit for n, unit in GATEWAY.items()}}


@pytest.mark.parametrize("name", UNITS)
def test_no_two_cells_share_an_address_and_all_lie_within_the_spans(name: str) -> None:
    unit = UNITS[name]
    for table in Table:
        taken = [a for c in unit.cells if c.table is table for a in range(c.address, c.end)]
        assert len(taken) == len(set(taken))
        assert all(unit.has(table, c.address, c.size) for c in unit.cells if c.table is table)


@pytest.mark.parametrize("order", [Order.ABCD, Order.CDAB, Order.BADC, Order.DCBA])
@pytest.mark.parametrize("kind", [DataType.FLOAT32, DataType.FLOAT64, DataType.UINT64, DataType.INT32])
def test_a_number_comes_back_from_its_registers(order: Order, kind: DataType) -> None:
    cell = Cell(Table.HOLDING, 0, kind, fixed(123456.0), order)
    assert number(cell, words(cell, Waterworks())) == 123456.0


def test_the_words_of_123456_stand_as_the_standard_has_them() -> None:
    """MB-07."""
    wanted = {"ABCD": (0x47F1, 0x2000), "CDAB": (0x2000, 0x47F1), "BADC": (0xF147, 0x0020), "DCBA": (0x0020, 0xF147)}
    for order, expected in wanted.items():
        cell = Cell(Table.HOLDING, 0, DataType.FLOAT32, fixed(123456.0), Order(order))
        assert tuple(words(cell, Waterworks())) == expected


def test_counters_run_over_measurements_stop_and_digits_are_packed() -> None:
    def made(kind: DataType, value: float) -> list[int]:
        return words(Cell(Table.HOLDING, 0, kind, fixed(value)), Waterworks())

    assert made(DataType.UINT32, 2**32 + 5) == [0, 5]
    assert made(DataType.INT16, 40_000) == [0x7FFF]
    assert made(DataType.INT16, -40_000) == [0x8000]
    assert made(DataType.UINT16, -3) == [0]
    assert made(DataType.BCD16, 1259) == [0x1259]
    assert made(DataType.BCD32, 26_110_417) == [0x2611, 0x0417]


def f32(value: float) -> list[int]:
    return list(unpack(">HH", pack(">f", value)))


def test_a_setpoint_acts_and_a_senseless_one_is_refused() -> None:
    works = Waterworks()
    PLC.write(works, Table.HOLDING, 4, f32(4.5))
    assert works.distribution.pressure_setpoint == 4.5
    for nonsense in (9.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(Refused):
            PLC.write(works, Table.HOLDING, 4, f32(nonsense))
    for address, values in ((4, [0]), (5, [0]), (22, [1]), (120, [1]), (3, [0, 0])):
        with pytest.raises(LookupError):
            PLC.write(works, Table.HOLDING, address, values)
    assert works.distribution.pressure_setpoint == 4.5


def test_of_a_write_with_one_bad_value_nothing_stays() -> None:
    works = Waterworks()
    with pytest.raises(Refused):
        PLC.write(works, Table.HOLDING, 12, [0, 7])
    assert works.treatment.coagulant.is_proportional


WRITES: list[tuple[Table, int, list[int], Callable[[Waterworks], object], object]] = [
    (Table.HOLDING, 40, [0], lambda w: w.distribution.station.pumps[0].mode, PumpMode.OFF),
    (Table.HOLDING, 51, [650], lambda w: w.distribution.station.pumps[1].hand_speed, 0.65),
    (Table.HOLDING, 15, [500], lambda w: w.intake.valve_setpoint, 0.5),
    (Table.HOLDING, 16, [250], lambda w: w.distribution.zone_setpoint, 0.25),
    (Table.HOLDING, 17, [3], lambda w: w.distribution.station.duty, 2),
    (Table.HOLDING, 13, [0], lambda w: w.treatment.chlorine.is_automatic, False),
    (Table.HOLDING, 14, [120], lambda w: w.treatment.chlorine.hand_dose, 1.2),
    (Table.HOLDING, 86, [0], lambda w: w.treatment.filters[1].is_on, False),
    (Table.COIL, 1, [0], lambda w: w.distribution.is_pressure_controlled, False),
    (Table.COIL, 6, [1], lambda w: w.treatment.filters[2].is_asked, True),
]


@pytest.mark.parametrize(("table", "address", "values", "read", "expected"), WRITES)
def test_what_is_written_acts_on_the_process(
    table: Table, address: int, values: list[int], read: Callable[[Waterworks], object], expected: object
) -> None:
    works = Waterworks()
    assert read(works) != expected
    PLC.write(works, table, address, values)
    assert read(works) == pytest.approx(expected)


@given(st.integers(0, 255), st.binary(min_size=1, max_size=253))
def test_any_request_has_an_answer_or_silence_and_breaks_nothing(unit: int, pdu: bytes) -> None:
    works = Waterworks()
    for port in ports(works):
        said = port.answer(unit, pdu, 0.0)
        assert said is None or (said[0] == unit and said[1] & 0x7F == pdu[0] & 0x7F and len(said) <= 254)
    works.step(5)


# -- on the wire ----------------------------------------------------------------------------------------------------


async def asked(base: int, unit: int, *questions: Callable[[ModbusClient], Any], timeout_s: float = 2.0) -> list[Any]:
    """What a client that we did not write gets."""
    client = ModbusClient("127.0.0.1", base, unit_id=unit, timeout=timeout_s, auto_open=True)
    try:
        return [await asyncio.to_thread(question, client) for question in questions]
    finally:
        await asyncio.to_thread(client.close)


def code(question: Callable[[ModbusClient], Any]) -> Callable[[ModbusClient], tuple[Any, int]]:
    """The answer, and the exception code that came with it."""

    def ask(client: ModbusClient) -> tuple[Any, int]:
        return question(client), client.last_except

    return ask


async def test_a_client_we_did_not_write_reads_and_operates_the_controller() -> None:
    works = Waterworks.in_operation(1, 9 * 3600)
    async with served(works) as base:
        answers = await asked(
            base, 1,
            lambda c: c.read_input_registers(0, 106),
            code(lambda c: c.write_single_register(40, 2)),
            code(lambda c: c.write_single_register(40, 7)),
            lambda c: c.write_single_coil(1, False),
            lambda c: c.read_coils(0, 8),
            code(lambda c: c.write_single_register(42, 1)),
            code(lambda c: c.read_holding_registers(120, 20)),
            lambda c: c.write_multiple_registers(8, f32(0.7)),
            code(lambda c: c.write_multiple_registers(8, f32(7.0))),
            lambda c: c.read_discrete_inputs(0, 21),
        )  # fmt: skip
    assert len(answers[0]) == 106
    assert answers[1:4] == [(True, 0), (False, 3), True]
    assert answers[4][:4] == [True, False, True, True]
    assert answers[5:9] == [(False, 2), (None, 2), True, (False, 3)]
    assert answers[9][7] is True
    assert works.distribution.station.pumps[0].mode is PumpMode.HAND
    assert works.treatment.chlorine.setpoint == pytest.approx(0.7)


async def test_the_meter_knows_one_function_and_has_a_hole() -> None:
    works = Waterworks.in_operation(1, 9 * 3600)
    async with served(works) as base:
        volts, four, hole, energy = await asked(
            base + 1, 1,
            lambda c: c.read_holding_registers(0, 24),
            code(lambda c: c.read_input_registers(0, 2)),
            code(lambda c: c.read_holding_registers(22, 8)),
            lambda c: c.read_holding_registers(40, 4),
        )  # fmt: skip
    assert unpack(">f", pack(">HH", volts[1], volts[0]))[0] == pytest.approx(231, abs=5)
    assert (four, hole) == ((None, 1), (None, 2))
    assert unpack(">Q", pack(">4H", *energy))[0] == pytest.approx(works.energy.imported_wh, abs=1000)


async def test_a_sunspec_client_finds_the_models_and_reads_them() -> None:
    works = Waterworks.in_operation(1, 12 * 3600)
    async with served(works) as base:

        def scan() -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
            device = sunspec.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=base + 3, timeout=5)
            try:
                device.scan()
                common, inverter = device.models[1][0], device.models[103][0]
                points = ("W", "W_SF", "PhVphA", "Hz", "WH", "TmpCab", "TmpSnk", "St", "PF", "DCW", "EvtVnd1", "A")
                read = {name: inverter.points[name] for name in points}
                return (
                    [model for model in device.models if isinstance(model, int)],
                    {name: common.points[name].value for name in ("Mn", "Md", "Vr", "SN", "Opt")},
                    {name: (p.value, p.cvalue) for name, p in read.items()},
                )
            finally:
                device.close()

        models, common, inverter = await asyncio.to_thread(scan)
    assert models == [1, 103]
    assert (common["Mn"], common["Md"], common["SN"]) == ("Northern Sun", "NS-80 TL", "NS80-2219-0044")
    assert inverter["W"][1] == pytest.approx(works.energy.pv_kw * 1000, abs=1500)
    assert inverter["PhVphA"][1] == pytest.approx(230, abs=6)
    assert inverter["Hz"][1] == pytest.approx(50, abs=0.2)
    assert inverter["WH"][1] == pytest.approx(works.energy.pv_wh, abs=1000)
    assert inverter["DCW"][1] > inverter["W"][1] > 0
    assert inverter["St"][0] == 4
    assert inverter["TmpSnk"][0] is None, "not implemented"
    assert inverter["EvtVnd1"][0] is None, "not implemented"


async def test_units_behind_the_gateway_wait_for_each_other_and_the_dead_one_says_nothing() -> None:
    works = Waterworks.in_operation(1, 9 * 3600)
    async with served(works) as base:

        async def timed(unit: int, question: Callable[[ModbusClient], Any]) -> tuple[Any, float]:
            began = time.monotonic()
            (answer,) = await asked(base + 2, unit, question, timeout_s=3.0)
            return answer, time.monotonic() - began

        flow, at_once = await timed(11, lambda c: c.read_holding_registers(0, 9))
        turbidity, slow = await timed(14, lambda c: c.read_input_registers(0, 2))
        assert unpack(">f", pack(">HH", flow[1], flow[0]))[0] == pytest.approx(works.intake.flow, abs=5)
        assert turbidity[1] == 412
        assert at_once < 0.7 < slow
        (nothing,) = await asked(base + 2, 15, lambda c: c.read_holding_registers(0, 2), timeout_s=0.6)
        assert nothing is None
        unknown, stays = await asked(
            base + 2, 99, lambda c: c.read_holding_registers(0, 2), lambda c: c.last_error, timeout_s=0.4
        )
        assert unknown is None
        assert stays != 0


@pytest.mark.parametrize(
    ("fault", "port", "unit", "outcome"),
    [
        (Fault.PLC_BUSY, 0, 1, (None, 6)),
        (Fault.PLC_SILENT, 0, 1, (None, 0)),
        (Fault.LINK_CUT, 2, 11, (None, 0)),
        (Fault.WRONG_UNIT, 3, 1, (None, 0)),
    ],
)
async def test_a_fault_on_the_way_is_met_and_passes(
    fault: Fault, port: int, unit: int, outcome: tuple[Any, int]
) -> None:
    works = Waterworks.in_operation(1, 9 * 3600)
    address = 40000 if port == 3 else 0
    async with served(works) as base:

        async def read() -> tuple[Any, int]:
            question = code(lambda c: c.read_holding_registers(address, 2))
            (answer,) = await asked(base + port, unit, question, timeout_s=0.5)
            found: tuple[Any, int] = answer
            return found

        async def until(is_right: Callable[[tuple[Any, int]], bool]) -> None:
            deadline = time.monotonic() + 8
            while not is_right(await read()):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

        await until(lambda answer: answer[0] is not None)
        works.set_faults(frozenset({fault}))
        await until(lambda answer: answer == outcome)
        works.set_faults(frozenset())
        await until(lambda answer: answer[0] is not None)


async def test_who_is_connected_when_the_cable_is_cut_is_thrown_out() -> None:
    works = Waterworks()
    async with served(works) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", base + 2)
        works.set_faults(frozenset({Fault.LINK_CUT}))
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(1), 5) == b"", "closed in order is as good"
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", base + 2)


def test_a_frozen_controller_shows_one_moment_for_ever_and_takes_no_write() -> None:
    works = Waterworks.in_operation(1, 9 * 3600)
    port = ports(works)[0]
    works.set_faults(frozenset({Fault.PLC_FROZEN}))
    read = pack(">BHH", 4, 0, 16)
    first = port.answer(1, read, 0.0)
    works.step(600, 5.0)
    assert port.answer(1, read, 600.0) == first
    before = works.distribution.pressure_setpoint
    assert port.answer(1, pack(">BHHB2H", 16, 4, 2, 4, *f32(5.0)), 600.0) == b"\x01" + pack(">BHH", 16, 4, 2)
    assert works.distribution.pressure_setpoint == before
    works.set_faults(frozenset())
    assert port.answer(1, read, 601.0) != first


def test_a_slow_meter_takes_its_time() -> None:
    works = Waterworks()
    meter = ports(works)[1]
    assert meter.answer_at(1, 10.0) < 10.1
    works.set_faults(frozenset({Fault.SLOW_DEVICE}))
    assert meter.answer_at(1, 20.0) == pytest.approx(21.2)
    assert meter.answer_at(1, 20.0) == pytest.approx(22.4), "one after the other"


def test_devices_say_what_they_are() -> None:
    """FC 43/14: basic, regular, extended, one object; what is not known is refused."""
    works = Waterworks()
    plc, meter = ports(works)[:2]

    def objects(port: Port, *request: int) -> bytes | None:
        return port.answer(1, bytes(request), 0.0)

    basic = objects(plc, 43, 14, 1, 0)
    assert basic is not None
    assert basic[:8] == bytes([1, 43, 14, 1, 0x82, 0, 0, 3])
    assert b"Northgate Controls" in basic
    assert b"V4.21" in basic
    assert b"Station controller" not in basic
    assert b"Station controller" in (objects(plc, 43, 14, 2, 0) or b"")
    assert objects(plc, 43, 14, 4, 1) == bytes([1, 43, 14, 4, 0x82, 0, 0, 1, 1, 6]) + b"NC-400"
    assert objects(plc, 43, 14, 4, 99) == bytes([1, 0xAB, 2])
    assert objects(plc, 43, 13, 1, 0) == bytes([1, 0xAB, 1])
    assert objects(meter, 43, 14, 1, 0) == bytes([1, 0xAB, 1])


async def test_garbage_is_cut_off_and_a_request_in_pieces_is_answered() -> None:
    works = Waterworks.in_operation(1, 9 * 3600)
    async with served(works) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", base)
        for byte in pack(">HHHBBHH", 7, 0, 6, 1, 3, 0, 2):
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await asyncio.wait_for(reader.readexactly(9), 2))[:9] == pack(">HHHBBB", 7, 0, 7, 1, 3, 4)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        try:
            rest = await asyncio.wait_for(reader.read(), 2)
        except ConnectionResetError:
            rest = b""
        assert len(rest) <= 4, "what was left of the answer, and then the end"
        writer.close()


async def test_a_taken_port_is_said_in_a_sentence_and_the_others_are_let_go() -> None:
    free = free_in_a_row(PORTS + 1)
    async with served(Waterworks(), free + 1) as base:
        with pytest.raises(OSError, match=f"port {base} of 127.0.0.1 cannot be served"):
            await SimulatedSite(Waterworks(), "127.0.0.1", free).run()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", base - 1))
