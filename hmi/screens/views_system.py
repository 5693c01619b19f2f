"""The system page, and the server's clock."""

import time

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import scope_of
from hmi.screens.system import system_state


@require_safe
def system(request: PageRequest) -> HttpResponse:
    """Each process, the bus, the machine, the links. For DIAGNOSE anywhere; links only of the areas it covers."""
    scope = scope_of(request)
    if not scope.may(Action.DIAGNOSE):
        raise PermissionDenied("This page needs a role that may diagnose: maintenance, engineer or administrator.")
    template = "hmi/_system.html" if request.htmx else "hmi/system.html"
    return render(request, template, {"state": system_state(scope)})


@require_safe
def clock(_: HttpRequest) -> JsonResponse:
    """The server's time, for the clock in the header after a computer has slept."""
    return JsonResponse({"now_ms": time.time_ns() // 1_000_000})


@login_not_required
@require_safe
def favicon(_: HttpRequest) -> HttpResponse:
    """Where a browser looks that has no page of ours to tell it: beside JSON, for instance."""
    return redirect(static("img/favicon.svg"))
