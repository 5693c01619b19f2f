"""What depends on what a tag is? Apps whose rows refer to tags (alarms) say so here.

The plant document asks the same of the whole plant at once, by its sections.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from accounts.permissions import AreaSet

if TYPE_CHECKING:
    from devices.models import Tag

NAMED: Final = 5
"""How many of those that fit no longer are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Dependant:
    """`noun`: what it is, like 'alarm'. `problem`: why it would not fit the tag any more; empty where it does.
    `has_limits`: it has numbers in the unit of the tag."""

    noun: str
    path: str
    area_id: int | None
    problem: str = ""
    has_limits: bool = False


Rule = Callable[["Tag", "Tag"], Iterable[Dependant]]
"""(the tag as it stands, and as it would be) -> what refers to it."""

_rules: Final[list[Rule]] = []


def register(rule: Rule) -> None:
    if rule not in _rules:
        _rules.append(rule)


def of(before: "Tag", after: "Tag") -> Iterator[Dependant]:
    for rule in _rules:
        yield from rule(before, after)


def misfits(before: "Tag", after: "Tag", seen: AreaSet) -> list[str]:
    """A sentence for each that would no longer fit. Those outside of the areas `seen` have no name in it."""
    found = [d for d in of(before, after) if d.problem]
    said = [f"{_named(d, seen)} would no longer fit this tag. {d.problem}" for d in found[:NAMED]]
    if len(found) > NAMED:
        said.append(f"{len(found) - NAMED} more would no longer fit either.")
    return said


def _named(dependant: Dependant, seen: AreaSet) -> str:
    if dependant.area_id is None or dependant.area_id in seen:
        return f"The {dependant.noun} {dependant.path}"
    article = "An" if dependant.noun[0] in "aeiou" else "A"
    return f"{article} {dependant.noun} outside of your areas"


def with_limits(tag: "Tag", seen: AreaSet) -> list[str]:
    """Paths of those whose numbers are in the unit of the tag."""
    return [d.path for d in of(tag, tag) if d.has_limits and (d.area_id is None or d.area_id in seen)]
