"""What is allowed but hardly meant: devices whose settings contradict each other or their tags.

Said by the system checks at the start and by the import of a plant document; it never refuses anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from devices.drivers.registry import is_serial
from devices.freshness import limit_ms
from devices.line_load import parse_line
from devices.models import Device


@dataclass(frozen=True, slots=True)
class Advice:
    id: str
    text: str
    hint: str


def advice(devices: Iterable[Device], fastest_ms: Mapping[str, int]) -> list[Advice]:
    """About devices that are enabled. `fastest_ms`: name of a device -> shortest scan period of its tags."""
    active = [device for device in devices if device.enabled]
    found: list[Advice] = []
    for rule in (_shared_ports, _same_units, _different_settings):
        found += rule(active)
    for device in active:
        scan_ms = fastest_ms.get(device.name.lower())
        if scan_ms is not None:
            found += [
                *_long_timeout(device, scan_ms),
                *_no_time_left(device, scan_ms),
                *_closed_between(device, scan_ms),
            ]
    return found


def _endpoint(device: Device) -> str:
    return device.host if is_serial(device.driver) else f"{device.host.lower()}:{device.port}"


def _shared_ports(devices: list[Device]) -> Iterable[Advice]:
    by_port: dict[str, dict[str, str]] = {}
    for device in devices:
        by_port.setdefault(_endpoint(device), {}).setdefault(device.driver, device.name)
    for endpoint, drivers in by_port.items():
        if len(drivers) > 1:
            names = ", ".join(f"{name} ({driver})" for driver, name in sorted(drivers.items()))
            yield Advice(
                "devices.W001",
                f"Devices with different drivers share {endpoint}: {names}.",
                "One port speaks one protocol. Correct the driver or the port of one of them.",
            )


def _same_units(devices: list[Device]) -> Iterable[Advice]:
    by_unit: dict[tuple[str, str, int], list[str]] = {}
    for device in devices:
        by_unit.setdefault((device.driver, _endpoint(device), device.unit), []).append(device.name)
    for (_, endpoint, unit), names in by_unit.items():
        if len(names) > 1:
            yield Advice(
                "devices.W002",
                f"Devices {', '.join(sorted(names))} are one and the same: unit {unit} at {endpoint}.",
                "Each is asked by itself, so the device answers twice as often. Give their tags to one of them.",
            )


def _different_settings(devices: list[Device]) -> Iterable[Advice]:
    """Of one connection there is one line and one way to open it, whichever device says so."""
    links: dict[tuple[str, str], list[Device]] = {}
    for device in devices:
        links.setdefault((device.driver, _endpoint(device)), []).append(device)
    for (_, endpoint), members in links.items():
        for field in ("line", "connect_per_scan", "idle_close_s"):
            chosen = {_setting(device, field): device.name for device in members}
            if len(chosen) > 1:
                said = ", ".join(f"{name} {value or 'none'}" for value, name in sorted(chosen.items(), key=str))
                yield Advice(
                    "devices.W006",
                    f"Devices that share {endpoint} differ in {field}: {said}.",
                    f"They share one connection. Give {field} the same value in each of them.",
                )


def _setting(device: Device, field: str) -> Any:
    """What a field means; a line that is left out means the usual one."""
    if field != "line" or not is_serial(device.driver):
        return getattr(device, field)
    try:
        return str(parse_line(device.line))
    except ValueError:
        return device.line


def _long_timeout(device: Device, scan_ms: int) -> Iterable[Advice]:
    if device.timeout_ms > limit_ms(scan_ms):
        yield Advice(
            "devices.W003",
            f"Device {device.name} may take {device.timeout_ms} ms to answer, but its fastest tags (every "
            f"{scan_ms} ms) count as stale after {limit_ms(scan_ms)} ms.",
            "Shorten timeout_ms, or lengthen scan_ms of the tags.",
        )


def _no_time_left(device: Device, scan_ms: int) -> Iterable[Advice]:
    if device.delay_ms >= scan_ms:
        yield Advice(
            "devices.W008",
            f"Device {device.name} wants {device.delay_ms} ms between requests, and its fastest tags are read every "
            f"{scan_ms} ms.",
            "Shorten delay_ms, or lengthen scan_ms of the tags.",
        )


def _closed_between(device: Device, scan_ms: int) -> Iterable[Advice]:
    if 0 < device.idle_close_s * 1000 <= scan_ms and not device.connect_per_scan:
        yield Advice(
            "devices.W009",
            f"Device {device.name} closes a connection that was silent for {device.idle_close_s} s, and its fastest "
            f"tags are read every {scan_ms / 1000:g} s: it is closed before every scan.",
            "Switch connect_per_scan on, or shorten scan_ms of some of its tags.",
        )
