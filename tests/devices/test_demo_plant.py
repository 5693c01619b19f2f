"""The demo through the real poller: every tag as the process has it, and the one dead unit said to be dead."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from audit.actions import Actor
from bus.client import connect
from bus.latest import read_latest
from bus.messages import Value
from bus.quality import Severity, is_good, severity
from devices.points import DataType, Order, Point, Table
from devices.simulator.cells import Cell
from devices.simulator.field_devices import GATEWAY, INVERTER, METER
from devices.simulator.plc import PLC
from devices.simulator.process import Waterworks
from devices.simulator.site import PORTS
from devices.snapshot import Snapshot, load
from plant.document.transfer import import_document
from tests.devices.demo_plant import BASE, DEAD, DOCUMENT, FILE, a_point, configured, served
from tests.devices.rig import Plant, polling
from tests.ports import free_in_a_row

UNITS = {(15020, 1): PLC, (15021, 1): METER, (15023, 1): INVERTER} | {(15022, n): u for n, u in GATEWAY.items()}
DEVICES = {device["name"]: device for device in DOCUMENT["devices"]}


def described() -> list[tuple[str, str, Point]]:
    """Path, device and point of every tag."""
    return [(tag["path"], tag["device"], a_point(n, tag)) for n, tag in enumerate(DOCUMENT["tags"], start=1)]


def cells_of(device: str) -> dict[tuple[Table, int], Cell]:
    unit = UNITS[DEVICES[device]["port"], DEVICES[device]["unit"]]
    return {(cell.table, cell.address): cell for cell in unit.cells}


def test_the_document_describes_the_registers_there_are() -> None:
    parts = {DataType.BOOL, DataType.UINT8}
    for path, device, point in described():
        if device == DEAD:
            continue
        cell = cells_of(device)[point.table, point.address]
        is_part = point.bit is not None
        kind = cell.data_type if not is_part else DataType.UINT16
        assert kind == point.data_type or (is_part and point.data_type in parts), path
        assert cell.order == point.order, path
        assert cell.size == (point.registers if not point.table.is_bits else 1), path
        if point.scale_address is not None:
            assert (point.table, point.scale_address) in cells_of(device), path


def test_the_demo_has_something_of_every_kind() -> None:
    points = [point for _, _, point in described()]
    assert 140 <= len(points) <= 180
    assert {point.table for point in points} == set(Table)
    kinds = {point.data_type for point in points}
    assert kinds >= {
        DataType.BOOL, DataType.UINT8, DataType.INT16, DataType.UINT16, DataType.INT32, DataType.UINT32,
        DataType.UINT64, DataType.FLOAT32, DataType.FLOAT64, DataType.BCD16, DataType.BCD32, DataType.STRING,
    }  # fmt: skip
    assert {point.order for point in points} >= {Order.ABCD, Order.CDAB, Order.BADC, Order.DCBA}
    assert any(point.bit_count for point in points)
    assert any(point.clamp for point in points)
    assert any(point.scale_address for point in points)
    assert any(point.not_implemented is not None for point in points)
    periods = {tag["scan_ms"] for tag in DOCUMENT["tags"]}
    assert {500, 1000, 2000, 5000, 10000} <= periods


def test_every_tag_says_what_it_is() -> None:
    for tag in DOCUMENT["tags"]:
        assert tag["title"], tag["path"]
        is_number = tag["type"] not in ("bool", "string") and not tag.get("states")
        counts = tag["type"].startswith(("bcd", "uint8")) or tag["path"].endswith(("pumps_running", "power_factor"))
        assert tag.get("unit") or not is_number or counts, tag["path"]
        assert tag.get("states") or tag["type"] != "bool", tag["path"]


Found = dict[str, tuple[Value, int]]


async def until_read(bus: Redis, paths: list[str], timeout_s: float) -> Found:
    """Path -> value and status, as soon as every tag but those of the dead unit is Good."""
    wanted = {tag["path"] for tag in DOCUMENT["tags"] if tag["device"] != DEAD}
    deadline = time.monotonic() + timeout_s
    while True:
        found: Found = {}
        for block in (await read_latest(bus)).values():
            for number, value, status in zip(block.ids, block.values, block.statuses, strict=True):
                found[paths[number - 1]] = value, status
        bad = {path: found.get(path) for path in wanted if path not in found or not is_good(found[path][1])}
        if not bad:
            return found
        assert time.monotonic() < deadline, bad
        await asyncio.sleep(0.1)


async def test_every_tag_is_good_and_right_and_the_dead_unit_is_not(bus: Redis, bus_url: str) -> None:
    works = Waterworks.in_operation(1, 10 * 3600)
    paths = [tag["path"] for tag in DOCUMENT["tags"]]
    async with served(works) as base, polling(bus_url, Plant(configured(base))) as poller:
        found = await until_read(bus, paths, 20.0)
        link = next(link for link in poller.links.values() if f":{base + 2}" in link.spec.name)
        state = link.health()
    dead = [path for path in found if path.startswith("distribution/south/")]
    assert len(dead) == 3
    assert all(found[path][0] is None and not is_good(found[path][1]) for path in dead), "never a value, never Good"
    assert state.state == "connected", "one dead unit does not make the gateway dead"

    def value(path: str) -> Value:
        return found[path][0]

    pump = works.distribution.station.pumps[0]
    energy, town, treatment = works.energy, works.distribution, works.treatment
    near: dict[str, tuple[float, float]] = {
        "distribution/pressure": (town.pressure_bar, 0.2),
        "distribution/tower/level": (town.tower_m, 0.05),
        "distribution/outflow": (town.outflow, 15),
        "distribution/pumps/hl1/speed": (pump.speed * 100, 4),
        "distribution/pumps/hl1/hours": (pump.hours, 0.1),
        "distribution/pumps/hl1/energy": (pump.energy_kwh, 2),
        "treatment/clear_level": (treatment.level_m, 0.05),
        "treatment/turbidity": (treatment.turbidity, 0.02),
        "treatment/ph": (treatment.ph, 0.05),
        "treatment/chlorine/residual": (treatment.chlorine.residual, 0.05),
        "treatment/coagulant/batch": (treatment.coagulant.batch, 1),
        "intake/raw_flow": (works.intake.flow, 15),
        "intake/raw_total": (works.intake.raw_m3, 5),
        "intake/water_temp": (works.weather.water_c, 0.3),
        "energy/grid/power": (energy.grid_kw, 10),
        "energy/grid/voltage_l1": (230, 6),
        "energy/grid/import": (energy.imported_wh / 1000, 2),
        "energy/pv/power": (energy.pv_kw, 3),
        "energy/pv/energy": (energy.pv_wh / 1000, 2),
        "energy/pv/voltage": (230, 6),
        "plc/clock": (1000, 1),
        "plc/firmware_major": (4, 0),
        "plc/firmware_minor": (21, 0),
        "distribution/pumps_running": (len(town.station.running), 0),
    }
    for path, (expected, tolerance) in near.items():
        assert value(path) == pytest.approx(expected, abs=max(tolerance, 1e-9)), path
    assert value("plc/program") == "NORTHGATE 4.2.1"
    assert value("energy/pv/maker") == "Northern Sun"
    assert value("plc/mains_ok") is True
    assert value("plc/battery_low") is False
    assert value("energy/pv/state") == 4


# -- the whole document, with what is derived and what is entered by hand


class Imported(Plant):
    """The configuration that the document became."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__({})
        self.snapshot = snapshot


def imported(base: int) -> Snapshot:
    text = FILE.read_text(encoding="utf-8")
    for number in range(PORTS):
        text = text.replace(f"port: {BASE + number},", f"port: {base + number},")
    import_document(text.encode(), "northgate.yaml", Actor.system("test"))
    return load()


@pytest.mark.django_db
def test_the_whole_document_is_polled_computed_and_good(bus_url: str) -> None:
    """Derived values stand on measured ones; averages and rates are doubtful until their window has filled."""
    base = free_in_a_row(PORTS)
    snapshot = imported(base)
    slow = {t["path"] for t in DOCUMENT["derived_tags"] if t.get("function") in ("rate", "average")}
    at_once = {t["path"] for t in DOCUMENT["derived_tags"]} - slow
    by_hand = {t["path"] for t in DOCUMENT["manual_tags"]}
    measured = {t["path"] for t in DOCUMENT["tags"] if t["device"] != DEAD}
    paths = {tag.id: tag.path.removeprefix("northgate/") for tag in snapshot.tags.values()}
    assert len(paths) == len(DOCUMENT["tags"]) + len(slow | at_once | by_hand)

    async def look(works: Waterworks) -> Found:
        client = connect(bus_url, "test")
        deadline = time.monotonic() + 25
        async with served(works, base), polling(bus_url, Imported(snapshot)):
            while True:
                found: Found = {}
                for block in (await read_latest(client)).values():
                    rows = zip(block.ids, block.values, block.statuses, strict=True)
                    found |= {paths[number]: (value, status) for number, value, status in rows}
                good = {path for path, (_, status) in found.items() if is_good(status)}
                usable = {path for path, (_, status) in found.items() if severity(status) is not Severity.BAD}
                if measured | at_once <= good and slow <= usable:
                    await client.aclose()
                    return found
                assert time.monotonic() < deadline, (measured | at_once) - good | slow - usable
                await asyncio.sleep(0.1)

    works = Waterworks.in_operation(1, 10 * 3600)
    found = asyncio.run(look(works))
    good = {path for path, (_, status) in found.items() if is_good(status)}
    assert good - slow == measured | at_once
    assert by_hand.isdisjoint(good), "nobody has entered anything yet"
    pumping = works.intake.station.kw + works.distribution.station.kw
    assert found["energy/pumping"][0] == pytest.approx(pumping, rel=0.1)
    assert found["energy/load"][0] == pytest.approx(works.energy.load_kw, rel=0.15)
    assert found["energy/specific"][0] == pytest.approx(pumping / works.distribution.outflow, rel=0.15)
