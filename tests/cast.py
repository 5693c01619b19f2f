"""The people and the small plant every test knows.

Ada: engineer everywhere. Omar: operator in North. Vera: viewer everywhere. Sam: operator in South, the stranger.
Plant `works` with areas `north` (and `north/pumps` below it) and `south`; device `plc1`; tags `works/north/level`,
`works/north/pumps/run` and `works/south/flow`.
"""

from dataclasses import dataclass

from accounts.models import Grant, Role, User
from devices.models import Device, Tag
from plant.models import Area, Plant

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True, slots=True)
class Works:
    plant: Plant
    north: Area
    pumps: Area
    south: Area
    plc1: Device
    level: Tag
    run: Tag
    flow: Tag


@dataclass(frozen=True, slots=True)
class Cast:
    ada: User
    omar: User
    vera: User
    sam: User


def build_works(host: str = "127.0.0.1", port: int = 15020) -> Works:
    plant = Plant.objects.create(name="works", title="Test works", time_zone="Europe/Stockholm")
    north = Area.objects.create(plant=plant, name="north", title="North")
    pumps = Area.objects.create(plant=plant, parent=north, name="pumps", title="Pumps")
    south = Area.objects.create(plant=plant, name="south", title="South", position=1)
    plc1 = Device.objects.create(name="plc1", area=north, host=host, port=port)
    level = Tag.objects.create(
        area=north, device=plc1, name="level", title="Tank level", address=0, data_type="float32", unit="m", decimals=2
    )
    run = Tag.objects.create(
        area=pumps, device=plc1, name="run", title="Pump runs", table="coil", address=0, data_type="bool",
        state_labels={"0": "stopped", "1": "running"},
    )  # fmt: skip
    flow = Tag.objects.create(
        area=south, device=plc1, name="flow", title="Outflow", address=2, data_type="uint16", scale=0.1, unit="m³/h"
    )
    return Works(plant, north, pumps, south, plc1, level, run, flow)


def build_cast(works: Works) -> Cast:
    def person(username: str, full_name: str, role: str, area: Area | None) -> User:
        user = User.objects.create_user(username, PASSWORD, full_name=full_name)
        Grant.objects.create(user=user, role=Role.objects.get(name=role), area=area)
        return user

    return Cast(
        ada=person("ada", "Ada Engineer", "engineer", None),
        omar=person("omar", "Omar Operator", "operator", works.north),
        vera=person("vera", "Vera Viewer", "viewer", None),
        sam=person("sam", "Sam Stranger", "operator", works.south),
    )
