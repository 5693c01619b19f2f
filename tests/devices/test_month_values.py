"""What the tags say in the simulated month is what the poller would read off the simulated devices at that moment."""

from struct import pack

import pytest

from audit.actions import Actor
from bus.messages import Value
from bus.quality import GOOD
from devices.decode import Decoder
from devices.plan import read_of
from devices.points import Point
from devices.simulator.cells import Unit
from devices.simulator.faults import Fault
from devices.simulator.month_values import UNITS, Sources
from devices.simulator.process import Waterworks
from devices.snapshot import Snapshot, load
from plant.document.transfer import import_document
from tests.devices.demo_plant import FILE

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Snapshot:
    import_document(FILE.read_bytes(), FILE.name, Actor.system("test"))
    return load()


def decoded(unit: Unit, point: Point, works: Waterworks) -> tuple[Value, int]:
    """By way of the registers."""
    read = read_of(point)
    image = unit.image(works, point.table)
    registers = [image.get(address, 0) for address in range(read.address, read.address + read.count)]
    payload = bytes([registers[0] & 1]) if point.table.is_bits else pack(f">{read.count}H", *registers)
    values, statuses = Decoder(read).decode(payload)
    return values[0], statuses[0] if statuses else GOOD


@pytest.mark.parametrize(
    ("hour", "faults"),
    [
        (3, frozenset()),
        (13, frozenset({Fault.SENSOR_NAN, Fault.STORM, Fault.PUMP_TRIP})),
        (20, frozenset({Fault.POWER_DIP})),
    ],
)
def test_every_tag_of_a_device_says_what_its_registers_say(
    plant: Snapshot, hour: int, faults: frozenset[Fault]
) -> None:
    works = Waterworks.in_operation(5, hour * 3600.0)
    works.set_faults(faults)
    works.step(120, 30.0)
    rows = Sources(plant).rows(works, 120.0)
    seen, wrong = 0, {}
    for tag in plant.tags.values():
        device = plant.devices[tag.device_id].name if tag.device_id is not None else ""
        if tag.point is None or not tag.enabled or UNITS[device].is_dead:
            continue
        value, status = decoded(UNITS[device], tag.point, works)
        if rows[tag.id] != (value, status):
            wrong[tag.path] = (rows[tag.id], (value, status))
        seen += 1
    assert wrong == {}
    assert seen > 150


def test_what_is_computed_has_its_value(plant: Snapshot) -> None:
    works = Waterworks.in_operation(5, 13 * 3600.0)
    sources = Sources(plant)
    for at_s in range(60, 481, 60):
        works.step(60, 30.0)
        rows = sources.rows(works, at_s)

    def of(path: str) -> float:
        tag = plant.tag(f"northgate/{path}")
        assert tag is not None
        value, status = rows[tag.id]
        assert status == GOOD, path
        assert isinstance(value, int | float)
        return value

    assert of("energy/load") == pytest.approx(of("energy/grid/power") + of("energy/pv/power"))
    assert of("energy/own_share") == pytest.approx(100 * of("energy/pv/power") / of("energy/load"))
    assert of("distribution/total") > 0
    assert of("distribution/mean") > 0
