"""What is allowed but hardly meant: devices whose settings contradict each other or their tags.

Said by the system checks at the start and by the import of a plant document; it never refuses anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devices.freshness import limit_ms
from devices.models import Device


@dataclass(frozen=True, slots=True)
class Advice:
    id: str
    text: str
    hint: str


def advice(devices: Iterable[Device], fastest_ms: Mapping[str, int]) -> list[Advice]:
    """About devices that are enabled. `fastest_ms`: name of a device -> shortest scan period of its tags."""
    active = [device for device in devices if device.enabled]
    return [*_shared_ports(active), *_same_units(active), *_long_timeouts(active, fastest_ms)]


def _shared_ports(devices: list[Device]) -> Iterable[Advice]:
    by_port: dict[tuple[str, int], dict[str, str]] = {}
    for device in devices:
        by_port.setdefault((device.host.lower(), device.port), {}).setdefault(device.driver, device.name)
    for (host, port), drivers in by_port.items():
        if len(drivers) > 1:
            names = ", ".join(f"{name} ({driver})" for driver, name in sorted(drivers.items()))
            yield Advice(
                "devices.W001",
                f"Devices with different drivers share {host}:{port}: {names}.",
                "One port speaks one protocol. Correct the driver or the port of one of them.",
            )


def _same_units(devices: list[Device]) -> Iterable[Advice]:
    by_unit: dict[tuple[str, str, int, int], list[str]] = {}
    for device in devices:
        by_unit.setdefault((device.driver, device.host.lower(), device.port, device.unit), []).append(device.name)
    for (_, host, port, unit), names in by_unit.items():
        if len(names) > 1:
            yield Advice(
                "devices.W002",
                f"Devices {', '.join(sorted(names))} are one and the same: unit {unit} at {host}:{port}.",
                "Each is asked by itself, so the device answers twice as often. Give their tags to one of them.",
            )


def _long_timeouts(devices: list[Device], fastest_ms: Mapping[str, int]) -> Iterable[Advice]:
    for device in devices:
        scan_ms = fastest_ms.get(device.name.lower())
        if scan_ms is not None and device.timeout_ms > limit_ms(scan_ms):
            yield Advice(
                "devices.W003",
                f"Device {device.name} may take {device.timeout_ms} ms to answer, but its fastest tags (every "
                f"{scan_ms} ms) count as stale after {limit_ms(scan_ms)} ms.",
                "Shorten timeout_ms, or lengthen scan_ms of the tags.",
            )
