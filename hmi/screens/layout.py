"""The plant as pages walk it: who lies below whom. Computed once per configuration snapshot."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from devices.snapshot import AreaEntry, DeviceEntry, Snapshot, TagEntry
from plant.models import Plant


class Layout:
    """Indexes over one snapshot; immutable like it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.plants: list[Plant] = sorted(snapshot.plants.values(), key=lambda p: p.name.lower())
        self.key_tags: dict[int, list[TagEntry]] = {}
        """Area id -> the tags on its card, as hmi/screens/cards.py has chosen them."""
        self._children: dict[int | None, list[AreaEntry]] = defaultdict(list)
        self._tags: dict[int, list[TagEntry]] = defaultdict(list)
        for area in sorted(snapshot.areas.values(), key=lambda a: (a.position, a.name.lower())):
            self._children[area.parent_id].append(area)
        for tag in sorted(snapshot.tags.values(), key=lambda t: t.path.lower()):
            self._tags[tag.area_id].append(tag)

    def children(self, area_id: int) -> list[AreaEntry]:
        return self._children.get(area_id, [])

    def tops(self, plant_id: int) -> list[AreaEntry]:
        return [a for a in self._children.get(None, []) if a.plant_id == plant_id]

    def tags(self, area_id: int) -> list[TagEntry]:
        return self._tags.get(area_id, [])

    def above(self, area: AreaEntry) -> list[AreaEntry]:
        """Its ancestors, the topmost first."""
        found: list[AreaEntry] = []
        parent = area.parent_id
        while parent is not None:
            entry = self.snapshot.areas[parent]
            found.insert(0, entry)
            parent = entry.parent_id
        return found

    def below(self, area: AreaEntry) -> list[tuple[int, AreaEntry]]:
        """Every area under it with its depth (1 for a child), in the order of a tree."""
        found: list[tuple[int, AreaEntry]] = []
        for child in self.children(area.id):
            found.append((1, child))
            found += [(depth + 1, entry) for depth, entry in self.below(child)]
        return found

    @cached_property
    def device_by_name(self) -> dict[str, DeviceEntry]:
        """Keyed by the lower-case name."""
        return {d.name.lower(): d for d in self.snapshot.devices.values()}

    @cached_property
    def tags_of_device(self) -> dict[int, list[TagEntry]]:
        """Device id -> its tags, in the order of their addresses."""
        found: dict[int, list[TagEntry]] = defaultdict(list)
        for tag in self.snapshot.tags.values():
            if tag.device_id is not None:
                found[tag.device_id].append(tag)
        for tags in found.values():
            tags.sort(key=lambda t: (t.point.table, t.point.address, t.path.lower()) if t.point else ("", -1, t.path))
        return found

    @cached_property
    def used_by(self) -> dict[int, list[TagEntry]]:
        """Tag id -> the derived tags that are computed from it."""
        found: dict[int, list[TagEntry]] = defaultdict(list)
        for tag in sorted(self.snapshot.tags.values(), key=lambda t: t.path.lower()):
            for source in {source for _, source in tag.formula.inputs} if tag.formula else ():
                found[source].append(tag)
        return found

    @cached_property
    def devices_of(self) -> dict[int, list[DeviceEntry]]:
        """Area id -> devices that stand in it or that its tags come from."""
        ids: dict[int, set[int]] = defaultdict(set)
        for device in self.snapshot.devices.values():
            ids[device.area_id].add(device.id)
        for tag in self.snapshot.tags.values():
            if tag.device_id is not None:
                ids[tag.area_id].add(tag.device_id)
        devices = self.snapshot.devices
        return {a: sorted((devices[d] for d in found), key=lambda d: d.name.lower()) for a, found in ids.items()}


@dataclass(slots=True)
class _Newest:
    layout: Layout | None = None


_newest = _Newest()


def layout_of(snapshot: Snapshot) -> Layout:
    """The layout of a snapshot. The last one is kept: every request between two revisions asks for the same."""
    known = _newest.layout
    if known is None or known.snapshot is not snapshot:
        known = _newest.layout = Layout(snapshot)
    return known
