"""What people set by hand: the list of it, and the forms that begin and end it.

Each form stands on the page of its tag or device. An address of a form that is opened, not sent, leads there; a form
that is refused is shown there again, as it was typed, with a sentence beside what is wrong.
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import actor_of
from accounts.permissions import Action
from devices import interventions
from devices.models import Device, Kind, OutOfUse, Substitution, Tag
from devices.snapshot import TagEntry
from hmi.screens.by_hand import by_hand as look_up
from hmi.screens.by_hand import set_value
from hmi.screens.by_hand_forms import EnterForm, OutOfUseForm, PresetForm, SubstituteForm, ends_at
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import NOT_FOUND, Scope, scope_of
from hmi.screens.views_devices import device_page
from hmi.screens.views_tag import tag_page

NEEDS: Final = {
    Action.ENTER: "To enter this value you need a role that may enter values in its area: operator, for instance.",
    Action.SUBSTITUTE: "This needs a role that may substitute values in this area: supervisor, maintenance, engineer.",
    Action.TAKE_OUT_OF_USE: "This needs a role that may take devices out of use in this area: supervisor, maintenance, "
    "engineer.",
}

form_methods = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def by_hand(request: PageRequest) -> HttpResponse:
    """Everything set by hand in the areas the person may see."""
    held = look_up(scope_of(request), timezone.now())
    return render(request, "hmi/_by_hand.html" if request.htmx else "hmi/by_hand.html", {"held": held})


@form_methods
def enter(request: PageRequest, path: str) -> HttpResponse:
    scope, entry = _tag_for(request, path, Action.ENTER)
    if entry.kind != Kind.MANUAL:
        raise Http404(NOT_FOUND)
    form = EnterForm(entry, _zone(scope, entry), request.POST)

    def act(given: dict[str, Any]) -> str:
        row = interventions.enter_value(
            actor_of(request), _row(entry), given["value"], given["taken_at"], given["comment"]
        )
        return f"Entered: {entry.label} is {set_value(entry, row.value)}."

    return _settle(request, form, act, reverse("tag", args=[entry.path]), lambda: tag_page(request, entry, enter=form))


@form_methods
def substitute(request: PageRequest, path: str) -> HttpResponse:
    _, entry = _tag_for(request, path, Action.SUBSTITUTE)
    form = SubstituteForm(entry, request.POST)

    def act(given: dict[str, Any]) -> str:
        interventions.substitute(actor_of(request), _row(entry), given["value"], given["reason"], ends_at(form))
        return f"Substituted: {set_value(entry, given['value'])} stands in place of the value of {entry.label}."

    return _settle(
        request, form, act, reverse("tag", args=[entry.path]), lambda: tag_page(request, entry, substitute=form)
    )


@form_methods
def preset_total(request: PageRequest, path: str) -> HttpResponse:
    _, entry = _tag_for(request, path, Action.SUBSTITUTE)
    if entry.formula is None:
        raise Http404(NOT_FOUND)
    form = PresetForm(entry, request.POST)

    def act(given: dict[str, Any]) -> str:
        interventions.preset_total(actor_of(request), _row(entry), given["value"], given["reason"])
        return f"The total of {entry.label} goes on from {set_value(entry, given['value'])}."

    return _settle(request, form, act, reverse("tag", args=[entry.path]), lambda: tag_page(request, entry, preset=form))


@form_methods
def take_out_of_use(request: PageRequest, name: str) -> HttpResponse:
    scope = scope_of(request)
    entry = scope.device(name)
    _ask(scope, Action.TAKE_OUT_OF_USE, entry.area_id)
    form = OutOfUseForm(request.POST)

    def act(given: dict[str, Any]) -> str:
        row = get_object_or_404(Device, pk=entry.id)
        interventions.take_out_of_use(actor_of(request), row, given["reason"], ends_at(form))
        return f"{entry.label} is out of use: nothing is sent to it."

    return _settle(request, form, act, reverse("device", args=[entry.name]), lambda: device_page(request, entry, form))


@form_methods
def end_substitution(request: PageRequest, uuid: UUID) -> HttpResponse:
    scope = scope_of(request)
    row = Substitution.objects.select_related("tag__area", "tag__device").filter(uuid=uuid).first()
    entry = None if row is None else scope.layout.snapshot.tags.get(row.tag_id)
    if row is None or entry is None or not scope.may(Action.VIEW, entry.area_id):
        raise Http404(NOT_FOUND)
    _ask(scope, Action.SUBSTITUTE, entry.area_id)
    said = f"Ended: {entry.label} has its own value again."
    return _end(request, lambda: interventions.end_substitution(actor_of(request), row), said, "tag", entry.path)


@form_methods
def put_back(request: PageRequest, uuid: UUID) -> HttpResponse:
    scope = scope_of(request)
    row = OutOfUse.objects.select_related("device__area").filter(uuid=uuid).first()
    entry = None if row is None else scope.layout.snapshot.devices.get(row.device_id)
    if row is None or entry is None or not scope.may(Action.VIEW, entry.area_id):
        raise Http404(NOT_FOUND)
    _ask(scope, Action.TAKE_OUT_OF_USE, entry.area_id)
    said = f"{entry.label} is in use again."
    page, name = ("device", entry.name) if scope.may(Action.DIAGNOSE, entry.area_id) else ("by_hand", "")
    return _end(request, lambda: interventions.put_back(actor_of(request), row), said, page, name)


# -- what all of them do


def _ask(scope: Scope, action: Action, area_id: int) -> None:
    if not scope.may(action, area_id):
        raise PermissionDenied(NEEDS[action])


def _tag_for(request: PageRequest, path: str, action: Action) -> tuple[Scope, TagEntry]:
    """A tag the person sees, where they may do it. A foreign one is not there; without the right it says which."""
    scope = scope_of(request)
    entry = scope.tag(path)
    _ask(scope, action, entry.area_id)
    return scope, entry


def _row(entry: TagEntry) -> Tag:
    return get_object_or_404(Tag.objects.select_related("area", "device"), pk=entry.id)


def _zone(scope: Scope, entry: TagEntry) -> str:
    return scope.layout.snapshot.plants[scope.layout.snapshot.areas[entry.area_id].plant_id].time_zone


def _settle(
    request: PageRequest,
    form: Form,
    act: Callable[[dict[str, Any]], str],
    page: str,
    again: Callable[[], HttpResponse],
) -> HttpResponse:
    """Do what the form asks and go to the page; or show the form again, as it was typed, with what is wrong."""
    if request.method != "POST":
        return redirect(page)
    if form.is_valid():
        try:
            messages.success(request, act(form.cleaned_data))
            return redirect(page)
        except ValidationError as error:
            form.add_error(None, error)
    return again()


def _end(request: PageRequest, end: Callable[[], None], said: str, page: str, name: str) -> HttpResponse:
    """End it. That somebody was first is said, and is no error: it has ended."""
    if request.method == "POST":
        try:
            end()
            messages.success(request, said)
        except ValidationError as error:
            messages.info(request, " ".join(error.messages))
    return redirect(page, name) if name and request.POST.get("back") != "by_hand" else redirect("by_hand")
