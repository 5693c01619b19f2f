"""Fills the history of a served site: eight tags of North for a day; some of it was Bad, some Uncertain.

Run inside the site's environment by `manage.py shell`.
"""

import json
import math
import time
from typing import Final

from django.db import transaction

from bus import quality
from devices import snapshot
from devices.models import Device, Tag
from historian.configuration import key_of
from historian.place import history_url
from historian.samples import Row
from historian.storage.opening import open_storage
from plant.models import Area
from plant.revisions import bump

UNITS: Final = ("bar", "°C", "m³/h", "%", "kW", "V", "A")
STEP_MS: Final = 20_000
DAY_MS: Final = 86_400_000
AGO_MS: Final = 60_000
"""The newest sample is so old."""


def main() -> None:
    with transaction.atomic():
        north, plc1 = Area.objects.get(name="north"), Device.objects.get(name="plc1")
        for n, unit in enumerate(UNITS):
            fields = {
                "device": plc1,
                "address": 20 + 2 * n,
                "data_type": "float32",
                "unit": unit,
                "title": f"Trend {n}",
            }
            Tag.objects.get_or_create(area=north, name=f"t{n}", defaults=fields)
        bump("test", "tags for trends")
    plant = snapshot.load()
    storage = open_storage(history_url())
    storage.prepare()
    numbers = storage.add_series({key_of(tag): tag.path for tag in plant.tags.values()})
    now = time.time_ns() // 1_000_000
    for tag in plant.tags.values():
        storage.write([_row(now, ms, numbers[key_of(tag)]) for ms in range(AGO_MS, DAY_MS, STEP_MS)], None)
    storage.close()
    print(json.dumps({tag.path: (tag.id, tag.group) for tag in plant.tags.values()}))


def _row(now: int, ago_ms: int, series: int) -> Row:
    part = 1 - ago_ms / DAY_MS
    at = now - ago_ms
    if 0.5 < part < 0.6 and series % 2:
        return at, series, None, None, quality.BAD_NO_COMMUNICATION, at
    status = quality.UNCERTAIN_EU_EXCEEDED if 0.8 < part < 0.85 else quality.GOOD
    return at, series, round(50 + 40 * math.sin(6 * part * (1 + series)), 3), None, status, at
