"""A diff for people: + added, ~ changed (field: old -> new), - removed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from plant.document import writer
from plant.document.sections import Change

_SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}


def lines_of(change: Change) -> list[str]:
    head = f"{_SIGNS[change.kind]} {change.noun} {change.key}"
    fields = [f"    {name}: {writer.flow(old)} -> {writer.flow(new)}" for name, (old, new) in change.fields.items()]
    return [head, *fields]


def summary_of(changes: Sequence[Change]) -> str:
    """Like '3 tags added, 1 device changed'."""
    counts = Counter((change.kind, change.noun) for change in changes)
    parts = [f"{count:,} {_plural(noun, count)} {kind}" for (kind, noun), count in counts.items()]
    return ", ".join(parts) or "no difference"


def text_of(changes: Iterable[Change]) -> str:
    return "\n".join(line for change in changes for line in lines_of(change))


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
