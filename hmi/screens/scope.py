"""What of the plant one person sees: the snapshot, cut to the areas where a role allows it. Once per request."""

from dataclasses import dataclass
from typing import Final

from django.http import Http404, HttpRequest

from accounts.permissions import Action, AreaSet
from accounts.request_rights import rights_of
from devices.current import current_snapshot
from devices.snapshot import AreaEntry, DeviceEntry, TagEntry
from hmi.screens.layout import Layout, layout_of

NOT_FOUND: Final = "There is no such page for you: the path is wrong, or lies outside the areas you may see."
"""Said for a foreign path and for one that does not exist: the answer must not tell which."""


@dataclass(frozen=True, slots=True)
class Scope:
    layout: Layout
    allowed: dict[Action, AreaSet]

    def may(self, action: Action, area_id: int | None = None) -> bool:
        """May the person do it in this area? Without an area: anywhere at all?"""
        areas = self.allowed[action]
        return bool(areas) if area_id is None else area_id in areas

    def sees(self, area: AreaEntry) -> bool:
        return area.id in self.allowed[Action.VIEW]

    def area(self, path: str) -> AreaEntry:
        """Raises Http404 for an unknown area and, with the same words, for a foreign one."""
        area = self.layout.snapshot.area(path)
        if area is None or not self.sees(area):
            raise Http404(NOT_FOUND)
        return area

    def tag(self, path: str) -> TagEntry:
        """Raises Http404 for an unknown tag and, with the same words, for a foreign one."""
        tag = self.layout.snapshot.tag(path)
        if tag is None or tag.area_id not in self.allowed[Action.VIEW]:
            raise Http404(NOT_FOUND)
        return tag

    def device(self, name: str) -> DeviceEntry:
        """A device the person may diagnose. Raises Http404, with the same words, for every other."""
        device = self.layout.device_by_name.get(name.lower())
        if device is None or not self.may(Action.DIAGNOSE, device.area_id):
            raise Http404(NOT_FOUND)
        return device

    def diagnosed(self) -> list[DeviceEntry]:
        """Every device the person may diagnose: those that stand in areas where a role allows it."""
        found = [d for d in self.layout.snapshot.devices.values() if self.may(Action.DIAGNOSE, d.area_id)]
        return sorted(found, key=lambda d: d.name.lower())

    def roots(self, plant_id: int) -> list[AreaEntry]:
        """The topmost areas the person sees; their ancestors are only names to them."""
        found: list[AreaEntry] = []
        todo = list(reversed(self.layout.tops(plant_id)))
        while todo:
            area = todo.pop()
            if self.sees(area):
                found.append(area)
            else:
                todo += reversed(self.layout.children(area.id))
        return found

    def children(self, area: AreaEntry) -> list[AreaEntry]:
        return [child for child in self.layout.children(area.id) if self.sees(child)]

    def tags(self, area_id: int) -> list[TagEntry]:
        return self.layout.tags(area_id)

    def family(self, area: AreaEntry) -> list[AreaEntry]:
        """The area and everything below it."""
        return [area, *(entry for _, entry in self.layout.below(area) if self.sees(entry))]

    def devices(self, areas: list[AreaEntry]) -> list[DeviceEntry]:
        """The devices that serve these areas, each once."""
        found = {d.id: d for area in areas for d in self.layout.devices_of.get(area.id, [])}
        return sorted(found.values(), key=lambda d: d.name.lower())


def scope_of(request: HttpRequest) -> Scope:
    """The scope of the person who asks; computed once per request."""
    known = getattr(request, "_scope", None)
    if isinstance(known, Scope):
        return known
    scope = Scope(layout_of(current_snapshot()), rights_of(request).areas)
    request._scope = scope  # type: ignore[attr-defined]  # the request is where Django keeps what lives as long as it
    return scope
