"""The page of one tag: its value, its trend, and where the number comes from."""

from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from devices.formula import Function
from devices.models import Kind
from devices.snapshot import TagEntry
from hmi.screens.by_hand import substitution_of
from hmi.screens.by_hand_forms import EnterForm, PresetForm, SubstituteForm
from hmi.screens.device_links import heard_links
from hmi.screens.htmx import PageRequest
from hmi.screens.origin import origin_of
from hmi.screens.readings import readings
from hmi.screens.scope import Scope, scope_of
from hmi.screens.small_trend import small_trend
from hmi.screens.trail import Step, trail
from hmi.screens.views_probes import may_read_now


@require_safe
def tag(request: PageRequest, path: str) -> HttpResponse:
    scope = scope_of(request)
    entry = scope.tag(path)
    if request.htmx:
        return render(request, "hmi/_tag_origin.html", _refreshed(scope, entry))
    return tag_page(request, entry)


def tag_page(request: PageRequest, entry: TagEntry, **typed: Form) -> HttpResponse:
    """The whole page. `typed`: forms that were refused, by their names (enter, substitute, preset)."""
    scope = scope_of(request)
    area = scope.layout.snapshot.areas[entry.area_id]
    context = _refreshed(scope, entry) | {
        "reading": readings([entry])[0],
        "trend": small_trend(entry, scope.layout.snapshot.plants[area.plant_id].zone),
        "trail": [*trail(scope, area), Step(area, True)],
        "forms": _forms(scope, entry) | typed,
        "may_read_now": may_read_now(scope, entry),
    }
    return render(request, "hmi/tag.html", context)


def _refreshed(scope: Scope, entry: TagEntry) -> dict[str, Any]:
    area = scope.layout.snapshot.areas[entry.area_id]
    return {
        "tag": entry,
        "area": area,
        "plant": scope.layout.snapshot.plants[area.plant_id],
        "origin": origin_of(scope, entry, heard_links()),
        "substitution": substitution_of(scope, entry, timezone.now()),
    }


def _forms(scope: Scope, entry: TagEntry) -> dict[str, Form]:
    """What the person may do to the value, each as an empty form."""
    forms: dict[str, Form] = {}
    area = scope.layout.snapshot.areas[entry.area_id]
    if entry.kind == Kind.MANUAL and scope.may(Action.ENTER, area.id):
        forms["enter"] = EnterForm(entry, scope.layout.snapshot.plants[area.plant_id].time_zone)
    if scope.may(Action.SUBSTITUTE, area.id):
        forms["substitute"] = SubstituteForm(entry)
        if entry.formula is not None and entry.formula.function is Function.TOTAL:
            forms["preset"] = PresetForm(entry)
    return forms
