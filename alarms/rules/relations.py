"""What is asked of several alarms at once: limits in their order, and no suppression that hides its own cause. Pure.

Whoever checks brings the alarms as `Placed`; keys are whatever tells two alarms or tags apart.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from alarms.kinds import Kind

ORDER: Final = (Kind.LOLO, Kind.LO, Kind.HI, Kind.HIHI)
"""Limits of one tag, the lowest first."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An alarm among others. `causes`: alarms that suppress it while active. `looks_at`: tags its rule looks at."""

    key: Hashable
    path: str
    tag: Hashable
    kind: Kind
    setpoint: float | None = None
    enabled: bool = True
    causes: tuple[Hashable, ...] = ()
    looks_at: frozenset[Hashable] = field(default_factory=frozenset)


def order_problems(alarms: Iterable[Placed]) -> dict[Hashable, str]:
    """Alarm -> why its setpoint cannot stand beside the others of its tag. Of two, the one further out is named.

    Only alarms that are enabled are compared: what is off may wait for a season with other limits.
    """
    by_tag: dict[Hashable, list[Placed]] = {}
    for alarm in alarms:
        if alarm.enabled and alarm.kind.is_level and alarm.setpoint is not None:
            by_tag.setdefault(alarm.tag, []).append(alarm)
    found: dict[Hashable, str] = {}
    for rows in by_tag.values():
        rows.sort(key=lambda row: ORDER.index(row.kind))
        for i, low in enumerate(rows):
            for high in rows[i + 1 :]:
                if low.kind is not high.kind and _setpoint(low) >= _setpoint(high):
                    own, other = (low, high) if low.kind is Kind.LOLO else (high, low)
                    found.setdefault(own.key, _order_sentence(own, other))
    return found


def _setpoint(alarm: Placed) -> float:
    return alarm.setpoint or 0.0


def _order_sentence(own: Placed, other: Placed) -> str:
    side = "below" if ORDER.index(own.kind) < ORDER.index(other.kind) else "above"
    return (
        f"The {own.kind.label} limit {_setpoint(own):g} must lie {side} the {other.kind.label} limit "
        f"{_setpoint(other):g} of the same tag ({other.path}): low-low < low < high < high-high."
    )


def suppression_loops(alarms: Collection[Placed]) -> list[list[Placed]]:
    """Chains of alarms in which each is suppressed by the next, and the last by the first (ALM-15).

    An alarm also depends on the alarms of a tag that its suppression rule looks at: they name that cause. Were it
    what suppresses them in turn, all of them could be silent at once.
    """
    by_key = {alarm.key: alarm for alarm in alarms}
    of_tag: dict[Hashable, list[Hashable]] = {}
    for alarm in alarms:
        of_tag.setdefault(alarm.tag, []).append(alarm.key)
    needs = {
        alarm.key: [
            *(key for key in alarm.causes if key in by_key),
            *(key for tag in alarm.looks_at for key in of_tag.get(tag, ())),
        ]
        for alarm in alarms
        if alarm.causes or alarm.looks_at
    }
    return [[by_key[key] for key in loop] for loop in _loops(needs)]


def _loops(needs: Mapping[Hashable, list[Hashable]]) -> list[list[Hashable]]:
    """One loop for each alarm that closes one, found by depth-first search without recursion."""
    found: list[list[Hashable]] = []
    done: set[Hashable] = set()
    for start in needs:
        if start in done:
            continue
        way: list[Hashable] = [start]
        todo = [iter(needs[start])]
        while todo:
            key = next(todo[-1], None)
            if key is None:
                todo.pop()
                done.add(way.pop())
            elif key in way:
                found.append(way[way.index(key) :])
            elif key not in done and key in needs:
                way.append(key)
                todo.append(iter(needs[key]))
    return found


def loop_sentence(loop: Iterable[Placed]) -> str:
    listed = [f"'{alarm.path}'" for alarm in loop]
    if len(listed) == 1:
        return f"The alarm would suppress its own cause: {listed[0]}. Take it out of what suppresses it."
    way = " by ".join([*listed, listed[0]])
    return f"The alarm would suppress its own cause, and both stay silent: {way}. Take one of these out."
