"""What watches over the site asks here: does it live, can it work, how is it doing."""

from dataclasses import asdict
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from accounts.permissions import Action
from exchange import problems, readiness
from exchange.caller import caller_of
from exchange.metrics.families import registry_of
from exchange.metrics.observation import observe
from exchange.rest.api import in_our_words

READY_RETRY_S: Final = 2


@login_not_required
@require_safe
def healthz(_: HttpRequest) -> JsonResponse:
    """The process answers. Asks nobody: a site without its database is not mended by starting this process again."""
    return JsonResponse({"status": "alive"})


@login_not_required
@require_safe
def readyz(_: HttpRequest) -> JsonResponse:
    """200 when all that live values, alarms and history need is there, else 503; either way each check in words."""
    checks = readiness.checks()
    is_ready = all(check.ok for check in checks)
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "checks": [asdict(check) for check in checks]},
        status=200 if is_ready else 503,
        headers={} if is_ready else {"Retry-After": str(READY_RETRY_S)},
    )


@require_safe
def _metrics(request: HttpRequest) -> HttpResponseBase:
    """For a token or a session that may diagnose everywhere: the figures are of the whole site."""
    if not caller_of(request).areas_or_problem(Action.DIAGNOSE).everywhere:
        raise problems.not_allowed(
            "The figures are of the whole site; the right to diagnose is granted only in some areas.",
            "An administrator can grant a role that may diagnose, without naming an area.",
        )
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry_of(observe())), content_type=content_type)


metrics: Final = in_our_words(_metrics)
