"""The demo's simulated devices and the demo's configuration stand at the same port, whatever SIMULATOR_PORT says."""

import pytest

from audit.models import AuditRecord
from devices.models import Device
from hmi.launch import preparation
from plant import revisions
from tests.cast import Works

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMULATOR_PORT", raising=False)
    preparation.first_plant(None)


def test_the_device_follows_a_port_that_is_chosen_later(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preparation.simulator_port() == 15020
    before = revisions.current()
    monkeypatch.setenv("SIMULATOR_PORT", "22601")
    preparation.follow_simulator_port()
    assert preparation.simulator_port() == 22601
    change = AuditRecord.objects.get(event="device.changed")
    assert (change.actor_name, change.old, change.new) == ("system:setup", {"port": 15020}, {"port": 22601})
    assert revisions.current() > before


def test_without_a_choice_it_stays_where_it_is(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Device.objects.update(port=22602)
    preparation.follow_simulator_port()
    monkeypatch.setenv("SIMULATOR_PORT", "22602")
    preparation.follow_simulator_port()
    assert preparation.simulator_port() == 22602
    assert not AuditRecord.objects.filter(event="device.changed").exists()


def test_a_device_that_stands_elsewhere_is_left_alone(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Device.objects.update(host="10.0.0.5")
    monkeypatch.setenv("SIMULATOR_PORT", "22603")
    preparation.follow_simulator_port()
    assert Device.objects.get().port == 15020
    assert preparation.simulator_port() is None


def test_devices_of_another_plant_are_left_alone(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_PORT", "22604")
    preparation.follow_simulator_port()
    works.plc1.refresh_from_db()
    assert works.plc1.port == 15020
