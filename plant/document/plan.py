"""What an import would do: the plant as it will be, worked out in memory before anything is written.

Sections run in their order; each finds the planned objects of the earlier ones by their future path or by the key
of the row they come from. So a reference to something that is renamed or created in the same document is right.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from plant.document.fields import Field, Misfit
from plant.document.nodes import Mapping, Node, Scalar
from plant.document.problems import Problem, suggestion
from plant.document.sentences import sentence


@dataclass(slots=True)
class Row:
    """One mapping of the document, read: `values` has every field, defaults filled in."""

    label: str
    node: Mapping
    values: dict[str, Any]
    about: str = ""
    misfits: set[str] = field(default_factory=set)
    """Fields whose value could not be read; their default stands in `values`."""


@dataclass(slots=True)
class Planned:
    """One object as it will be. `row` None: it stays although the document does not name it."""

    key: str
    target: Any
    """The model's row with its future values; unsaved for a new one."""
    existing: Any | None = None
    row: Row | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Field -> (old, new), for an existing object."""

    @property
    def is_new(self) -> bool:
        return self.existing is None


@dataclass(slots=True)
class World:
    """The future of one section."""

    is_described: bool = False
    """The document has the section. A section that it leaves out is left alone."""
    listed: list[Planned] = field(default_factory=list)
    kept: list[Planned] = field(default_factory=list)
    removed: list[tuple[str, Any]] = field(default_factory=list)
    """(present path or name, row) of what --prune takes away."""
    gone: dict[int, str] = field(default_factory=dict)
    """Key -> path or name of what has no future: --prune takes it away, or its row was refused."""
    by_key: dict[str, Planned] = field(default_factory=dict)
    """Lower-case path or name -> planned."""
    by_pk: dict[int, Planned] = field(default_factory=dict)

    def add(self, planned: Planned) -> None:
        (self.kept if planned.row is None else self.listed).append(planned)
        self.by_key[planned.key.lower()] = planned
        if planned.existing is not None:
            self.by_pk[planned.existing.pk] = planned

    def key_by_pk(self, pk: int) -> str:
        """The future path or name of a stored row; of one that goes, the present one."""
        planned = self.by_pk.get(pk)
        return planned.key if planned is not None else self.gone[pk]

    def take_away(self, key: str, obj: Any) -> None:
        self.removed.append((key, obj))
        self.gone[obj.pk] = key

    def find(self, key: str) -> Planned | None:
        return self.by_key.get(key.lower())

    @property
    def all(self) -> Iterable[Planned]:
        yield from self.listed
        yield from self.kept

    @property
    def keys(self) -> list[str]:
        return [planned.key for planned in self.by_key.values()]


class Plan:
    """One document against one plant. Without a document it is `exported` as it stands."""

    def __init__(self, document: Mapping | None, *, prune: bool = False, exported: Any = None) -> None:
        self.document = document
        self.exported = exported
        self.prune = prune
        self.why = ""
        """In the words of whoever imports it; goes into the records."""
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.worlds: dict[str, World] = {}

    @property
    def plant(self) -> Any:
        """The plant that the document is about, with its future values."""
        return next(iter(self.worlds["plant"].all)).target

    def open(self, name: str) -> World:
        world = self.worlds[name] = World(is_described=self.document is not None and name in self.document.entries)
        return world

    def report(self, node: Node | None, where: str, text: str, about: str = "") -> None:
        self.problems.append(Problem(node.line if node else 0, node.column if node else 0, where, text, about))

    def report_row(self, row: Row, name: str, text: str) -> None:
        """A problem of one field of a row (or of the row, when the field was left out)."""
        node = row.node.get(name)
        where = f"{row.label}.{name}" if name else row.label
        self.report(node or row.node, where, text, row.about)

    def report_object(self, planned: Planned, section: str, name: str, text: str) -> None:
        """A problem of one object, also of one that the document does not name."""
        if planned.row is not None:
            self.report_row(planned.row, name, text)
        else:
            self.report(None, section, text, planned.key)

    def read_row(self, label: str, node: Node, fields: tuple[Field, ...], key_field: str) -> Row | None:
        """Read one mapping; every misfit is reported. None when the node is no mapping at all."""
        if not isinstance(node, Mapping):
            self.report(node, label, f"This is {node}; a mapping like {{{key_field}: ...}} is expected.")
            return None
        row = Row(label, node, {field.name: field.default for field in fields})
        key = node.get(key_field)
        row.about = key.text[:80] if isinstance(key, Scalar) else ""
        known = {field.name: field for field in fields}
        for name, (mark, value) in node.entries.items():
            if name in known:
                self._read_field(row, known[name], value)
            else:
                hint = suggestion(name, known, listing="Known fields")
                self.report(mark, f"{label}.{name}", f"There is no field '{name}'.{hint}", row.about)
        for field_ in fields:
            if field_.is_required and field_.name not in row.misfits and row.values[field_.name] in (None, ""):
                row.misfits.add(field_.name)
                self.report_row(row, field_.name, f"The field '{field_.name}' is missing or empty.")
        return row

    def _read_field(self, row: Row, field_: Field, node: Node) -> None:
        if isinstance(node, Scalar) and node.is_null:
            return  # `title:` with nothing after it is the same as leaving it out
        try:
            row.values[field_.name] = field_.kind(node)
        except Misfit as misfit:
            row.misfits.add(field_.name)
            self.report(misfit.node or node, f"{row.label}.{field_.name}", str(misfit), row.about)

    def report_invalid(
        self,
        row: Row,
        errors: dict[str, list[ValidationError]],
        names: dict[str, str],
        choices: dict[str, list[str]],
    ) -> None:
        """What a model says about a row. `names`: model field -> field of the document."""
        for model_field, found in errors.items():
            name = names.get(model_field, "")
            if name not in row.misfits:
                for error in found:
                    self.report_row(row, name, sentence(error, choices.get(model_field, ())))
