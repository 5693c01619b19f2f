"""What people do to alarms on the pages: acknowledge, reset, shelve, take out of service, and end that; silence.

A form names the alarms as they were seen, "uuid:occurrence". The answer says for each alarm what was refused and why;
the rest is done. Without scripts the same form leads back to its page, with the same words on top.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from accounts.actors import actor_of
from accounts.permissions import Action
from alarms import actions
from alarms.actions import May, Result
from alarms.current import current_alarms
from hmi.screens.alarm_banner import SILENCED, silenced_no_of
from hmi.screens.alarm_forms import date_of, items_of, minutes_of
from hmi.screens.alarm_rights import alarm_scope_of, standing_of
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import NOT_FOUND

MOST: Final = 500
"""Alarms in one form; as many as a page shows."""
NEWS: Final = "isthmus:alarms"
"""What the browser is told when something was done: ask for the parts of the page again."""

Items = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Deed:
    """`done`: how it is said of one and of many. `needs`: said to who lacks the right everywhere."""

    action: Action
    done: str
    needs: str
    act: Callable[[PageRequest, Items, May], list[Result]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """`message`: of the alarm; empty where the person may not know it."""

    message: str
    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Said:
    done: str
    refusals: list[Refusal]


def _acknowledge(request: PageRequest, items: Items, may: May) -> list[Result]:
    return actions.acknowledge(actor_of(request), items, request.POST.get("comment", ""), may)


def _reset(request: PageRequest, items: Items, may: May) -> list[Result]:
    return actions.reset(actor_of(request), _uuids(items), may)


def _shelve(request: PageRequest, items: Items, may: May) -> list[Result]:
    post = request.POST
    return actions.shelve(
        actor_of(request), _uuids(items), minutes_of(post.get("minutes", "")), post.get("shelve_reason", ""), may,
        one_shot="one_shot" in post,
    )  # fmt: skip


def _unshelve(request: PageRequest, items: Items, may: May) -> list[Result]:
    return actions.unshelve(actor_of(request), _uuids(items), may)


def _out_of_service(request: PageRequest, items: Items, may: May) -> list[Result]:
    post = request.POST
    return actions.take_out_of_service(
        actor_of(request), _uuids(items), post.get("out_reason", ""), post.get("work_order", ""),
        date_of(post.get("review_on", "")), may,
    )  # fmt: skip


def _in_service(request: PageRequest, items: Items, may: May) -> list[Result]:
    return actions.return_to_service(actor_of(request), _uuids(items), may)


def _uuids(items: Items) -> list[str]:
    return [uuid for uuid, _ in items]


_ROLES: Final = "operator, supervisor, maintenance or engineer"
_FEWER: Final = "supervisor, maintenance or engineer"
DEEDS: Final[dict[str, Deed]] = {
    "acknowledge": Deed(
        Action.ACKNOWLEDGE, "acknowledged", f"To acknowledge alarms you need a role like {_ROLES}.", _acknowledge
    ),
    "reset": Deed(Action.RESET, "reset", f"To reset latched alarms you need a role like {_ROLES}.", _reset),
    "shelve": Deed(Action.SHELVE, "shelved", f"To shelve alarms you need a role like {_ROLES}.", _shelve),
    "unshelve": Deed(Action.SHELVE, "no longer shelved", f"To end this you need a role like {_ROLES}.", _unshelve),
    "out-of-service": Deed(
        Action.SUPPRESS, "out of service", f"To take alarms out of service you need a role like {_FEWER}.",
        _out_of_service,
    ),
    "in-service": Deed(
        Action.SUPPRESS, "back in service", f"To return alarms to service you need a role like {_FEWER}.", _in_service
    ),
}  # fmt: skip

posts = require_http_methods(["GET", "HEAD", "POST"])


@posts
def alarm_act(request: PageRequest, what: str) -> HttpResponse:
    deed = DEEDS.get(what)
    if deed is None:
        raise Http404(NOT_FOUND)
    scope = alarm_scope_of(request)
    if not scope.may_anywhere(deed.action):
        raise PermissionDenied(deed.needs)
    if request.method != "POST":  # a form that was sent before the login leads here
        return redirect("alarms")
    items = items_of(request.POST.getlist("visible" if "all_visible" in request.POST else "on"))
    may = scope.may(deed.action)
    known = current_alarms().by_uuid
    if items and not any(uuid in known and may(known[uuid]) for uuid, _ in items):
        raise PermissionDenied(deed.needs)
    results = deed.act(request, items[:MOST], may)
    return _answer(request, _said(deed, results, len(items) > MOST))


@posts
def alarm_silence(request: PageRequest) -> HttpResponse:
    """Stops the sound at this station for what was shown there; whatever calls later is heard (ALM-22)."""
    if not alarm_scope_of(request).may_anywhere(Action.SILENCE):
        raise PermissionDenied(f"To silence the alarm sound you need a role like {_ROLES}.")
    if request.method != "POST":
        return redirect("alarms")
    no = request.POST.get("no", "")
    silenced = actions.silence(actor_of(request), int(no) if no.isascii() and no.isdigit() and len(no) < 19 else 0)
    if silenced.refused is None:
        before = silenced_no_of(request, standing_of(request))
        request.session[SILENCED] = max(silenced.no, before)
        return _answer(request, Said("Silenced at this station. New alarms are heard.", []))
    return _answer(request, Said("", [Refusal("", "", silenced.refused.sentence)]))


def _said(deed: Deed, results: list[Result], is_cut: bool) -> Said:
    by_uuid = current_alarms().by_uuid
    done = sum(result.refused is None for result in results)
    refusals = [
        Refusal(by_uuid[r.uuid].message if r.path else "", r.path, r.refused.sentence) for r in results if r.refused
    ]
    if is_cut:
        refusals.append(Refusal("", "", f"At most {MOST} alarms at a time; the others are as they were."))
    if not results:
        return Said("No alarm was chosen.", [])
    return Said(f"{done} alarm{'' if done == 1 else 's'} {deed.done}." if done else "", refusals)


def _answer(request: PageRequest, said: Said) -> HttpResponse:
    if request.htmx:
        answer = render(request, "hmi/_alarm_said.html", {"said": said})
        # After the swap the event is the page's: the button that was pressed may have been replaced meanwhile.
        return trigger_client_event(answer, NEWS, after="swap")
    if said.done:
        messages.success(request, said.done)
    for refusal in said.refusals:
        messages.info(request, f"{refusal.message}: {refusal.sentence}" if refusal.message else refusal.sentence)
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if is_ours else reverse("alarms"))
