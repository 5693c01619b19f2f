"""The sections `manual_tags` and `derived_tags` of the plant document."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from devices.derived import loops
from devices.derived_rules import input_problem, loop_sentence, source_problem
from devices.document_places import (
    TAG_SECTIONS,
    Operated,
    check_paths,
    find_tag,
    future_path,
    no_tag,
    path_of,
    place_tag,
    planned_tag,
)
from devices.formula import Formula, Function
from devices.models import Kind, Tag, TagInput
from plant.document import fields
from plant.document.fields import Field
from plant.document.plan import Plan, Planned, Row, World
from plant.document.rows import BATCH, RowSection


class _ComputedSection(Operated, RowSection):
    model = Tag
    key_field = "path"
    kind: ClassVar[Kind]
    references: ClassVar = frozenset({"path"})
    unchecked: ClassVar = frozenset({"address"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Tag.objects.filter(area__plant=plan.plant, kind=self.kind) if plan.plant.pk else []

    def key_of(self, obj: Any, plan: Plan) -> str:
        return path_of(obj, plan)

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        found = super().describe(obj, plan)
        found["states"] = dict(sorted(found["states"].items(), key=lambda item: (len(item[0]), item[0])))
        return found

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        target.kind = self.kind
        place_tag(target, row, plan)

    def check_world(self, world: World, plan: Plan) -> None:
        check_paths(self.name, world, plan)


_NAMED = (
    Field("path", fields.text, is_required=True),
    Field("title", fields.text, ""),
)
_SHOWN = (
    Field("type", fields.text, "float64", attribute="data_type"),
    Field("unit", fields.text, ""),
    Field("eu_min", fields.optional_number),
    Field("eu_max", fields.optional_number),
    Field("decimals", fields.whole, 1),
    Field("states", fields.words, {}, attribute="state_labels"),
    Field("scan_ms", fields.whole, 1000),
    Field("enabled", fields.yes_or_no, True),
)


class ManualTagSection(_ComputedSection):
    name = "manual_tags"
    order = 31
    noun = "manual tag"
    kind = Kind.MANUAL
    fields: ClassVar = (*_NAMED, *_SHOWN)


class DerivedTagSection(_ComputedSection):
    """Inputs are written with the row: TagInput has no section of its own."""

    name = "derived_tags"
    order = 32
    noun = "derived tag"
    kind = Kind.DERIVED
    fields: ClassVar = (
        *_NAMED,
        Field("function", fields.text, "value"),
        Field("expression", fields.text, is_required=True),
        Field("inputs", fields.words, {}),
        Field("window_s", fields.number, 60.0),
        Field("per_s", fields.number, 1.0),
        *_SHOWN,
    )
    references: ClassVar = frozenset({"path", "inputs"})
    owned: ClassVar = frozenset({TagInput})

    def existing(self, plan: Plan) -> Iterable[Any]:
        rows = super().existing(plan)
        return rows.prefetch_related("inputs") if plan.plant.pk else rows  # type: ignore[attr-defined]  # a queryset then

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        inputs = {row.name: future_path(row.source, plan) for row in obj.inputs.all()}
        return super().describe(obj, plan) | {"inputs": inputs}

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        super().place(target, row, plan)
        inputs = row.values["inputs"] = dict(sorted(row.values["inputs"].items()))
        if problem := input_problem(inputs):
            plan.report_row(row, "inputs", problem)
            row.misfits.add("expression")
        target.input_names = list(inputs)
        for name, path in inputs.items():
            source = find_tag(path, plan)
            if source is not None:
                inputs[name] = source.key
            else:
                plan.report_row(row, "inputs", f"The input '{name}': {no_tag(path, plan)}")

    def check_world(self, world: World, plan: Plan) -> None:
        super().check_world(world, plan)
        sources = {id(planned): self._sources(planned, plan) for planned in world.all}
        for planned in world.listed:
            for source in sources[id(planned)].values():
                if problem := source_problem(source.target.data_type, source.key):
                    plan.report_object(planned, self.name, "inputs", problem)
        self._check_loops(list(world.all), sources, plan)
        self._check_removals(world, plan)

    def _sources(self, planned: Planned, plan: Plan) -> dict[str, Planned]:
        """Input name -> the planned tag; what is not there was reported, or goes."""
        if planned.row is not None:
            found = {name: find_tag(path, plan) for name, path in planned.row.values["inputs"].items()}
        else:
            found = {row.name: planned_tag(row.source_id, plan) for row in planned.target.inputs.all()}
        return {name: source for name, source in found.items() if source is not None}

    def _check_loops(self, tags: list[Planned], sources: Mapping[int, Mapping[str, Planned]], plan: Plan) -> None:
        number = {id(planned): i for i, planned in enumerate(tags)}
        needs = [[(name, number[id(s)]) for name, s in sources[id(p)].items() if id(s) in number] for p in tags]
        formulas = [Formula(i, Function.VALUE, "", tuple(inputs)) for i, inputs in enumerate(needs)]
        for loop in loops(formulas):
            first = next((i for i in loop if tags[i].row is not None), loop[0])
            start = loop.index(first)
            text = loop_sentence(tags[i].key for i in (*loop[start:], *loop[:start]))
            plan.report_object(tags[first], self.name, "inputs", text)

    def _check_removals(self, world: World, plan: Plan) -> None:
        """A tag that stays in use by a tag which the document does not name cannot go."""
        going = {obj.pk: (name, key) for name in TAG_SECTIONS for key, obj in plan.worlds[name].removed}
        users: dict[int, list[str]] = {}
        for planned in world.kept if going else ():
            for row in planned.target.inputs.all():
                if row.source_id in going:
                    users.setdefault(row.source_id, []).append(f"derived tag {planned.key}")
        for pk, names in users.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            text = f"It cannot be removed: {', '.join(names[:3])}{more} still use{'s' if len(names) == 1 else ''} it."
            plan.report(None, going[pk][0], text, going[pk][1])

    # -- writing

    def remove(self, plan: Plan) -> None:
        gone = [obj.pk for _, obj in plan.worlds[self.name].removed]
        for start in range(0, len(gone), BATCH):  # they protect each other
            TagInput.objects.filter(derived__in=gone[start : start + BATCH]).delete()
        super().remove(plan)

    def apply(self, plan: Plan) -> None:
        super().apply(plan)
        listed = [p for p in plan.worlds[self.name].listed if p.is_new or "inputs" in p.changes]
        for start in range(0, len(listed), BATCH):
            TagInput.objects.filter(derived__in=[p.target.pk for p in listed[start : start + BATCH]]).delete()
        rows = [
            TagInput(derived=planned.target, name=name, source=source.target)
            for planned in listed
            for name, source in self._sources(planned, plan).items()
        ]
        TagInput.objects.bulk_create(rows, batch_size=BATCH)
