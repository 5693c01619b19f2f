"""The pages of the plant: overview, area, tag. Each first load and each htmx refresh renders the same partials."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from devices.snapshot import AreaEntry
from hmi.screens.cards import area_card, area_cards, plant_cards
from hmi.screens.device_links import heard_links, link_line
from hmi.screens.htmx import PageRequest
from hmi.screens.readings import readings
from hmi.screens.scope import Scope, scope_of
from hmi.screens.source import source_of


@dataclass(frozen=True, slots=True)
class Step:
    """An area on the path to a page. `is_open`: the person may go there."""

    area: AreaEntry
    is_open: bool


def _trail(scope: Scope, area: AreaEntry) -> list[Step]:
    return [Step(a, scope.sees(a)) for a in scope.layout.above(area)]


def _siblings(scope: Scope, area: AreaEntry) -> list[AreaEntry]:
    """The areas beside one, itself among them; the topmost stand in the navigation already."""
    beside = [] if area.parent_id is None else scope.layout.children(area.parent_id)
    return [a for a in beside if scope.sees(a)]


@require_safe
def overview(request: PageRequest) -> HttpResponse:
    scope = scope_of(request)
    context = {"plants": plant_cards(scope, heard_links()), "has_plant": bool(scope.layout.plants)}
    return render(request, "hmi/_overview_health.html" if request.htmx else "hmi/overview.html", context)


@require_safe
def area(request: PageRequest, path: str) -> HttpResponse:
    scope = scope_of(request)
    entry = scope.area(path)
    links = heard_links()
    context = {
        "area": entry,
        "plant": scope.layout.snapshot.plants[entry.plant_id],
        "card": area_card(scope, entry, links),
        "cards": area_cards(scope, scope.children(entry), links),
        "trail": [] if request.htmx else _trail(scope, entry),
        "siblings": [] if request.htmx else _siblings(scope, entry),
        "rows": [] if request.htmx else readings(scope.tags(entry.id)),
    }
    return render(request, "hmi/_area_health.html" if request.htmx else "hmi/area.html", context)


@require_safe
def tag(request: PageRequest, path: str) -> HttpResponse:
    scope = scope_of(request)
    entry = scope.tag(path)
    snapshot = scope.layout.snapshot
    area = snapshot.areas[entry.area_id]
    device = None if entry.device_id is None else snapshot.devices[entry.device_id]
    context = {
        "tag": entry,
        "area": area,
        "plant": snapshot.plants[area.plant_id],
        "reading": readings([entry])[0],
        "line": None if device is None else link_line(device, heard_links()),
        "source": None if entry.point is None else source_of(entry.point),
        "trail": [*_trail(scope, area), Step(area, True)],
        "may_diagnose": scope.may(Action.DIAGNOSE, area.id),
    }
    return render(request, "hmi/_tag_link.html" if request.htmx else "hmi/tag.html", context)
