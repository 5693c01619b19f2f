"""Every driver does what every driver must (tests/devices/driver_conformance.py)."""

from dataclasses import replace

from devices.drivers.registry import DRIVERS
from devices.poller.spec import LinkSpec, UnitSpec
from devices.quirks import Quirks, RegistersBy
from tests.devices import stands
from tests.devices.driver_conformance import DriverConformance


class TestModbusTcp(DriverConformance):
    stand = stands.Tcp()


class TestModbusRtuOverTcp(DriverConformance):
    stand = stands.RtuOverTcp()


class TestModbusRtu(DriverConformance):
    stand = stands.Serial()


def test_no_driver_is_left_out() -> None:
    assert {kind.stand.name for kind in DriverConformance.__subclasses__()} == set(DRIVERS)


def test_two_devices_that_are_one_unit_and_contradict_each_other_are_read_as_the_protocol_says() -> None:
    """Or one of them would be read from the other's table."""

    def unit(device: int, number: int, quirks: Quirks) -> UnitSpec:
        return UnitSpec(device, number, 100, 100, 8, quirks, True, ())

    fc4 = Quirks(registers_by=RegistersBy.FC4)
    units = (unit(1, 1, fc4), unit(2, 1, Quirks()), unit(3, 2, fc4), unit(4, 2, replace(fc4, delay_ms=9)))
    spec = LinkSpec("link", "modbus_tcp", "plc", 502, "", "plc:502", units)
    assert spec.quirks == {1: Quirks(), 2: fc4}
