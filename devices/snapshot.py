"""The configuration as every process holds it: one revision, immutable, with paths computed once.

`load()` reads it in one go; whoever holds one asks `plant.revisions.current()` and loads again when it differs.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import connection, transaction

from devices.drivers.registry import is_serial
from devices.formula import Formula, Function
from devices.models import Device, Kind, Tag, TagInput
from devices.not_implemented import not_implemented_bits
from devices.points import DataType, Order, Point, Table
from devices.quirks import Quirks
from plant import revisions
from plant.models import Area, Plant

log = structlog.get_logger(__name__)


class _Titled:
    """What has a name, for paths, and perhaps a title."""

    __slots__ = ()
    name: str
    title: str

    @property
    def label(self) -> str:
        """What people read."""
        return self.title or self.name


@dataclass(frozen=True, slots=True)
class AreaEntry(_Titled):
    id: int
    uuid: str
    plant_id: int
    parent_id: int | None
    name: str
    title: str
    path: str
    position: int


@dataclass(frozen=True, slots=True)
class DeviceEntry(_Titled):
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
    line: str
    quirks: Quirks
    enabled: bool

    @property
    def link(self) -> str:
        """What shares one connection: driver, host and port; on a serial line the line."""
        return f"{self.driver}://{self.endpoint}"

    @property
    def endpoint(self) -> str:
        return self.host if is_serial(self.driver) else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TagEntry(_Titled):
    """`kind` says which of these is there: device_id and point, formula, or neither (entered by hand)."""

    id: int
    uuid: str
    path: str
    name: str
    title: str
    area_id: int
    kind: Kind
    data_type: DataType
    device_id: int | None
    point: Point | None
    formula: Formula | None
    eu_min: float | None
    eu_max: float | None
    unit: str
    decimals: int
    state_labels: dict[str, str]
    scan_ms: int
    enabled: bool

    @property
    def group(self) -> str:
        """The scan group on the bus: the tags of one device, or of one other kind, with one scan period."""
        return f"{self.device_id or self.kind.value}:{self.scan_ms}"


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
    """Read the whole configuration as it stands at one moment, also while others change it."""
    with _one_moment():
        return _read(revisions.current())


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that only reads, and sees nothing of what commits meanwhile.

    transaction.atomic() will not do: on SQLite it takes the write lock here (IMMEDIATE), so that every process would
    wait for a long import; on PostgreSQL each statement would see a newer state. Within a transaction of the caller
    that one holds.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


_POINT: Final = (
    "pk", "table", "address", "data_type", "order", "scale", "offset", "eu_min", "eu_max", "bit", "bit_count", "length",
    "raw_min", "raw_max", "clamp", "scale_address", "not_implemented",
)  # fmt: skip
"""In the order of Point."""
_TAG: Final = (
    "uuid", "name", "title", "area_id", "kind", "device_id", "unit", "decimals", "state_labels", "scan_ms", "enabled",
    "function", "expression", "window_s", "per_s",
)  # fmt: skip


def _read(revision: int) -> Snapshot:
    plants = {p.pk: p for p in Plant.objects.all()}
    areas = _areas(plants)
    devices = {d.pk: _device(d) for d in Device.objects.all()}
    tags = _tags({pk: area.path for pk, area in areas.items()})
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
        row.timeout_ms, row.max_registers, row.max_gap, row.line, row.quirks, row.enabled,
    )  # fmt: skip


def _inputs() -> dict[int, list[tuple[str, int]]]:
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for derived, name, source in TagInput.objects.values_list("derived_id", "name", "source_id").order_by("name"):
        found[derived].append((name, source))
    return found


def _tags(area_paths: dict[int, str]) -> dict[int, TagEntry]:
    """All tags. One whose address words mean nothing here (written past the checks) is left out, not all others."""
    inputs, found = _inputs(), {}
    for row in Tag.objects.values_list(*_POINT, *_TAG).order_by("name", "pk"):
        point, rest = row[: len(_POINT)], row[len(_POINT) :]
        try:
            found[row[0]] = _tag(point, rest, area_paths, tuple(inputs.get(row[0], ())))
        except (ValueError, TypeError) as error:
            log.error("tag left out", tag=f"{area_paths[rest[3]]}/{rest[1]}", reason=str(error))
    return found


def _tag(
    point: tuple[Any, ...], rest: tuple[Any, ...], area_paths: dict[int, str], inputs: tuple[tuple[str, int], ...]
) -> TagEntry:
    (
        uuid, name, title, area_id, kind, device_id, unit, decimals, state_labels, scan_ms, enabled,
        function, expression, window_s, per_s,
    ) = rest  # fmt: skip
    pk, data_type, eu_min, eu_max = point[0], DataType(point[3]), point[7], point[8]
    formula = None
    if kind == Kind.DERIVED:
        formula = Formula(pk, Function(function), expression, inputs, window_s, per_s, eu_min, eu_max)
    return TagEntry(
        pk, str(uuid), f"{area_paths[area_id]}/{name}", name, title, area_id, Kind(kind), data_type, device_id,
        _point(point) if kind == Kind.DEVICE else None, formula, eu_min, eu_max, unit, decimals, state_labels, scan_ms,
        enabled,
    )  # fmt: skip


def _point(row: tuple[Any, ...]) -> Point:
    pk, table, address, word, order, *_ = row
    if address is None:
        raise ValueError("it has no address")
    data_type, missing = DataType(word), row[-1]
    bits = not_implemented_bits(missing, data_type) if missing else None
    columns = [pk, Table(table), address, data_type, Order(order), *row[5:-1], bits]
    return Point(*columns)
