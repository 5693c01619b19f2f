"""What a link has to read, taken from a configuration. Two equal specs need no restart: names and titles are not in."""

from collections import defaultdict
from dataclasses import dataclass

from devices.points import Point
from devices.quirks import Quirks
from devices.snapshot import DeviceEntry, Snapshot, TagEntry


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A scan group. `parked`: ids of tags that are switched off; they stay on the bus as out of service."""

    name: str
    scan_ms: int
    points: tuple[Point, ...]
    parked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """One device on a link."""

    device: int
    unit: int
    timeout_ms: int
    max_registers: int
    max_gap: int
    quirks: Quirks
    enabled: bool
    groups: tuple[GroupSpec, ...]


Road = tuple[str, str, int, str]
"""How a device is reached: driver, host, port, settings of a serial line."""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """`name` as DeviceEntry.link."""

    name: str
    driver: str
    host: str
    port: int
    line: str
    endpoint: str
    units: tuple[UnitSpec, ...]

    @property
    def road(self) -> Road:
        return self.driver, self.host, self.port, self.line

    @property
    def enabled(self) -> bool:
        return any(unit.enabled for unit in self.units)

    @property
    def quirks(self) -> dict[int, Quirks]:
        """Unit id -> what the driver must know. Where two devices are one unit and differ: as the protocol says."""
        known: dict[int, set[Quirks]] = defaultdict(set)
        for unit in self.units:
            known[unit.unit].add(Quirks(registers_by=unit.quirks.registers_by, any_unit=unit.quirks.any_unit))
        return {number: found.pop() if len(found) == 1 else Quirks() for number, found in known.items()}


def link_specs(snapshot: Snapshot) -> dict[str, LinkSpec]:
    """Link name -> spec, in a fixed order so that equal configurations give equal specs."""
    tags: dict[int, list[TagEntry]] = defaultdict(list)
    for tag in sorted(snapshot.tags.values(), key=lambda t: t.id):
        if tag.device_id is not None:
            tags[tag.device_id].append(tag)
    links: dict[str, list[DeviceEntry]] = defaultdict(list)
    for device in sorted(snapshot.devices.values(), key=lambda d: d.id):
        links[device.link].append(device)
    return {name: _link(name, found, tags) for name, found in links.items()}


def _link(name: str, devices: list[DeviceEntry], tags: dict[int, list[TagEntry]]) -> LinkSpec:
    first = devices[0]
    units = tuple(_unit(device, tags[device.id]) for device in devices)
    return LinkSpec(name, first.driver, first.host, first.port, first.line, first.endpoint, units)


def _unit(device: DeviceEntry, tags: list[TagEntry]) -> UnitSpec:
    groups: dict[int, list[TagEntry]] = defaultdict(list)
    for tag in tags:
        groups[tag.scan_ms].append(tag)
    return UnitSpec(
        device.id,
        device.unit,
        device.timeout_ms,
        device.max_registers,
        device.max_gap,
        device.quirks,
        device.enabled,
        tuple(_group(device.enabled, scan_ms, members) for scan_ms, members in sorted(groups.items())),
    )


def _group(is_device_enabled: bool, scan_ms: int, tags: list[TagEntry]) -> GroupSpec:
    is_read = [is_device_enabled and tag.enabled for tag in tags]
    return GroupSpec(
        tags[0].group,
        scan_ms,
        tuple(tag.point for tag, on in zip(tags, is_read, strict=True) if on and tag.point),
        tuple(tag.id for tag, on in zip(tags, is_read, strict=True) if not on),
    )
