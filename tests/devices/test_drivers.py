"""Every driver does what every driver must (tests/devices/driver_conformance.py)."""

from devices.drivers.registry import DRIVERS
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
