"""The registry: each app registers one section, and export, diff, dry run, import and roll-back work for it.

A new kind of configuration (alarms, screens ...) enters the plant document by one register() in its AppConfig.ready();
most sections derive from plant.document.rows.RowSection and say only what is special about them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from audit.actions import Actor
from plant.document.plan import Plan


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between plant and document. 'removed': in the plant, not in the document."""

    kind: Literal["added", "changed", "removed"]
    noun: str
    key: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Field -> (old, new), of a change."""


class Section(ABC):
    """One section of the document. `order`: after the sections it refers to; removals run the other way round."""

    name: str
    order: int

    @abstractmethod
    def serialise(self, plan: Plan) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        """The section as it is written, in a fixed order, defaults left out."""

    @abstractmethod
    def validate(self, plan: Plan) -> None:
        """Read the section and fill `plan.worlds[name]`; report every problem to the plan. Writes nothing."""

    @abstractmethod
    def diff(self, plan: Plan) -> list[Change]:
        """What the plan changes, 'removed' for all that the document does not name. Writes nothing."""

    def let_go(self, plan: Plan, actor: Actor) -> None:  # noqa: B027 (most sections have nothing to end)
        """End what lasts of the rows that go, with a record; inside the transaction, before anything is written."""

    @abstractmethod
    def apply(self, plan: Plan) -> None:
        """Write what is new and what changed, inside the import's transaction."""

    @abstractmethod
    def remove(self, plan: Plan) -> None:
        """Delete what the plan removes, inside the import's transaction, after every section was applied."""


_sections: Final[dict[str, Section]] = {}


def register(section: Section) -> None:
    """Add a section. Raises ValueError when another class has the name: two owners would overwrite each other."""
    taken = _sections.get(section.name)
    if taken is not None and type(taken) is not type(section):
        raise ValueError(f"The section '{section.name}' is registered already, by {type(taken).__qualname__}.")
    _sections[section.name] = section


def registered() -> list[Section]:
    """Every section in the order of writing."""
    return sorted(_sections.values(), key=lambda section: (section.order, section.name))
