"""Devices: how each is doing, what is wrong, and what to try."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from devices.snapshot import DeviceEntry
from hmi.screens.by_hand import out_of_use_of
from hmi.screens.by_hand_forms import OutOfUseForm
from hmi.screens.device_health import UnitLine, unit_line, unit_lines
from hmi.screens.device_links import heard_links
from hmi.screens.device_page import (
    device_tags,
    figures,
    refusals,
    register_map,
    scans,
    settings_of,
    shared_link,
)
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import Scope, scope_of
from hmi.screens.views_probes import registers_form

MAX_WORDS: Final = 200
"""Characters of what is sought."""
TOOLS_FROM: Final = 7
"""So many devices are found at a glance."""
NEEDS: Final = "This page needs a role that may diagnose: operator, supervisor, maintenance, engineer or administrator."


@require_safe
def devices(request: PageRequest) -> HttpResponse:
    """Every device the person may diagnose, the worst first."""
    scope = scope_of(request)
    if not scope.may(Action.DIAGNOSE):
        raise PermissionDenied(NEEDS)
    lines = unit_lines(scope.diagnosed(), scope.layout, heard_links())
    words = request.GET.get("q", "")[:MAX_WORDS].strip()
    context: dict[str, Any] = {
        "lines": [line for line in lines if _has(line, words)],
        "total": len(lines),
        "words": words,
    }
    context["has_tools"] = bool(words) or len(lines) > TOOLS_FROM
    return render(request, "hmi/_devices.html" if request.htmx else "hmi/devices.html", context)


def _has(line: UnitLine, words: str) -> bool:
    """Each of the words stands in its name, title, area, address or state."""
    device = line.device
    text = f"{device.name} {device.title} {line.area.label} {device.endpoint} {line.word}".casefold()
    return all(word in text for word in words.casefold().split())


@require_safe
def device(request: PageRequest, name: str) -> HttpResponse:
    """One device: what is wrong, figures, what is asked of it, and its tags."""
    scope = scope_of(request)
    entry = scope.device(name)
    if request.htmx:
        return render(request, "hmi/_device.html", _refreshed(scope, entry))
    return device_page(request, entry)


def device_page(request: PageRequest, entry: DeviceEntry, typed: OutOfUseForm | None = None) -> HttpResponse:
    """The whole page. `typed`: a form that was refused."""
    scope = scope_of(request)
    context = _refreshed(scope, entry)
    context |= {
        "map": register_map(scope, entry, context["line"].figures),
        "tags": device_tags(scope, entry, request.GET.get("page", "1")),
        "registers": registers_form(scope, entry),
    }
    if scope.may(Action.TAKE_OUT_OF_USE, entry.area_id):
        context["form"] = typed or OutOfUseForm()
    return render(request, "hmi/device.html", context)


def _refreshed(scope: Scope, entry: DeviceEntry) -> dict[str, Any]:
    links = heard_links()
    line = unit_line(entry, scope.layout, links, len(scope.layout.tags_of_device.get(entry.id, [])))
    return {
        "line": line,
        "device": entry,
        "out_of_use": out_of_use_of(scope, entry, timezone.now()),
        "figures": figures(line),
        "scans": scans(line.figures),
        "settings": settings_of(entry),
        "refusals": refusals(line.figures),
        "link": shared_link(scope, line, links),
    }
