"""What is asked in the address of a page with filters: read within bounds, and kept for the links on that page.

What makes no sense counts as not asked: an old link still leads to a page.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final, TypeVar

from django.http import QueryDict

from hmi.screens.scope import Scope

E = TypeVar("E", bound=Enum)

MAX_TEXT: Final = 200
MAX_PATH: Final = 255


def text_of(query: QueryDict, name: str, most: int = MAX_TEXT) -> str:
    return query.get(name, "")[:most].strip()


def area_of(query: QueryDict) -> str:
    """The path of the area that was chosen; it may be none that there is."""
    return query.get("area", "")[:MAX_PATH]


def chosen(query: QueryDict, name: str, choices: Iterable[E]) -> frozenset[E]:
    asked = query.getlist(name)
    return frozenset(choice for choice in choices if str(choice.value) in asked)


def kept(query: QueryDict, without: str) -> QueryDict:
    """The same question, for a link that says `without` itself."""
    same = query.copy()
    same.pop(without, None)
    return same


def area_choices(scope: Scope) -> list[tuple[str, str]]:
    """(path, title with its depth) of the areas the person sees, in the order of the tree."""
    found: list[tuple[str, str]] = []
    for plant in scope.layout.plants:
        for root in scope.roots(plant.pk):
            found.append((root.path, root.label))
            found += [(a.path, f"{' ' * 2 * depth}{a.label}") for depth, a in scope.layout.below(root)]
    return found
