"""The pages of alarms: banner, list, one alarm, what is muted. What people do to alarms: views_alarm_acts.py."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from alarms.lists import bared, muted
from hmi.screens import alarm_list as lists
from hmi.screens.alarm_banner import banner_of
from hmi.screens.alarm_detail import detail_of, muted_lists
from hmi.screens.alarm_forms import MINUTES
from hmi.screens.alarm_looks import LOOKS, STATES
from hmi.screens.alarm_rights import AlarmScope, alarm_scope_of, standing_of
from hmi.screens.asked import area_choices, kept
from hmi.screens.chrome import Chrome
from hmi.screens.htmx import PageRequest


@never_cache
@require_safe
def alarm_banner(request: PageRequest) -> HttpResponse:
    """The line under the header, asked for anew when alarms have changed."""
    return render(request, "hmi/_alarm_banner.html", {"banner": banner_of(request)})


@never_cache
@require_safe
def alarms(request: PageRequest) -> HttpResponse:
    scope, asked, zone = alarm_scope_of(request), lists.asked_of(request.GET), Chrome(request).zone
    banner, more = banner_of(request), kept(request.GET, without="limit")
    context: dict[str, Any] = {
        "list": lists.alarm_list(scope, asked, zone, standing_of(request)), "zone": zone, "as_of": banner,
        "can": _can(scope), "more_query": f"{more.urlencode()}&" if more else "",
    }  # fmt: skip
    if request.htmx:
        return render(request, "hmi/_alarm_list.html", context)
    context |= {
        "areas": area_choices(scope.scope), "looks": LOOKS, "states": [(b, STATES[b][0]) for b in lists.SHOWN_STATES],
        "orders": lists.ORDERS, "minutes": MINUTES,
    }  # fmt: skip
    return render(request, "hmi/alarms.html", context)


@never_cache
@require_safe
def alarm(request: PageRequest, uuid: UUID) -> HttpResponse:
    scope = alarm_scope_of(request)
    detail = detail_of(scope, scope.alarm(str(uuid)), Chrome(request).zone)
    context = {"detail": detail, "x": detail.x, "alarm": detail.x.entry, "row": detail.x.row, "minutes": MINUTES}
    return render(request, "hmi/_alarm.html" if request.htmx else "hmi/alarm.html", context)


@never_cache
@require_safe
def alarms_muted(request: PageRequest) -> HttpResponse:
    """Shelved, suppressed by design, out of service: each with who, why and until when (ALM-23)."""
    scope = alarm_scope_of(request)
    held = standing_of(request)
    found = muted(scope.areas, scope.sees_system, held=held)
    lists = muted_lists(scope, found, bared(scope.areas, scope.sees_system, held=held))
    context = {"lists": lists, "zone": Chrome(request).zone}
    return render(request, "hmi/_alarms_muted.html" if request.htmx else "hmi/alarms_muted.html", context)


def _can(scope: AlarmScope) -> dict[str, bool]:
    """What the person may do somewhere: which buttons there are for many alarms at once."""
    wanted = (Action.ACKNOWLEDGE, Action.RESET, Action.SHELVE, Action.SUPPRESS)
    return {action.value: scope.may_anywhere(action) for action in wanted}
