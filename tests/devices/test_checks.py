"""What is allowed but hardly meant is said at the start, with what to do."""

from django.core.checks import CheckMessage

from devices.checks import devices_can_be_read
from devices.models import Device, Tag
from plant.checks import time_zones_are_known
from plant.models import Plant
from tests.cast import Works


def found() -> list[CheckMessage]:
    return [*devices_can_be_read(None, databases=["default"]), *time_zones_are_known(None, databases=["default"])]


def ids() -> list[str | None]:
    assert all(message.hint for message in found())
    return [message.id for message in found()]


def test_a_plant_in_order_needs_no_words(works: Works) -> None:
    assert found() == []


def test_no_database_is_asked_unless_it_is_named(django_assert_num_queries: object) -> None:
    assert devices_can_be_read(None) == time_zones_are_known(None) == []


def test_one_port_with_two_drivers_is_told(works: Works) -> None:
    Device.objects.create(name="odd", area=works.north, host="127.0.0.1", port=15020, driver="modbus_tpc", unit=2)
    assert ids() == ["devices.W004", "devices.W001"]


def test_one_unit_under_two_names_is_told(works: Works) -> None:
    twin = Device.objects.create(name="twin", area=works.north, host="127.0.0.1", port=15020)
    assert ids() == ["devices.W002"]
    assert "Devices plc1, twin are one and the same: unit 1 at 127.0.0.1:15020." in found()[0].msg
    Device.objects.filter(pk=twin.pk).update(enabled=False)
    assert ids() == []


def test_a_timeout_beyond_the_stale_limit_is_told(works: Works) -> None:
    Device.objects.update(timeout_ms=3001)
    assert ids() == ["devices.W003"]
    Device.objects.update(timeout_ms=3000)
    assert ids() == []


def test_tags_that_are_left_out_are_counted(works: Works) -> None:
    Tag.objects.filter(pk=works.level.pk).update(data_type="int128")
    assert ids() == ["devices.W005"]


def test_a_zone_that_is_missing_here_is_told(works: Works) -> None:
    Plant.objects.update(time_zone="Europe/Atlantis")
    assert ids() == ["plant.E001"]
