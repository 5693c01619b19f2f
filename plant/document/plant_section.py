"""The sections `plant` and `areas`."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from plant import paths
from plant.document import fields
from plant.document.fields import IDENTITY, Field
from plant.document.plan import Plan, Planned, Row, World
from plant.document.problems import suggestion
from plant.document.rows import RowSection
from plant.models import Area, Plant


class PlantSection(RowSection):
    """The one plant that the document is about. It is found by its uuid or its name, else it is a new one."""

    name = "plant"
    order = 0
    model = Plant
    noun = "plant"
    key_field = "name"
    fields: ClassVar = (
        Field("name", fields.text, is_required=True),
        Field("title", fields.text, ""),
        Field("time_zone", fields.text, "UTC"),
        Field("production_mode", fields.yes_or_no, False),
    )
    references: ClassVar = frozenset()

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Plant.objects.all() if plan.exported is None else [plan.exported]

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        """A plant refers to nothing."""

    def serialise(self, plan: Plan) -> Mapping[str, Any]:  # type: ignore[override]  # one mapping, not a list of them
        return self._without_defaults(self.describe(plan.plant, plan))

    def _rows(self, plan: Plan) -> list[Row]:
        node = plan.document.get(self.name) if plan.document is not None else None
        row = plan.read_row(self.name, node, (*self.fields, IDENTITY), self.key_field) if node is not None else None
        return [] if row is None else [row]

    def leave(self, standing: list[Any], world: World, plan: Plan) -> None:
        """Other plants are none of the document's business; what is exported is the plan's own."""
        row = world.listed[0].row if world.listed else None
        for obj in standing:
            if plan.document is None:
                world.add(Planned(obj.name, obj, obj))
            elif row is not None and obj.pk not in world.by_pk and world.find(obj.name) is not None:
                plan.report_row(row, "name", f"Another plant has the name '{obj.name}' already.")


class AreaSection(RowSection):
    """The area tree, by path. The last segment of the path is the area's name, the rest its parent."""

    name = "areas"
    order = 10
    model = Area
    noun = "area"
    key_field = "path"
    fields: ClassVar = (
        Field("path", fields.text, is_required=True),
        Field("title", fields.text, ""),
        Field("position", fields.whole, 0),
    )
    references: ClassVar = frozenset({"path"})

    def existing(self, plan: Plan) -> Iterable[Any]:
        return Area.objects.filter(plant=plan.plant) if plan.plant.pk else []

    def key_of(self, obj: Any, plan: Plan) -> str:
        if obj.parent_id is None:
            return str(obj.name)
        return f"{plan.worlds[self.name].key_by_pk(obj.parent_id)}/{obj.name}"

    def match(
        self, rows: list[Row], standing: list[Any], claimed: dict[uuid.UUID, Any], world: World, plan: Plan
    ) -> None:
        """Parents first: where an area will stand depends on what its parent is and will be called."""
        taken = {obj.pk for obj in claimed.values()}
        children: dict[tuple[int | None, str], Any] = {
            (obj.parent_id, obj.name.lower()): obj for obj in standing if obj.pk not in taken
        }
        for row in sorted(rows, key=lambda row: str(row.values["path"] or "").count("/")):
            above, name = paths.split(str(row.values["path"] or ""))
            obj = claimed.get(row.values[IDENTITY.name]) if IDENTITY.name not in row.misfits else None
            if obj is None:
                parent_pk = self._standing_pk(above, world, children)
                obj = children.pop((parent_pk, name.lower()), None) if parent_pk != 0 else None
            self.enter(row, obj, world, plan)
        self.leave([obj for level in _levels(standing) for obj in level], world, plan)

    def _standing_pk(self, path: str, world: World, children: Mapping[tuple[int | None, str], Any]) -> int | None:
        """The stored key of the area that will have this path: None for the plant itself, 0 for none yet."""
        if not path:
            return None
        planned = world.find(path)
        if planned is not None:
            return planned.existing.pk if planned.existing is not None else 0
        above, name = paths.split(path)
        parent_pk = self._standing_pk(above, world, children)
        obj = children.get((parent_pk, name.lower())) if parent_pk != 0 else None
        return obj.pk if obj is not None else 0

    def settling_order(self, world: World) -> Iterable[Planned]:
        return sorted(world.listed, key=lambda planned: planned.key.count("/"))

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        above, target.name = paths.split(str(row.values["path"] or ""))
        target.plant, target.parent = plan.plant, None
        if above:
            world = plan.worlds[self.name]
            parent = world.find(above)
            if parent is None:
                text = f"There is no area '{above}' to put it in.{suggestion(above, world.keys, listing='Areas')}"
                plan.report_row(row, "path", text)
                return
            target.parent = parent.target
            row.values["path"] = f"{parent.key}/{target.name}"

    def check_world(self, world: World, plan: Plan) -> None:
        for planned in world.all:
            problem = paths.too_long(f"{plan.plant.name}/{planned.key}")
            if problem:
                plan.report_object(planned, self.name, "path", problem)

    def create(self, targets: list[Any]) -> None:
        levels: dict[int, list[Any]] = {}
        for target in targets:
            levels.setdefault(_height(target), []).append(target)
        for level in sorted(levels):
            super().create(levels[level])

    def remove(self, plan: Plan) -> None:
        """Children before parents: the database protects an area that still has some."""
        for level in reversed(_levels([obj for _, obj in plan.worlds[self.name].removed])):
            Area.objects.filter(pk__in=[obj.pk for obj in level]).delete()


def _height(area: Any) -> int:
    return 0 if area.parent is None else 1 + _height(area.parent)


def _levels(areas: list[Any]) -> list[list[Any]]:
    """Areas by their depth among themselves: those without a parent in the list first."""
    parents = {area.pk: area.parent_id for area in areas}
    levels: list[list[Any]] = []
    for area in areas:
        depth, above = 0, area.parent_id
        while above in parents:
            depth, above = depth + 1, parents[above]
        levels += [[] for _ in range(depth + 1 - len(levels))]
        levels[depth].append(area)
    return levels
