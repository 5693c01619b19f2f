"""System checks of the stored devices and tags. They need the database: `manage.py check --database default`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError
from django.db.models import Min
from django.db.models.functions import Lower

from devices.advice import advice
from devices.drivers.registry import DRIVERS
from devices.line_advice import stored_overloads
from devices.models import Device, Kind, Tag
from devices.points import DataType, Order, Table


@register(Tags.database)
def devices_can_be_read(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    if not databases or "default" not in databases:
        return []
    try:
        return [*_unknown_drivers(), *_unknown_points(), *_advice()]
    except DatabaseError:
        return []  # before the first migrate; a database that is away is said by whoever needs it


def _unknown_drivers() -> list[CheckMessage]:
    return [
        Warning(
            f"Device {device.name} wants the driver '{device.driver}', which this Isthmus does not have.",
            hint=f"Choose one of: {', '.join(sorted(DRIVERS))}. Was the plant made by a newer Isthmus?",
            id="devices.W004",
        )
        for device in Device.objects.exclude(driver__in=DRIVERS)
    ]


def _unknown_points() -> list[CheckMessage]:
    known: dict[str, list[str]] = {"table": [*Table], "data_type": [*DataType], "order": [*Order]}
    return [
        Warning(
            f"{count} tag(s) have a {field} that this Isthmus does not know; they are left out.",
            hint=f"Choose one of: {', '.join(words)}. Was the plant made by a newer Isthmus?",
            id="devices.W005",
        )
        for field, words in known.items()
        if (count := Tag.objects.exclude(**{f"{field}__in": words}).count())
    ]


def _advice() -> list[CheckMessage]:
    fastest = (
        Tag.objects.filter(enabled=True, kind=Kind.DEVICE)
        .values_list(Lower("device__name"))
        .annotate(Min("scan_ms"))
        .order_by()
    )
    found = [*advice(Device.objects.all(), dict(fastest)), *stored_overloads(Device.objects.all())]
    return [Warning(a.text, hint=a.hint, id=a.id) for a in found]
