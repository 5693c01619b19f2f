"""Adds the devices and tags of the foreign servers to a prepared site; run by `manage.py shell`."""

from django.db import transaction

from devices.models import Device, Tag
from plant.models import Area
from plant.revisions import bump
from tests.road.foreign.places import PLACES, SCAN_MS


def main(ports: dict[str, tuple[str, int]]) -> None:
    """`ports`: name -> driver and port."""
    with transaction.atomic():
        north = Area.objects.get(name="north")
        for name, (driver, port) in ports.items():
            area = Area.objects.create(plant=north.plant, parent=north, name=name)
            device = Device.objects.create(name=name, area=area, driver=driver, host="127.0.0.1", port=port)
            for place in PLACES:
                Tag.objects.create(
                    area=area, device=device, name=place.name, table=place.table.value, address=place.address,
                    data_type=place.data_type.value, order=place.order.value, scale=place.scale, scan_ms=SCAN_MS,
                )  # fmt: skip
        bump("test", "foreign servers")
