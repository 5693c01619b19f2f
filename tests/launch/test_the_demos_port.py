"""The demo's simulated devices and the demo's configuration stand at the same port, whatever SIMULATOR_PORT says."""

import pytest
import yaml
from django.db.models import F

from audit.models import AuditRecord
from devices.models import Device
from devices.simulator.site import PORTS
from hmi.launch import preparation
from hmi.launch.progress import Refused
from plant import revisions
from plant.models import Area, Plant
from tests.cast import Works

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMULATOR_PORT", raising=False)
    preparation.first_plant(None)


def ports() -> dict[str, int]:
    return dict(Device.objects.values_list("name", "port"))


BEHIND_THE_GATEWAY = ("raw_meter", "town_meter", "analyser", "turbidity", "zone_logger")
OFFSETS = {
    "plc": 0, "meter": 1, "inverter": 3, **dict.fromkeys(BEHIND_THE_GATEWAY, 2),
}  # fmt: skip


def at(base: int) -> dict[str, int]:
    return {name: base + offset for name, offset in OFFSETS.items()}


def test_every_device_follows_a_port_that_is_chosen_later(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preparation.simulator_port() == 15020
    assert ports() == at(15020)
    before = revisions.current()
    monkeypatch.setenv("SIMULATOR_PORT", "22601")
    preparation.follow_simulator_port()
    assert preparation.simulator_port() == 22601
    assert ports() == at(22601)
    changes = AuditRecord.objects.filter(event="device.changed")
    assert changes.count() == len(OFFSETS)
    change = changes.get(object_text="Station controller")
    assert (change.actor_name, change.old, change.new) == ("system:setup", {"port": 15020}, {"port": 22601})
    assert revisions.current() > before


def test_a_step_by_one_moves_each_to_its_own_port(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new port of one is the old port of another."""
    monkeypatch.setenv("SIMULATOR_PORT", "15021")
    preparation.follow_simulator_port()
    assert ports() == at(15021)


def test_the_first_start_already_goes_by_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_PORT", "22610")
    preparation.first_plant(None)
    assert ports() == at(22610)


def test_a_port_without_room_after_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_PORT", "65533")
    with pytest.raises(Refused, match=r"3 more ports follow it\. Give one up to 65532"):
        preparation.first_plant(None)


def test_without_a_choice_they_stay_where_they_are(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Device.objects.update(port=F("port") - 15020 + 22602)
    preparation.follow_simulator_port()
    assert preparation.simulator_port() == 22602
    monkeypatch.setenv("SIMULATOR_PORT", "22602")
    preparation.follow_simulator_port()
    assert ports() == at(22602)
    assert not AuditRecord.objects.filter(event="device.changed").exists()


def test_a_device_that_stands_elsewhere_is_left_alone(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Device.objects.filter(name="plc").update(host="10.0.0.5")
    Device.objects.filter(name="meter").update(port=502)
    monkeypatch.setenv("SIMULATOR_PORT", "22603")
    preparation.follow_simulator_port()
    assert ports() == at(22603) | {"plc": 15020, "meter": 502}
    assert preparation.simulator_port() == 22603


def test_without_any_simulated_device_there_is_no_simulator(demo: None) -> None:
    Device.objects.update(host="10.0.0.5")
    assert preparation.simulator_port() is None
    assert preparation.simulated_devices() == {}


def test_a_site_from_before_is_not_served_registers_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo once was a pumped tank on a device plc1: its tags would read other values than they say."""
    monkeypatch.delenv("SIMULATOR_PORT", raising=False)
    plant = Plant.objects.create(name="northgate", title="Northgate waterworks")
    area = Area.objects.create(plant=plant, name="tank")
    Device.objects.create(name="plc1", area=area, host="127.0.0.1", port=15020)
    assert preparation.simulator_port() is None


def test_the_document_counts_its_ports_from_the_first() -> None:
    document = yaml.safe_load(preparation.DEMO.read_text())
    assert {d["name"]: d["port"] - preparation.DEMO_PORT for d in document["devices"]} == OFFSETS
    assert set(OFFSETS.values()) == set(range(PORTS))


def test_devices_of_another_plant_are_left_alone(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_PORT", "22604")
    preparation.follow_simulator_port()
    works.plc1.refresh_from_db()
    assert works.plc1.port == 15020
