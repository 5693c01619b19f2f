"""How well the alarms do: the key figures, and what would quieten one alarm."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import Action
from hmi.screens.alarm_figures import PERIODS, page_of
from hmi.screens.alarm_rights import alarm_scope_of
from hmi.screens.alarm_tried import trial_of
from hmi.screens.asked import area_choices
from hmi.screens.chrome import Chrome
from hmi.screens.htmx import PageRequest


@never_cache
@require_safe
def alarm_kpi(request: PageRequest) -> HttpResponse:
    """Of the alarms in the areas the person may see (ALM-30, ALM-31)."""
    scope = alarm_scope_of(request)
    context = {
        "page": page_of(scope, request.GET, Chrome(request).zone), "areas": area_choices(scope.scope),
        "periods": PERIODS, "may_set_targets": scope.scope.allowed[Action.CONFIGURE_ALARMS].everywhere,
    }  # fmt: skip
    return render(request, "hmi/alarm_kpi.html", context)


@never_cache
@require_safe
def alarm_tried(request: PageRequest, uuid: UUID) -> HttpResponse:
    """Longer delays and a wider deadband, tried on the history of one alarm."""
    scope = alarm_scope_of(request)
    return render(request, "hmi/alarm_tried.html", {"trial": trial_of(scope, scope.alarm(str(uuid)))})
