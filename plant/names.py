"""Who has a name in an area already? Apps whose rows share the areas' names (tags) say so here.

A tag and an area with one path would make two things of one address.
"""

from collections.abc import Callable
from typing import Final

Holder = Callable[[int, int | None, str], str | None]
"""(plant key, area key or None at the plant itself, name) -> what has the name, like 'tag', or None."""

_holders: Final[list[Holder]] = []


def register(holder: Holder) -> None:
    if holder not in _holders:
        _holders.append(holder)


def taken(plant_id: int, area_id: int | None, name: str) -> str | None:
    """The sentence to show when something other than an area has the name there; case does not count."""
    for holder in _holders:
        what = holder(plant_id, area_id, name)
        if what:
            return clash(what, name)
    return None


def clash(what: str, name: str) -> str:
    article = "An" if what[0] in "aeiou" else "A"
    return f"{article} {what} here has the name '{name}' already. Give one of them another name."
