"""Devices: how each is doing, what is wrong, and what to try."""

from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from hmi.screens.by_hand import out_of_use_of
from hmi.screens.device_health import unit_line, unit_lines
from hmi.screens.device_links import heard_links
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import scope_of

NEEDS: Final = "This page needs a role that may diagnose: operator, supervisor, maintenance, engineer or administrator."


@require_safe
def devices(request: PageRequest) -> HttpResponse:
    """Every device the person may diagnose, the worst first."""
    scope = scope_of(request)
    if not scope.may(Action.DIAGNOSE):
        raise PermissionDenied(NEEDS)
    lines = unit_lines(scope.diagnosed(), scope.layout, heard_links())
    template = "hmi/_devices.html" if request.htmx else "hmi/devices.html"
    return render(request, template, {"lines": lines})


@require_safe
def device(request: PageRequest, name: str) -> HttpResponse:
    """One device: what is wrong, figures, what is asked of it, and its tags."""
    scope = scope_of(request)
    entry = scope.device(name)
    line = unit_line(entry, scope.layout, heard_links(), len(scope.layout.tags_of_device.get(entry.id, [])))
    context = {"line": line, "device": entry, "out_of_use": out_of_use_of(scope, entry, timezone.now())}
    return render(request, "hmi/_device.html" if request.htmx else "hmi/device.html", context)
