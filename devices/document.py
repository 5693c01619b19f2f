"""The sections `devices` and `tags` of the plant document."""

from collections.abc import Iterable
from typing import Any, ClassVar

from devices.advice import advice
from devices.models import Device, Tag
from plant import names, paths
from plant.document import fields
from plant.document.fields import Field
from plant.document.plan import Plan, Planned, Row, World
from plant.document.problems import suggestion
from plant.document.rows import RowSection


def _area(name: str, path: str, row: Row, plan: Plan) -> Planned | None:
    """The planned area of a path; a problem at the field `name` when there is none."""
    areas = plan.worlds["areas"]
    found = areas.find(path)
    if found is None:
        hint = suggestion(path, areas.keys, listing="Areas")
        plan.report_row(row, name, f"There is no area '{path}'.{hint}")
    return found


class DeviceSection(RowSection):
    name = "devices"
    order = 20
    model = Device
    noun = "device"
    key_field = "name"
    fields: ClassVar = (
        Field("name", fields.text, is_required=True),
        Field("title", fields.text, ""),
        Field("area", fields.text, is_required=True),
        Field("driver", fields.text, "modbus_tcp"),
        Field("host", fields.text, is_required=True),
        Field("port", fields.whole, 502),
        Field("unit", fields.whole, 1),
        Field("timeout_ms", fields.whole, 1000),
        Field("max_registers", fields.whole, 100),
        Field("max_gap", fields.whole, 8),
        Field("enabled", fields.yes_or_no, True),
    )
    references: ClassVar = frozenset({"area"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Device.objects.filter(area__plant=plan.plant) if plan.plant.pk else []

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        return super().describe(obj, plan) | {"area": plan.worlds["areas"].key_by_pk(obj.area_id)}

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        area = _area("area", row.values["area"], row, plan) if row.values["area"] else None
        if area is not None:
            target.area = area.target
            row.values["area"] = area.key

    def check_world(self, world: World, plan: Plan) -> None:
        """Device names are the site's, not the plant's: a name that another plant uses is taken."""
        others = Device.objects.exclude(area__plant=plan.plant) if plan.plant.pk else Device.objects.all()
        taken = {name.lower(): plant for name, plant in others.values_list("name", "area__plant__name")}
        for planned in world.listed:
            plant = taken.get(planned.key.lower())
            if plant is not None:
                text = f"A device of the plant '{plant}' has the name '{planned.key}'. Names of devices are unique."
                plan.report_object(planned, self.name, "name", text)


class TagSection(RowSection):
    name = "tags"
    order = 30
    model = Tag
    noun = "tag"
    key_field = "path"
    fields: ClassVar = (
        Field("path", fields.text, is_required=True),
        Field("title", fields.text, ""),
        Field("device", fields.text, is_required=True),
        Field("table", fields.text, "holding"),
        Field("address", fields.whole, is_required=True),
        Field("type", fields.text, "uint16", attribute="data_type"),
        Field("order", fields.text, "ABCD"),
        Field("scale", fields.number, 1.0),
        Field("offset", fields.number, 0.0),
        Field("unit", fields.text, ""),
        Field("eu_min", fields.optional_number),
        Field("eu_max", fields.optional_number),
        Field("decimals", fields.whole, 1),
        Field("states", fields.words, {}, attribute="state_labels"),
        Field("scan_ms", fields.whole, 1000),
        Field("enabled", fields.yes_or_no, True),
    )
    references: ClassVar = frozenset({"path", "device"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Tag.objects.filter(area__plant=plan.plant) if plan.plant.pk else []

    def key_of(self, obj: Any, plan: Plan) -> str:
        return f"{plan.worlds['areas'].key_by_pk(obj.area_id)}/{obj.name}"

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        found = super().describe(obj, plan) | {"device": plan.worlds["devices"].key_by_pk(obj.device_id)}
        found["states"] = dict(sorted(found["states"].items(), key=lambda item: (len(item[0]), item[0])))
        return found

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        above, target.name = paths.split(row.values["path"] or "")
        if not above and target.name:
            text = f"A tag stands in an area. Write it like 'area/{target.name}'."
            plan.report_row(row, "path", text)
        area = _area("path", above, row, plan) if above else None
        if area is not None:
            target.area = area.target
            row.values["path"] = f"{area.key}/{target.name}"
        if row.values["device"]:
            self._place_device(target, row, plan)

    def _place_device(self, target: Any, row: Row, plan: Plan) -> None:
        devices = plan.worlds["devices"]
        device = devices.find(row.values["device"])
        if device is None:
            hint = suggestion(row.values["device"], devices.keys, listing="Devices")
            plan.report_row(row, "device", f"There is no device '{row.values['device']}'.{hint}")
            return
        target.device = device.target
        row.values["device"] = device.key

    def check_world(self, world: World, plan: Plan) -> None:
        areas, plant = plan.worlds["areas"], plan.plant.name
        for planned in world.all:
            if planned.key.lower() in areas.by_key:
                self._report_clash(planned, areas.by_key[planned.key.lower()], plan)
            if too_long := paths.too_long(f"{plant}/{planned.key}"):
                plan.report_object(planned, self.name, "path", too_long)

        self._advise(world, plan)

    def _advise(self, world: World, plan: Plan) -> None:
        fastest: dict[str, int] = {}
        for tag in world.all:
            scan_ms, device_id = tag.target.scan_ms, tag.target.device_id
            device = tag.row.values["device"] if tag.row else plan.worlds["devices"].key_by_pk(device_id)
            if tag.target.enabled and device and isinstance(scan_ms, int):
                fastest[device.lower()] = min(scan_ms, fastest.get(device.lower(), scan_ms))
        if not plan.problems:
            devices = [planned.target for planned in plan.worlds["devices"].all]
            plan.notes += [f"{found.text} {found.hint}" for found in advice(devices, fastest)]

    def _report_clash(self, tag: Planned, area: Planned, plan: Plan) -> None:
        text = names.clash("area", paths.split(tag.key)[1])
        if tag.row is None and area.row is not None:
            plan.report_row(area.row, "path", names.clash("tag", paths.split(tag.key)[1]))
        else:
            plan.report_object(tag, self.name, "path", text)
