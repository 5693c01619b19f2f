"""The path above a page: its areas, and which of them the person may open."""

from dataclasses import dataclass

from devices.snapshot import AreaEntry
from hmi.screens.scope import Scope


@dataclass(frozen=True, slots=True)
class Step:
    """An area on the path to a page. `is_open`: the person may go there."""

    area: AreaEntry
    is_open: bool


def trail(scope: Scope, area: AreaEntry) -> list[Step]:
    """The areas above this one, the topmost first."""
    return [Step(a, scope.sees(a)) for a in scope.layout.above(area)]
