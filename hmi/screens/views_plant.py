"""The pages of the plant: overview, area, tag. Each first load and each htmx refresh renders the same partials."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from devices.snapshot import AreaEntry
from hmi.screens.cards import area_card, area_cards, plant_cards
from hmi.screens.device_links import heard_links
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import Scope, scope_of
from hmi.screens.tag_list import tag_list
from hmi.screens.trail import trail


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
    if request.htmx and request.htmx.target == "tag-list":
        return render(
            request, "hmi/_tag_list.html", {"area": entry, "list": tag_list(scope.tags(entry.id), request.GET)}
        )
    links = heard_links()
    context = {
        "area": entry,
        "plant": scope.layout.snapshot.plants[entry.plant_id],
        "card": area_card(scope, entry, links),
        "cards": area_cards(scope, scope.children(entry), links),
    }
    if request.htmx:
        return render(request, "hmi/_area_health.html", context)
    context |= {
        "trail": trail(scope, entry),
        "siblings": _siblings(scope, entry),
        "list": tag_list(scope.tags(entry.id), request.GET),
    }
    return render(request, "hmi/area.html", context)
