"""One alarm as the evaluation needs it: immutable, of one configuration revision. Pure.

Times are ms, values in engineering units of the tag.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alarms.kinds import Kind
from alarms.logic import Rules

SELF: Final = "value"
"""The name of the alarm's own tag in expressions."""
CAUSE_ACTIVE: Final = "a cause is active"
"""The rule of a suppression by other alarms."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When the alarm is true. What belongs to other kinds is left at its default.

    `deadband`: how far the value must come back behind the setpoint (levels), how far below the setpoint the distance
    or the rate must fall (deviation, rate); >= 0. `reference`: the tag of the setpoint a deviation is measured from;
    without one `target` is. `states`: numbers of an enum or bool that are alarms. `inputs`: name in the expression ->
    tag id.
    """

    kind: Kind
    tag: int | None = None
    setpoint: float = 0.0
    deadband: float = 0.0
    reference: int | None = None
    target: float = 0.0
    window_ms: int = 60_000
    states: tuple[int, ...] = ()
    expression: str = ""
    inputs: tuple[tuple[str, int], ...] = ()

    @property
    def tags(self) -> tuple[int, ...]:
        """Every tag it looks at, its own first."""
        found = [self.tag, self.reference, *(tag for _, tag in self.inputs)]
        return tuple(dict.fromkeys(tag for tag in found if tag is not None))


@dataclass(frozen=True, slots=True)
class Suppression:
    """Suppressed by design while the expression over `inputs` is true or one of the alarms in `parents` is active.

    `rule`: what the journal names.
    """

    rule: str
    expression: str = ""
    inputs: tuple[tuple[str, int], ...] = ()
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """`id`: primary key of the Alarm. `first_out`: name of its first-out group; empty: none."""

    id: int
    condition: Condition
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    rules: Rules = field(default_factory=Rules)
    suppression: Suppression | None = None
    first_out: str = ""

    @property
    def tags(self) -> tuple[int, ...]:
        """Every tag that can move it, those of its suppression included."""
        extra = self.suppression.inputs if self.suppression else ()
        return tuple(dict.fromkeys([*self.condition.tags, *(tag for _, tag in extra)]))


def by_tag(definitions: Mapping[int, Definition]) -> dict[int, list[Definition]]:
    """Tag id -> the definitions that look at it."""
    found: dict[int, list[Definition]] = {}
    for definition in definitions.values():
        for tag in definition.tags:
            found.setdefault(tag, []).append(definition)
    return found


def parent_loops(definitions: Mapping[int, Definition]) -> dict[int, frozenset[int]]:
    """Alarm -> those of its parents that are, by way of their own parents, suppressed by it; itself among them.

    Such a loop would hide the cause together with what follows from it (ALM-15).
    """
    parents = {d.id: d.suppression.parents for d in definitions.values() if d.suppression and d.suppression.parents}

    def above(start: int) -> set[int]:
        found, to_do = {start}, [start]
        while to_do:
            new = [p for p in parents.get(to_do.pop(), ()) if p not in found]
            found.update(new)
            to_do += new
        return found

    loops = {child: frozenset(p for p in own if child in above(p)) for child, own in parents.items()}
    return {child: found for child, found in loops.items() if found}


def causes_of(definitions: Mapping[int, Definition]) -> dict[int, tuple[int, ...]]:
    """Alarm -> those of its parents by which it is suppressed: they are evaluated, and in no loop."""
    loops, found = parent_loops(definitions), {}
    for d in definitions.values():
        parents = d.suppression.parents if d.suppression else ()
        if own := tuple(p for p in parents if p in definitions and p not in loops.get(d.id, ())):
            found[d.id] = own
    return found
