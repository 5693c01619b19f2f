"""What keeps a plant from production mode? Apps with rules for plants that people depend on say so here."""

from collections.abc import Callable
from typing import Final

Rule = Callable[[int], str | None]
"""Plant key -> the sentence that says what is not fit for production, or None."""

_rules: Final[list[Rule]] = []


def register(rule: Rule) -> None:
    if rule not in _rules:
        _rules.append(rule)


def problem(plant_id: int) -> str | None:
    """The first thing in the way of production mode."""
    return next((sentence for rule in _rules if (sentence := rule(plant_id))), None)
