"""The configuration as every process holds it: one revision, immutable, with paths computed once.

`load()` reads it in one go; whoever holds one asks `plant.revisions.current()` and loads again when it differs.
"""

from dataclasses import dataclass

from django.db import transaction

from devices.models import Device, Tag
from devices.points import DataType, Order, Point, Table
from plant import revisions
from plant.models import Area, Plant


@dataclass(frozen=True, slots=True)
class AreaEntry:
    id: int
    uuid: str
    plant_id: int
    parent_id: int | None
    name: str
    title: str
    path: str
    position: int


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    id: int
    uuid: str
    name: str
    title: str
    area_id: int
    driver: str
    host: str
    port: int
    unit: int
    timeout_ms: int
    max_registers: int
    max_gap: int
    enabled: bool

    @property
    def link(self) -> str:
        """What shares one connection: driver, host and port."""
        return f"{self.driver}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TagEntry:
    id: int
    uuid: str
    path: str
    name: str
    title: str
    area_id: int
    device_id: int
    point: Point
    unit: str
    decimals: int
    state_labels: dict[str, str]
    scan_ms: int
    enabled: bool

    @property
    def group(self) -> str:
        """The scan group on the bus: the tags of one device with one scan period."""
        return f"{self.device_id}:{self.scan_ms}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    revision: int
    plants: dict[int, Plant]
    areas: dict[int, AreaEntry]
    devices: dict[int, DeviceEntry]
    tags: dict[int, TagEntry]
    tag_by_path: dict[str, TagEntry]
    """Keyed by the lower-case path."""
    area_by_path: dict[str, AreaEntry]
    """Keyed by the lower-case path."""

    def tag(self, path: str) -> TagEntry | None:
        return self.tag_by_path.get(path.lower())

    def area(self, path: str) -> AreaEntry | None:
        return self.area_by_path.get(path.lower())


def load() -> Snapshot:
    """Read the whole configuration. Consistent: a change that commits meanwhile leads to another try."""
    while True:
        revision = revisions.current()
        with transaction.atomic():
            snapshot = _read(revision)
        if revisions.current() == revision:
            return snapshot


def _read(revision: int) -> Snapshot:
    plants = {p.pk: p for p in Plant.objects.all()}
    areas = _areas(plants)
    devices = {d.pk: _device(d) for d in Device.objects.all()}
    tags = {t.pk: _tag(t, areas[t.area_id].path) for t in Tag.objects.all()}
    return Snapshot(
        revision=revision,
        plants=plants,
        areas=areas,
        devices=devices,
        tags=tags,
        tag_by_path={t.path.lower(): t for t in tags.values()},
        area_by_path={a.path.lower(): a for a in areas.values()},
    )


def _areas(plants: dict[int, Plant]) -> dict[int, AreaEntry]:
    rows = {a.pk: a for a in Area.objects.all()}

    def path(area: Area) -> str:
        above = plants[area.plant_id].name if area.parent_id is None else path(rows[area.parent_id])
        return f"{above}/{area.name}"

    return {
        a.pk: AreaEntry(a.pk, str(a.uuid), a.plant_id, a.parent_id, a.name, a.title, path(a), a.position)
        for a in rows.values()
    }


def _device(row: Device) -> DeviceEntry:
    return DeviceEntry(
        row.pk, str(row.uuid), row.name, row.title, row.area_id, row.driver, row.host, row.port, row.unit,
        row.timeout_ms, row.max_registers, row.max_gap, row.enabled,
    )  # fmt: skip


def _tag(row: Tag, area_path: str) -> TagEntry:
    point = Point(
        row.pk, Table(row.table), row.address, DataType(row.data_type), Order(row.order),
        row.scale, row.offset, row.eu_min, row.eu_max,
    )  # fmt: skip
    return TagEntry(
        row.pk, str(row.uuid), f"{area_path}/{row.name}", row.name, row.title, row.area_id, row.device_id, point,
        row.unit, row.decimals, row.state_labels, row.scan_ms, row.enabled,
    )  # fmt: skip
