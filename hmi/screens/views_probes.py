"""Questions to a device that somebody asks now: is it there, what is it, what stands in its registers.

With scripts the answer comes to where the button is; without, the page is loaded anew and says where to look.
"""

from typing import Any, Final

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import actor_of
from accounts.permissions import Action
from devices import probing
from devices.models import Device
from devices.plan import is_readable, read_of
from devices.points import Table
from devices.probing import NotAsked
from devices.snapshot import DeviceEntry, TagEntry
from hmi.screens.asking import Asked, asked_address, look_for, now_ms
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import NOT_FOUND, Scope, scope_of

NEEDS: Final = "To read any register of this device you need a role that may configure in its area: engineer."

form_methods = require_http_methods(["GET", "HEAD", "POST"])


class RegistersForm(forms.Form):
    table = forms.ChoiceField(label="Table", choices=[(t.value, t.label) for t in Table], initial=Table.HOLDING.value)
    address = forms.IntegerField(
        label="Address",
        initial=0,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": "Write the first address, counted from 0.", "invalid": "Write a whole number."},
    )
    count = forms.IntegerField(
        label="How many",
        initial=10,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": "Write how many.", "invalid": "Write a whole number."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "registers-%s")
        super().__init__(*args, **kwargs)


def registers_form(scope: Scope, device: DeviceEntry) -> RegistersForm | None:
    """For those who may read any register."""
    return RegistersForm() if scope.may(Action.CONFIGURE, device.area_id) else None


@form_methods
def probe(request: PageRequest, name: str, kind: str) -> HttpResponse:
    """Ask the device; `kind`: connect, identify or read."""
    scope = scope_of(request)
    device = scope.device(name)
    if kind not in probing.KINDS:
        raise Http404(NOT_FOUND)
    if kind == probing.READ and not scope.may(Action.CONFIGURE, device.area_id):
        raise PermissionDenied(NEEDS)
    page = reverse("device", args=[device.name])
    if request.method != "POST":
        return redirect(page)
    form = RegistersForm(request.POST) if kind == probing.READ else registers_form(scope, device)
    asked = None
    if kind != probing.READ or (form is not None and form.is_valid()):
        arguments = dict(form.cleaned_data) if kind == probing.READ and form is not None else {}
        asked = _ask(request, device, kind, arguments, form)
    if request.htmx:
        return render(request, "hmi/_ask_device.html", {"device": device, "asked": asked, "registers": form})
    if asked is not None and asked.address:
        return redirect(asked.address)
    return render(request, "hmi/ask_device.html", {"device": device, "asked": asked, "registers": form})


@form_methods
def read_now(request: PageRequest, path: str) -> HttpResponse:
    """Read the registers of one tag now, and show the way from them to its value."""
    scope = scope_of(request)
    tag = scope.tag(path)
    device = _device_of(scope, tag)
    page = reverse("tag", args=[tag.path])
    if request.method != "POST" or tag.point is None or not is_readable(tag.point):
        return redirect(page)
    read = read_of(tag.point)
    arguments = {"table": read.table, "address": read.address, "count": read.count, "tag": tag.id}
    asked = _ask(request, device, probing.READ, arguments, None)
    if asked is not None and asked.address and not request.htmx:
        return redirect(asked.address)
    template = "hmi/_asked.html" if request.htmx else "hmi/ask_device.html"
    return render(request, template, {"asked": asked, "device": device})


@require_safe
def probe_answer(request: PageRequest, name: str, probe_id: str) -> HttpResponse:
    """What came of a question so far; the part of a page that asks again until there is something."""
    scope = scope_of(request)
    device = scope.device(name)
    asked = look_for(scope, device, probe_id, request.GET.get("asked", ""))
    context = {"asked": asked, "device": device, "registers": registers_form(scope, device)}
    return render(request, "hmi/_asked.html" if request.htmx else "hmi/ask_device.html", context)


def may_read_now(scope: Scope, tag: TagEntry) -> bool:
    """Has the tag registers, and may the person ask its device?"""
    if tag.device_id is None or tag.point is None or not tag.enabled or not is_readable(tag.point):
        return False
    return scope.may(Action.DIAGNOSE, scope.layout.snapshot.devices[tag.device_id].area_id)


def _device_of(scope: Scope, tag: TagEntry) -> DeviceEntry:
    device = None if tag.device_id is None else scope.layout.snapshot.devices[tag.device_id]
    if device is None or not scope.may(Action.DIAGNOSE, device.area_id):
        raise Http404(NOT_FOUND)
    return device


def _ask(
    request: PageRequest, device: DeviceEntry, kind: str, arguments: dict[str, Any], form: forms.Form | None
) -> Asked | None:
    """Ask, and say that the answer is awaited; None when the form is wrong, which then says so itself."""
    row = get_object_or_404(Device, pk=device.id)
    try:
        probe_id = probing.start(actor_of(request), row, kind, **arguments)
    except NotAsked as error:
        return Asked("lost", "", 0, str(error))
    except ValidationError as error:
        if form is None:
            return Asked("lost", "", 0, " ".join(error.messages))
        form.add_error(None, _fields(error, form))
        return None
    return Asked("waiting", asked_address(device, probe_id, now_ms()), 0, "The device is asked.")


def _fields(error: ValidationError, form: forms.Form) -> ValidationError:
    """The sentences at the fields the form has, and the others over it."""
    found: dict[str, list[str]] = {}
    for name, sentences in error.message_dict.items():
        found.setdefault(name if name in form.fields else NON_FIELD_ERRORS, []).extend(sentences)
    return ValidationError(found)
