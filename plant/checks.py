"""System checks of the stored plants. They need the database: `manage.py check --database default`."""

import zoneinfo
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from plant.models import Plant


@register(Tags.database)
def time_zones_are_known(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """A zone that was known when the plant was made may be missing on another machine; pages would fail on it."""
    if not databases or "default" not in databases:
        return []
    known = zoneinfo.available_timezones()
    try:
        unknown = [(plant.name, plant.time_zone) for plant in Plant.objects.all() if plant.time_zone not in known]
    except DatabaseError:
        return []  # before the first migrate; a database that is away is said by whoever needs it
    return [
        Error(
            f"The time zone '{zone}' of the plant '{name}' is not known on this machine.",
            hint="Install the system's tzdata, or choose another zone in the plant's settings.",
            id="plant.E001",
        )
        for name, zone in unknown
    ]
