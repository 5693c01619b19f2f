"""The section `alarms` of the plant document: the master alarm database of a plant (ALM-10)."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from alarms.document.rules import check_alarms
from alarms.kinds import Severity
from alarms.models import Alarm, AlarmInput
from alarms.rules.advice import advice
from audit.actions import Actor, Subject, record
from devices.document_places import find_tag, future_path, no_tag, planned_tag
from plant.document import fields
from plant.document.fields import Field
from plant.document.plan import Plan, Planned, Row, World
from plant.document.problems import suggestion
from plant.document.rows import BATCH, RowSection

_SEVERITIES = {severity.name.lower(): severity for severity in Severity}


class AlarmSection(RowSection):
    """Inputs and what suppresses an alarm are written with its row: they have no sections of their own."""

    name = "alarms"
    order = 41
    model = Alarm
    noun = "alarm"
    key_field = "path"
    fields: ClassVar = (
        Field("path", fields.text, is_required=True),
        Field("kind", fields.text, is_required=True),
        Field("message", fields.text, is_required=True),
        Field("enabled", fields.yes_or_no, True),
        Field("setpoint", fields.optional_number),
        Field("deadband", fields.number, 0.0),
        Field("reference", fields.text, ""),
        Field("target", fields.optional_number),
        Field("window_s", fields.number, 60.0),
        Field("states", fields.wholes, []),
        Field("expression", fields.text, ""),
        Field("inputs", fields.words, {}),
        Field("on_delay_s", fields.number, 0.0),
        Field("off_delay_s", fields.number, 0.0),
        Field("latching", fields.yes_or_no, False),
        Field("ack_required", fields.yes_or_no, True),
        Field("ack_on_return", fields.yes_or_no, False),
        Field("relatch_silently", fields.yes_or_no, False),
        Field("realarm_min", fields.whole, 0),
        Field("realarm_limit", fields.whole, 3),
        Field("first_out", fields.text, ""),
        Field("suppress_when", fields.text, ""),
        Field("suppressed_by", fields.texts, []),
        Field("shelvable", fields.yes_or_no, True),
        Field("max_shelve_min", fields.optional_whole),
        Field("class", fields.text, is_required=True, attribute="alarm_class"),
        Field("severity", fields.text, "minor"),
        Field("time_to_respond_min", fields.number, 30.0),
        Field("cause", fields.text, ""),
        Field("consequence", fields.text, ""),
        Field("operator_action", fields.text, ""),
        Field("basis", fields.text, ""),
        Field("related_trip", fields.text, ""),
        Field("owner", fields.text, ""),
        Field("approved_by", fields.text, ""),
        Field("approved_on", fields.optional_date),
        Field("review_on", fields.optional_date),
    )
    references: ClassVar = frozenset({"path", "reference", "inputs", "suppressed_by", "class", "severity"})
    unchecked: ClassVar = frozenset({"priority"})
    owned: ClassVar = frozenset({AlarmInput})

    def existing(self, plan: Plan) -> Iterable[Any]:
        if not plan.plant.pk:
            return []
        rows = Alarm.objects.filter(tag__area__plant=plan.plant).select_related("tag", "reference", "alarm_class")
        return rows.prefetch_related("inputs__source", "suppressed_by")

    def key_of(self, obj: Any, plan: Plan) -> str:
        return f"{future_path(obj.tag, plan)}:{obj.name}"

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        world = plan.worlds[self.name]
        causes = [
            world.key_by_pk(row.pk) if row.pk in world.by_pk or row.pk in world.gone else row.path
            for row in obj.suppressed_by.all()
        ]
        return super().describe(obj, plan) | {
            "reference": "" if obj.reference is None else future_path(obj.reference, plan),
            "inputs": {row.name: future_path(row.source, plan) for row in obj.inputs.all()},
            "suppressed_by": sorted(causes, key=lambda path: (path.lower(), path)),
            "class": plan.worlds["alarm_classes"].key_by_pk(obj.alarm_class_id),
            "severity": Severity(obj.severity).name.lower(),
        }

    # -- reading

    def match(
        self, rows: list[Row], standing: list[Any], claimed: dict[uuid.UUID, Any], world: World, plan: Plan
    ) -> None:
        """The paths first: alarms refer to each other, in any direction."""
        super().match(rows, standing, claimed, world, plan)
        for planned in world.listed:
            self._place_path(planned, plan)

    def _place_path(self, planned: Planned, plan: Plan) -> None:
        row, target = planned.row, planned.target
        assert row is not None
        path, colon, target.name = str(row.values["path"] or "").rpartition(":")
        tag = find_tag(path, plan) if colon else None
        target.tag = tag.target if tag is not None else None
        if tag is not None:
            planned.key = row.values["path"] = f"{tag.key}:{target.name}"
            return
        row.misfits.add("")  # that it has no tag is said here
        if "path" not in row.misfits:
            text = no_tag(path, plan) if colon else "an alarm is written like 'area/tag:hi'."
            plan.report_row(row, "path", text[0].upper() + text[1:])
            row.misfits.add("path")

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        self._place_class(target, row, plan)
        target.reference = self._reference(row, plan)
        severity = _SEVERITIES.get(row.values["severity"])
        if severity is None:
            hint = suggestion(row.values["severity"], _SEVERITIES, listing="Severities")
            plan.report_row(row, "severity", f"'{row.values['severity']}' is no severity.{hint}")
            row.misfits.add("severity")
        target.severity = (severity or Severity.MINOR).value
        inputs = row.values["inputs"] = dict(sorted(row.values["inputs"].items()))
        target.input_names = list(inputs)
        for name, path in inputs.items():
            source = find_tag(path, plan)
            if source is not None:
                inputs[name] = source.key
            else:
                plan.report_row(row, "inputs", f"The input '{name}': {no_tag(path, plan)}")
        self._place_causes(row, plan)

    def _place_class(self, target: Any, row: Row, plan: Plan) -> None:
        classes, name = plan.worlds["alarm_classes"], row.values["class"]
        found = classes.find(name) if name else None
        target.alarm_class = found.target if found is not None else None
        if found is not None:
            row.values["class"] = found.key
        elif name:
            hint = suggestion(name, classes.keys, listing="Classes")
            plan.report_row(row, "class", f"There is no alarm class '{name}'.{hint}")

    def _reference(self, row: Row, plan: Plan) -> Any:
        path = row.values["reference"]
        if not path:
            return None
        found = find_tag(path, plan)
        if found is None:
            text = no_tag(path, plan)
            plan.report_row(row, "reference", text[0].upper() + text[1:])
            row.misfits |= {"reference", "target"}
            return None
        row.values["reference"] = found.key
        return found.target

    def _place_causes(self, row: Row, plan: Plan) -> None:
        world, causes = plan.worlds[self.name], []
        for path in row.values["suppressed_by"]:
            found = world.find(path)
            if found is None:
                hint = suggestion(path, world.keys, listing="Alarms")
                plan.report_row(row, "suppressed_by", f"There is no alarm '{path}'.{hint}")
            elif found.key in causes:
                plan.report_row(row, "suppressed_by", f"'{path}' stands twice. Remove one.")
            else:
                causes.append(found.key)
        row.values["suppressed_by"] = sorted(causes, key=lambda path: (path.lower(), path))

    def check_world(self, world: World, plan: Plan) -> None:
        check_alarms(self, world, plan)
        if plan.problems or plan.document is None:
            return
        for planned in world.listed:
            if planned.is_new or planned.changes:
                plan.notes += [f"Alarm {planned.key}: {text}" for text in advice(planned.target, planned.target.tag)]

    # -- what the planned alarms refer to

    def sources(self, planned: Planned, plan: Plan) -> dict[str, Planned]:
        """Input name -> the planned tag; what is not there was reported, or goes."""
        if planned.row is not None:
            found = {name: find_tag(path, plan) for name, path in planned.row.values["inputs"].items()}
        else:
            found = {row.name: planned_tag(row.source_id, plan) for row in planned.target.inputs.all()}
        return {name: source for name, source in found.items() if source is not None}

    def causes(self, planned: Planned, plan: Plan) -> list[Planned]:
        """The planned alarms that suppress this one."""
        world = plan.worlds[self.name]
        if planned.row is not None:
            found = [world.find(path) for path in planned.row.values["suppressed_by"]]
        else:
            found = [world.by_pk.get(row.pk) for row in planned.target.suppressed_by.all()]
        return [cause for cause in found if cause is not None]

    # -- writing

    def let_go(self, plan: Plan, actor: Actor) -> None:
        """Every change of an alarm has a record of its own, with old and new (ALM-25)."""
        world = plan.worlds[self.name]
        for planned in world.listed:
            if planned.is_new:
                assert planned.row is not None
                _note(planned.target, planned.key, "created", actor, plan.why, None, planned.row.values)
            elif planned.changes:
                old = {name: before for name, (before, _) in planned.changes.items()}
                new = {name: after for name, (_, after) in planned.changes.items()}
                _note(planned.target, planned.key, "changed", actor, plan.why, old, new)
        for key, obj in world.removed:
            _note(obj, key, "deleted", actor, plan.why, self.describe(obj, plan), None)

    def remove(self, plan: Plan) -> None:
        gone = [obj.pk for _, obj in plan.worlds[self.name].removed]
        for start in range(0, len(gone), BATCH):  # inputs protect tags that go after the alarms
            AlarmInput.objects.filter(alarm__in=gone[start : start + BATCH]).delete()
        super().remove(plan)

    def apply(self, plan: Plan) -> None:
        super().apply(plan)
        listed = plan.worlds[self.name].listed
        self._write_inputs([p for p in listed if p.is_new or "inputs" in p.changes], plan)
        self._write_causes([p for p in listed if p.is_new or "suppressed_by" in p.changes], plan)

    def _write_inputs(self, listed: Sequence[Planned], plan: Plan) -> None:
        for start in range(0, len(listed), BATCH):
            AlarmInput.objects.filter(alarm__in=[p.target.pk for p in listed[start : start + BATCH]]).delete()
        rows = [
            AlarmInput(alarm=planned.target, name=name, source=source.target)
            for planned in listed
            for name, source in self.sources(planned, plan).items()
        ]
        AlarmInput.objects.bulk_create(rows, batch_size=BATCH)

    def _write_causes(self, listed: Sequence[Planned], plan: Plan) -> None:
        link = Alarm.suppressed_by.through
        for start in range(0, len(listed), BATCH):
            link.objects.filter(from_alarm__in=[p.target.pk for p in listed[start : start + BATCH]]).delete()
        rows = [
            link(from_alarm=planned.target, to_alarm=cause.target)
            for planned in listed
            for cause in self.causes(planned, plan)
        ]
        link.objects.bulk_create(rows, batch_size=BATCH)


def _note(
    alarm: Any, path: str, verb: str, actor: Actor, why: str, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> None:
    subject = Subject("alarms.alarm", str(alarm.uuid), path)
    record("configuration", f"alarm.{verb}", actor, subject=subject, old=_plain(old), new=_plain(new), reason=why)


def _plain(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Dates and identities as text: a record is JSON."""
    kept = (str, int, float, list, dict, type(None))
    return None if values is None else {k: v if isinstance(v, kept) else str(v) for k, v in values.items()}
