"""The sections `retention_classes` and `recordings` of the plant document."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from devices.document_places import find_tag, future_path, no_tag
from historian.models import RetentionClass, TagRecording
from plant.document import fields
from plant.document.fields import Field
from plant.document.plan import Plan, Row, World
from plant.document.problems import suggestion
from plant.document.rows import BATCH, RowSection


class RetentionClassSection(RowSection):
    """Classes are the site's. A document carries those that tags of its plant have."""

    name = "retention_classes"
    order = 50
    model = RetentionClass
    noun = "retention class"
    key_field = "name"
    is_shared = True
    fields: ClassVar = (
        Field("name", fields.text, is_required=True),
        Field("title", fields.text, ""),
        Field("samples_days", fields.whole, 90),
        Field("minutes_days", fields.whole, 730),
        Field("hours_days", fields.whole, 3650),
    )
    references: ClassVar = frozenset()

    def existing(self, plan: Plan) -> Iterable[Any]:  # noqa: ARG002 (classes are those of the site)
        return RetentionClass.objects.all()

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        """A class refers to nothing."""

    def serialise(self, plan: Plan) -> Sequence[dict[str, Any]]:
        used = {p.target.retention.uuid for p in plan.worlds["recordings"].all if p.target.retention is not None}
        return [row for row in super().serialise(plan) if row["uuid"] in used]


class RecordingSection(RowSection):
    """How tags are recorded that are not recorded by the default."""

    name = "recordings"
    order = 51
    model = TagRecording
    noun = "recording"
    key_field = "path"
    fields: ClassVar = (
        Field("path", fields.text, is_required=True),
        Field("enabled", fields.yes_or_no, True),
        Field("retention", fields.text, ""),
        Field("stepped", fields.yes_or_no, False),
        Field("exc_dev", fields.number, 0.0),
        Field("exc_min_s", fields.number, 0.0),
        Field("exc_max_s", fields.number, 600.0),
        Field("comp_dev", fields.number, 0.0),
        Field("comp_min_s", fields.number, 0.0),
        Field("comp_max_s", fields.number, 28_800.0),
    )
    references: ClassVar = frozenset({"path", "retention"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        if not plan.plant.pk:
            return []
        return TagRecording.objects.filter(tag__area__plant=plan.plant).select_related("tag", "retention")

    def key_of(self, obj: Any, plan: Plan) -> str:
        return future_path(obj.tag, plan)

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        classes = plan.worlds["retention_classes"]
        kept = "" if obj.retention_id is None else classes.key_by_pk(obj.retention_id)
        return super().describe(obj, plan) | {"retention": kept}

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        tag = find_tag(str(row.values["path"] or ""), plan)
        if tag is not None:
            target.tag = tag.target
            row.values["path"] = tag.key
        elif "path" not in row.misfits:
            text = no_tag(str(row.values["path"]), plan)
            plan.report_row(row, "path", text[0].upper() + text[1:])
            row.misfits.add("path")
        self._place_class(target, row, plan)

    def _place_class(self, target: Any, row: Row, plan: Plan) -> None:
        classes, name = plan.worlds["retention_classes"], row.values["retention"]
        found = classes.find(name) if name else None
        target.retention = found.target if found is not None else None
        if found is not None:
            row.values["retention"] = found.key
        elif name:
            hint = suggestion(name, classes.keys, listing="Classes")
            plan.report_row(row, "retention", f"There is no retention class '{name}'.{hint}")

    def _free_names(self, world: World) -> None:
        """A recording that moves to another tag is written anew: two may change places, and a tag has one."""
        moving = [p for p in world.listed if p.existing is not None and self.key_field in p.changes]
        gone = [p.existing.pk for p in moving if p.existing is not None]
        gone += [obj.pk for _, obj in world.removed]
        for start in range(0, len(gone), BATCH):
            TagRecording.objects.filter(pk__in=gone[start : start + BATCH]).delete()
