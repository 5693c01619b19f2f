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


def test_devices_of_one_connection_that_want_it_differently_are_told(works: Works) -> None:
    twin = Device.objects.create(
        name="twin", area=works.north, host="127.0.0.1", port=15020, unit=2, connect_per_scan=True
    )
    assert ids() == ["devices.W006"]
    assert "Devices that share 127.0.0.1:15020 differ in connect_per_scan: plc1 none, twin True." in found()[0].msg
    Device.objects.filter(pk=twin.pk).update(connect_per_scan=False)
    assert ids() == []


def test_lines_with_the_usual_settings_are_the_same_written_or_not(works: Works) -> None:
    for number, line in enumerate(("", "19200 8E1"), start=1):
        Device.objects.create(
            name=f"d{number}", area=works.north, driver="modbus_rtu", host="/dev/ttyS0", unit=number, line=line
        )
    assert ids() == []
    Device.objects.filter(name="d1").update(line="9600 8E1")
    assert ids() == ["devices.W006"]


def test_a_pause_as_long_as_a_scan_is_told(works: Works) -> None:
    """MB-10."""
    Device.objects.update(delay_ms=1000)
    assert ids() == ["devices.W008"]
    Device.objects.update(delay_ms=999)
    assert ids() == []


def test_a_connection_that_is_closed_before_every_scan_is_told(works: Works) -> None:
    """MB-10."""
    Device.objects.update(idle_close_s=1)
    assert ids() == ["devices.W009"]
    for fields in ({"connect_per_scan": True}, {"connect_per_scan": False, "idle_close_s": 2}):
        Device.objects.update(**fields)
        assert ids() == []


def test_a_serial_line_with_more_to_do_than_it_can_is_told(works: Works) -> None:
    """MB-09: 125 registers at 9600 keep the line for 0.3 s of each second, so two such tags are fine and three not."""
    line = Device.objects.create(
        name="bus", area=works.north, driver="modbus_rtu", host="/dev/ttyS0", line="9600 8E1", max_registers=125
    )
    for number in range(3):
        assert ids() == []
        Tag.objects.create(
            area=works.north, device=line, name=f"t{number}", address=200 * number, data_type="string", length=250
        )
    assert ids() == ["devices.W007"]
    assert "The serial line /dev/ttyS0 (9600 8E1) would be busy 9" in found()[0].msg
    Tag.objects.filter(device=line).update(scan_ms=2000)
    assert ids() == []


def test_tags_that_are_left_out_are_counted(works: Works) -> None:
    Tag.objects.filter(pk=works.level.pk).update(data_type="int128")
    assert ids() == ["devices.W005"]


def test_a_zone_that_is_missing_here_is_told(works: Works) -> None:
    Plant.objects.update(time_zone="Europe/Atlantis")
    assert ids() == ["plant.E001"]
