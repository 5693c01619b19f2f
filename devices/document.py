"""The sections `devices` and `tags` of the plant document."""

from collections.abc import Iterable
from typing import Any, ClassVar

from devices.advice import advice
from devices.document_places import Operated, check_paths, find_area, path_of, place_tag
from devices.line_advice import overloads
from devices.models import Device, Kind, Tag
from devices.point_rules import span_problem
from plant.document import fields
from plant.document.fields import Field
from plant.document.plan import Plan, Planned, Row, World
from plant.document.problems import suggestion
from plant.document.rows import RowSection


class DeviceSection(Operated, RowSection):
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
        Field("line", fields.text, ""),
        Field("unit", fields.whole, 1),
        Field("timeout_ms", fields.whole, 1000),
        Field("max_registers", fields.whole, 100),
        Field("max_gap", fields.whole, 8),
        Field("delay_ms", fields.whole, 0),
        Field("registers_by", fields.text, "table"),
        Field("any_unit", fields.yes_or_no, False),
        Field("idle_close_s", fields.whole, 0),
        Field("connect_per_scan", fields.yes_or_no, False),
        Field("enabled", fields.yes_or_no, True),
    )
    references: ClassVar = frozenset({"area"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Device.objects.filter(area__plant=plan.plant) if plan.plant.pk else []

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        return super().describe(obj, plan) | {"area": plan.worlds["areas"].key_by_pk(obj.area_id)}

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        area = find_area("area", row.values["area"], row, plan) if row.values["area"] else None
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


class TagSection(Operated, RowSection):
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
        Field("bit", fields.optional_whole),
        Field("bits", fields.optional_whole, attribute="bit_count"),
        Field("length", fields.whole, 0),
        Field("scale", fields.number, 1.0),
        Field("offset", fields.number, 0.0),
        Field("raw_min", fields.optional_number),
        Field("raw_max", fields.optional_number),
        Field("scale_address", fields.optional_whole),
        Field("not_implemented", fields.text, ""),
        Field("unit", fields.text, ""),
        Field("eu_min", fields.optional_number),
        Field("eu_max", fields.optional_number),
        Field("clamp", fields.yes_or_no, False),
        Field("decimals", fields.whole, 1),
        Field("states", fields.words, {}, attribute="state_labels"),
        Field("scan_ms", fields.whole, 1000),
        Field("enabled", fields.yes_or_no, True),
    )
    references: ClassVar = frozenset({"path", "device"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Tag.objects.filter(area__plant=plan.plant, kind=Kind.DEVICE) if plan.plant.pk else []

    def key_of(self, obj: Any, plan: Plan) -> str:
        return path_of(obj, plan)

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        found = super().describe(obj, plan) | {"device": plan.worlds["devices"].key_by_pk(obj.device_id)}
        found["states"] = dict(sorted(found["states"].items(), key=lambda item: (len(item[0]), item[0])))
        return found

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        place_tag(target, row, plan)
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
        check_paths(self.name, world, plan)
        for planned in world.all:
            self._check_span(planned, plan)
        self._advise(world, plan)

    def _check_span(self, planned: Planned, plan: Plan) -> None:
        """A longer tag, or a device that now gives less in one answer: the device may be a row of the document."""
        device = self._device(planned, plan)
        if device is not None and (problem := span_problem(planned.target, device.target)):
            names = {field.model_field: field.name for field in self.fields}
            plan.report_object(planned, self.name, names[problem[0]], problem[1])

    def _device(self, planned: Planned, plan: Plan) -> Planned | None:
        devices = plan.worlds["devices"]
        if planned.row is not None:
            return devices.find(planned.row.values["device"] or "")
        return devices.by_pk.get(planned.target.device_id)

    def _advise(self, world: World, plan: Plan) -> None:
        if plan.problems:
            return
        devices = [planned.target for planned in plan.worlds["devices"].all]
        read: dict[str, list[Tag]] = {}
        for tag in world.all:
            device = self._device(tag, plan)
            if device is not None and tag.target.enabled:
                read.setdefault(device.key.lower(), []).append(tag.target)
        fastest = {name: min(tag.scan_ms for tag in tags) for name, tags in read.items()}
        plan.notes += [f"{found.text} {found.hint}" for found in advice(devices, fastest)]
        for found in overloads(devices, read):
            plan.report(None, self.name, f"{found.text} {found.hint}")
