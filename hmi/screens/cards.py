"""The plant overview: each area the person sees as a card with a few values and the health of what lies below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accounts.permissions import Action
from devices.models import Kind
from devices.snapshot import AreaEntry, TagEntry
from hmi.presentation import labels_of
from hmi.screens.counts import Counts, counts_by_area, total
from hmi.screens.device_health import UnitLine, unit_line
from hmi.screens.device_links import Links
from hmi.screens.readings import Reading, readings
from hmi.screens.scope import Scope
from hmi.screens.sparks import Spark, sparks
from plant.models import Plant

KEY_VALUES: Final = 6
KEY_STATES: Final = 2
"""So many of the key values are kept for states, where an area has both."""


@dataclass(frozen=True, slots=True)
class Branch:
    """An area below a card, `depth` levels down."""

    depth: int
    area: AreaEntry
    counts: Counts


@dataclass(frozen=True, slots=True)
class KeyValue:
    """`within`: the title of the area below the card to which the value belongs; empty for a value of its own."""

    reading: Reading
    within: str = ""
    spark: Spark | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """`above`: titles of ancestors the person may not open. `counts` take in everything below."""

    area: AreaEntry
    above: list[str]
    counts: Counts
    links: list[UnitLine]
    may_diagnose: bool
    values: list[KeyValue]
    branches: list[Branch]

    @property
    def more(self) -> int:
        """So many values of the area stand only on its own page."""
        return max(0, self.counts.total - len(self.values))


@dataclass(frozen=True, slots=True)
class PlantCards:
    plant: Plant
    cards: list[Card]


def key_tags(scope: Scope, area: AreaEntry) -> list[TagEntry]:
    """The values that say most about an area: measurements with a range, then states, then the rest.

    What is entered by hand comes last, and of states the one with the most words first. Among equals the area's own
    come first, then those that are read more often. Shown are the area's own, then those of each area below it,
    together. A part of an area (a pump) says first in which state it is. The same for everybody who sees the area,
    since a right at an area covers what lies below it; so chosen once per snapshot.
    """
    known = scope.layout.key_tags.get(area.id)
    if known is None:
        known = scope.layout.key_tags[area.id] = _chosen(scope, area)
    return known


def _chosen(scope: Scope, area: AreaEntry) -> list[TagEntry]:
    family = list(enumerate(scope.family(area)))
    last = {tag_id for _, a in family for tag_id in _repeated(scope.tags(a.id))}
    near = [(i, t) for i, a in family for t in scope.tags(a.id) if t.enabled]
    near.sort(key=lambda p: (p[1].id in last, *_weight(p[1]), p[0] > 0, p[1].scan_ms, p[1].name.lower(), p[0]))
    measured = [tag for _, tag in near if _rank(tag) == 0][: KEY_VALUES - KEY_STATES]
    states = [tag for _, tag in near if _rank(tag) == 1 and tag.id not in last][:KEY_STATES]
    rest = [tag for _, tag in near if tag not in measured and tag not in states]
    places = {tag.id: place for place, tag in near}
    return sorted([*measured, *states, *rest][:KEY_VALUES], key=lambda tag: (places[tag.id], _order(scope, tag)))


def _weight(tag: TagEntry) -> tuple[bool, int, int]:
    """The less, the sooner shown: what is measured before what is entered; of states the one that tells most apart."""
    rank = _rank(tag)
    return tag.kind is Kind.MANUAL, rank, -len(tag.state_labels) if rank == 1 else 0


def _repeated(tags: Sequence[TagEntry]) -> set[int]:
    """States of one area that say less of the same than another one: "running, stopped" beside "running, starting,
    stopped, blocked". On and off alone are said of many things."""
    states = [(tag.id, frozenset(tag.state_labels.values())) for tag in tags if tag.state_labels and tag.enabled]
    return {tag_id for tag_id, words in states if words != {"on", "off"} and any(words < other for _, other in states)}


def _order(scope: Scope, tag: TagEntry) -> int:
    is_part = scope.layout.snapshot.areas[tag.area_id].parent_id is not None
    return -1 if is_part and _rank(tag) == 1 else _rank(tag)


def _rank(tag: TagEntry) -> int:
    if tag.eu_min is not None and tag.eu_max is not None:
        return 0
    if labels_of(tag):
        return 1
    return 2 if tag.unit else 3


def plant_cards(scope: Scope, links: Links) -> list[PlantCards]:
    """The plants of which the person sees something."""
    roots = {plant.pk: scope.roots(plant.pk) for plant in scope.layout.plants}
    cards = {c.area.id: c for c in area_cards(scope, [a for areas in roots.values() for a in areas], links)}
    return [PlantCards(p, [cards[a.id] for a in roots[p.pk]]) for p in scope.layout.plants if roots[p.pk]]


def area_cards(scope: Scope, areas: Sequence[AreaEntry], links: Links) -> list[Card]:
    """A card for each of these areas; one look at the bus for all of them."""
    counts = counts_by_area(scope.layout)
    wanted = {area.id: key_tags(scope, area) for area in areas}
    found = {r.tag.id: r for r in readings([tag for tags in wanted.values() for tag in tags])}
    lines = sparks([tag for tags in wanted.values() for tag in tags])
    values = {a.id: [_key_value(scope, a, found[t.id], lines.get(t.id)) for t in wanted[a.id]] for a in areas}
    return [_card(scope, area, values[area.id], counts, links) for area in areas]


def _key_value(scope: Scope, area: AreaEntry, reading: Reading, spark: Spark | None) -> KeyValue:
    owner = scope.layout.snapshot.areas[reading.tag.area_id]
    return KeyValue(reading, "" if owner.id == area.id else owner.label, spark)


def area_card(scope: Scope, area: AreaEntry, links: Links) -> Card:
    """The head of an area's own page; its values stand in the list below."""
    return _card(scope, area, [], counts_by_area(scope.layout), links)


def _card(scope: Scope, area: AreaEntry, values: list[KeyValue], counts: Mapping[int, Counts], links: Links) -> Card:
    return Card(
        area=area,
        above=[a.label for a in scope.layout.above(area) if not scope.sees(a)],
        counts=family_counts(scope, area, counts),
        links=[unit_line(device, scope.layout, links) for device in scope.devices(scope.family(area))],
        may_diagnose=scope.may(Action.DIAGNOSE, area.id),
        values=values,
        branches=branches(scope, area, counts),
    )


def branches(scope: Scope, area: AreaEntry, counts: Mapping[int, Counts]) -> list[Branch]:
    below = scope.layout.below(area)
    return [Branch(depth, a, family_counts(scope, a, counts)) for depth, a in below if scope.sees(a)]


def family_counts(scope: Scope, area: AreaEntry, counts: Mapping[int, Counts]) -> Counts:
    return total(counts.get(a.id, Counts()) for a in scope.family(area))
