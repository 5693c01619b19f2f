"""The page on which the demo plant is broken and mended. Only there while the demo plant is."""

from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import actor_of
from devices.simulator.desk import NotOrdered, start_fault, stop_fault
from hmi.screens.demo import fault_groups, fault_named, heard_simulator, may_see_demo
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import NOT_FOUND, Scope, scope_of

NEEDS: Final = "To break the demo plant you need a role that may configure the whole site: engineer, everywhere."
NO_DEMO: Final = (
    "No simulator has been heard in the last seconds. It runs where Isthmus was started without a plant document of "
    "its own; where it should run and does not, the system page says what is known of it."
)
DOES: Final = {"start": start_fault, "stop": stop_fault}


@require_safe
def faults(request: PageRequest) -> HttpResponse:
    return _page(request, _scope(request))


@require_http_methods(["GET", "HEAD", "POST"])
def fault(request: PageRequest, name: str) -> HttpResponse:
    """Start or stop one fault. Opened, not sent, it leads to the list."""
    scope = _scope(request)
    known = fault_named(name)
    if known is None:
        raise Http404(NOT_FOUND)
    if heard_simulator() is None:
        return _absent(request)
    act = DOES.get(request.POST.get("do", ""))
    refusal = ""
    if request.method == "POST" and act is not None:
        try:
            act(actor_of(request), known)
        except NotOrdered as error:
            refusal = str(error)
    if request.htmx:
        return _page(request, scope, refusal)
    if refusal:
        messages.error(request, refusal)
    return redirect("demo_faults")


def _scope(request: PageRequest) -> Scope:
    scope = scope_of(request)
    if not may_see_demo(scope):
        raise PermissionDenied(NEEDS)
    return scope


def _page(request: PageRequest, scope: Scope, refusal: str = "") -> HttpResponse:
    groups = fault_groups(scope)
    if groups is None:
        return _absent(request)
    template = "hmi/_demo_faults.html" if request.htmx else "hmi/demo_faults.html"
    return render(request, template, {"groups": groups, "refusal": refusal})


def _absent(request: PageRequest) -> HttpResponse:
    return render(request, "hmi/demo_absent.html", {"reason": NO_DEMO}, status=404)
