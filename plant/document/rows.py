"""A section whose rows are rows of one model. Derive from it, name the fields and say how references resolve.

Objects are matched by uuid first, then by their path or name: a row with a known uuid and another path is a rename.
"""

import copy
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Cast, Concat

from plant.document import nodes
from plant.document.fields import IDENTITY, Field
from plant.document.plan import Plan, Planned, Row, World
from plant.document.sections import Change, Section

BATCH: Final = 1000


class RowSection(Section):
    model: ClassVar[type[models.Model]]
    noun: ClassVar[str]
    key_field: ClassVar[str]
    """The field that names a row: `path` or `name`."""
    fields: ClassVar[tuple[Field, ...]]
    """Every field but the uuid, the key field first."""
    references: ClassVar[frozenset[str]]
    """Fields that place() turns into foreign keys or names; the others are copied to the model as they are."""
    unchecked: ClassVar[frozenset[str]] = frozenset()
    """Fields of the model that rows of this section do not have."""
    owned: ClassVar[frozenset[type[models.Model]]] = frozenset()
    """Models whose rows the section writes with its own; it says itself what they hold back."""
    is_shared: ClassVar[bool] = False
    """The rows are the site's, not the plant's: what a document does not name is no difference and never goes."""

    # -- what a section says for itself

    @abstractmethod
    def existing(self, plan: Plan) -> Iterable[Any]:
        """The rows of the plan's plant as they stand, ordered as they are exported."""

    def key_of(self, obj: Any, plan: Plan) -> str:  # noqa: ARG002 (a path depends on the plan)
        """The future path or name of an existing row that keeps its own name. Override for paths."""
        return str(getattr(obj, self.key_field))

    @abstractmethod
    def place(self, target: Any, row: Row, plan: Plan) -> None:
        """Resolve the references of a row, set them on the target, and write them canonically into row.values."""

    def describe(self, obj: Any, plan: Plan) -> dict[str, Any]:
        """An existing row in the words of the document, references by their future names. Override for references."""
        found = {f.name: getattr(obj, f.model_field) for f in self.fields if f.name not in self.references}
        return {self.key_field: self.key_of(obj, plan), **found, IDENTITY.name: obj.uuid}

    def settling_order(self, world: World) -> Iterable[Planned]:
        """The rows of the document, those that others of the section refer to first."""
        return world.listed

    def check_world(self, world: World, plan: Plan) -> None:
        """Rules about several rows at once."""

    # -- serialise

    def serialise(self, plan: Plan) -> Sequence[dict[str, Any]]:
        rows = [self.describe(planned.target, plan) for planned in plan.worlds[self.name].all]
        rows.sort(key=lambda row: (str(row[self.key_field]).lower().split("/"), str(row[self.key_field])))
        return [self._without_defaults(row) for row in rows]

    def _without_defaults(self, row: dict[str, Any]) -> dict[str, Any]:
        written = {f.name: row[f.name] for f in self.fields if f.is_required or row[f.name] != f.default}
        return {**written, IDENTITY.name: row[IDENTITY.name]}

    # -- validate

    def validate(self, plan: Plan) -> None:
        world = plan.open(self.name)
        rows = self._rows(plan)
        standing = list(self.existing(plan))
        claimed = self._claim_by_uuid(rows, standing, plan)
        self.match(rows, standing, claimed, world, plan)
        for planned in self.settling_order(world):
            self._settle(planned, plan)
        self.check_world(world, plan)

    def _rows(self, plan: Plan) -> list[Row]:
        node = plan.document.get(self.name) if plan.document is not None else None
        if not isinstance(node, nodes.Sequence):
            return []
        fields = (*self.fields, IDENTITY)
        read = [plan.read_row(f"{self.name}[{i}]", item, fields, self.key_field) for i, item in enumerate(node.items)]
        return [row for row in read if row is not None]

    def _claim_by_uuid(self, rows: list[Row], standing: list[Any], plan: Plan) -> dict[uuid.UUID, Any]:
        """uuid of the document -> the row of the plant that has it. Refuses a uuid that stands twice or elsewhere."""
        by_uuid = {obj.uuid: obj for obj in standing}
        named: dict[uuid.UUID, Row] = {}
        for row in rows:
            identity = row.values[IDENTITY.name]
            if identity in named:
                first = named[identity].node.line
                plan.report_row(row, IDENTITY.name, f"This uuid stands twice (first in line {first}). Remove one.")
                row.misfits.add(IDENTITY.name)
            elif identity is not None:
                named[identity] = row
        strangers = named.keys() - by_uuid.keys()
        if strangers:
            taken = strangers & set(self.model._default_manager.values_list("uuid", flat=True))
            for identity in taken:
                plan.report_row(named[identity], IDENTITY.name, f"This uuid belongs to a {self.noun} of another plant.")
        return {identity: by_uuid[identity] for identity in named.keys() & by_uuid.keys()}

    def match(
        self, rows: list[Row], standing: list[Any], claimed: dict[uuid.UUID, Any], world: World, plan: Plan
    ) -> None:
        """Pair rows with what stands, and fill the world. Rows keep the order of the document."""
        taken = {obj.pk for obj in claimed.values()}
        free = {self.key_of(obj, plan).lower(): obj for obj in standing if obj.pk not in taken}
        for row in rows:
            obj = claimed.get(row.values[IDENTITY.name])
            if obj is None or IDENTITY.name in row.misfits:
                obj = free.pop(str(row.values[self.key_field]).lower(), None)
            self.enter(row, obj, world, plan)
        self.leave(standing, world, plan)

    def enter(self, row: Row, obj: Any, world: World, plan: Plan) -> Planned | None:
        """Take a row of the document into the world; `obj` is what it stands for, None for a new one."""
        key = str(row.values[self.key_field] or "")
        other = world.find(key) if key else None
        if other is not None and other.row is not None:
            text = f"'{key}' stands twice (first in line {other.row.node.line}; case does not count). Remove one."
            plan.report_row(row, self.key_field, text)
            if obj is not None:
                world.gone[obj.pk] = key
            return None
        target = self.model() if obj is None else copy.copy(obj)
        if obj is not None:
            target._state = copy.copy(obj._state)
            target._state.fields_cache = dict(obj._state.fields_cache)
        planned = Planned(key, target, obj, row)
        world.add(planned)
        return planned

    def leave(self, standing: list[Any], world: World, plan: Plan) -> None:
        """Decide about what stands and is not named: it goes with --prune, else it stays."""
        for obj in standing:
            if obj.pk in world.by_pk or obj.pk in world.gone:
                continue
            key = self.key_of(obj, plan)
            if world.is_described and plan.prune and not self.is_shared:
                world.take_away(key, obj)
                continue
            other = world.find(key)
            if other is not None and other.row is not None:
                text = (
                    f"Another {self.noun}, which the document does not name, is called '{key}'. Rename one of the two."
                )
                plan.report_row(other.row, self.key_field, text)
                world.gone[obj.pk] = key
            else:
                world.add(Planned(key, obj, obj))

    def _settle(self, planned: Planned, plan: Plan) -> None:
        """Give the target its future values, check them by the model's own rules, and note what changes."""
        row = planned.row
        assert row is not None
        old = None if planned.existing is None else self.describe(planned.existing, plan)
        identity = row.values[IDENTITY.name] or (old[IDENTITY.name] if old else planned.target.uuid)
        row.values[IDENTITY.name] = planned.target.uuid = identity
        for field in self.fields:
            if field.name not in self.references:
                setattr(planned.target, field.model_field, row.values[field.name])
        self.place(planned.target, row, plan)
        planned.key = str(row.values[self.key_field])
        self._check(planned.target, row, plan)
        if old is not None:
            new = row.values
            planned.changes = {name: (old[name], new[name]) for name in old if old[name] != new[name]}

    def _check(self, target: Any, row: Row, plan: Plan) -> None:
        names = {field.model_field: field.name for field in self.fields} | {"name": self.key_field}
        skip = {f.name for f in self.model._meta.concrete_fields if f.is_relation or f.name in ("id", "uuid")}
        skip |= {model_field for model_field, name in names.items() if name in row.misfits} | self.unchecked
        found: dict[str, list[ValidationError]] = {}
        for ask in (lambda: target.clean_fields(exclude=skip), target.clean_values):
            try:
                ask()
            except ValidationError as error:
                for name, errors in error.update_error_dict({}).items():
                    if name not in found:
                        found[name] = errors
        if found:
            choices = {f.name: [str(value) for value, _ in f.flatchoices] for f in self.model._meta.concrete_fields}
            plan.report_invalid(row, found, names, choices)

    # -- diff

    def diff(self, plan: Plan) -> list[Change]:
        world = plan.worlds[self.name]
        changes = [
            Change("added", self.noun, p.key) if p.is_new else Change("changed", self.noun, p.key, p.changes)
            for p in world.listed
            if p.is_new or p.changes
        ]
        if world.is_described and not self.is_shared:
            gone = [key for key, _ in world.removed] + [p.key for p in world.kept]
            changes += [Change("removed", self.noun, key) for key in gone]
        return changes

    # -- apply and remove

    def apply(self, plan: Plan) -> None:
        world = plan.worlds[self.name]
        self._free_names(world)
        changed = [p for p in world.listed if p.changes]
        if changed:
            self._update(changed)
        self.create([p.target for p in world.listed if p.is_new])

    def create(self, targets: list[Any]) -> None:
        self.model._default_manager.bulk_create(targets, batch_size=BATCH)

    def _free_names(self, world: World) -> None:
        """Give what is renamed or goes a name that nothing else can have: an import may swap names."""
        moving = [p.existing.pk for p in world.listed if p.existing is not None and self.key_field in p.changes]
        moving += [obj.pk for _, obj in world.removed]
        parked = Concat(models.Value("~"), Cast("pk", models.CharField()))
        for start in range(0, len(moving), BATCH):
            self.model._default_manager.filter(pk__in=moving[start : start + BATCH]).update(name=parked)

    def _update(self, changed: list[Planned]) -> None:
        """One upsert for all: an UPDATE with a CASE for each row and field takes ten times as long."""
        columns = [f.name for f in self.model._meta.concrete_fields if not f.primary_key]
        self.model._default_manager.bulk_create(
            [p.target for p in changed],
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["pk"],
            update_fields=columns,
        )

    def remove(self, plan: Plan) -> None:
        gone = [obj.pk for _, obj in plan.worlds[self.name].removed]
        for start in range(0, len(gone), BATCH):
            self.model._default_manager.filter(pk__in=gone[start : start + BATCH]).delete()
