"""The page of one tag: its value, its trend, and where the number comes from."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from devices.snapshot import TagEntry
from hmi.screens.by_hand import substitution_of
from hmi.screens.device_links import heard_links
from hmi.screens.htmx import PageRequest
from hmi.screens.origin import origin_of
from hmi.screens.readings import readings
from hmi.screens.scope import Scope, scope_of
from hmi.screens.trail import Step, trail


@require_safe
def tag(request: PageRequest, path: str) -> HttpResponse:
    scope = scope_of(request)
    entry = scope.tag(path)
    context = tag_context(scope, entry, whole=not request.htmx)
    return render(request, "hmi/_tag_origin.html" if request.htmx else "hmi/tag.html", context)


def tag_context(scope: Scope, entry: TagEntry, *, whole: bool) -> dict[str, Any]:
    """What the page shows; without `whole` only what its refresh shows."""
    area = scope.layout.snapshot.areas[entry.area_id]
    context: dict[str, Any] = {
        "tag": entry,
        "area": area,
        "plant": scope.layout.snapshot.plants[area.plant_id],
        "origin": origin_of(scope, entry, heard_links()),
        "substitution": substitution_of(scope, entry, timezone.now()),
        "may_diagnose": scope.may(Action.DIAGNOSE, area.id),
    }
    if whole:
        context |= {"reading": readings([entry])[0], "trail": [*trail(scope, area), Step(area, True)]}
    return context
