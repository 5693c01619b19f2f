"""The trends page, its lines, and the trends people keep."""

import time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.actors import actor_of
from accounts.models import User
from historian import saved_trends
from hmi.screens import trend_state
from hmi.screens.alarm_rights import alarm_scope_of
from hmi.screens.chrome import Chrome
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import NOT_FOUND, scope_of
from hmi.screens.trend_lines import FEWEST, POINTS, as_json, lines_of, pen_of
from hmi.screens.trend_marks import marks_of
from hmi.screens.trend_page import exports_of, found_tags, pens_shown, presets_of, saved_of, zone_of
from hmi.screens.trend_state import LONGEST_MS, MOST_PENS, SHORTEST_MS


@never_cache
@require_safe
def trends(request: PageRequest) -> HttpResponse:
    """The whole page, or for the search of a tag the list of what was found."""
    scope, zone = scope_of(request), zone_of(request)
    parsed = trend_state.parse(request.GET, zone)
    state = parsed.state
    words = request.GET.get("q", "")[:200].strip()
    context: dict[str, Any] = {
        "state": state, "zone": zone.key, "query": trend_state.format_query(state, zone), "words": words,
        "found": found_tags(scope, state, words, zone), "may_add": len(state.pens) < MOST_PENS,
    }  # fmt: skip
    if request.htmx:
        return render(request, "hmi/_trend_found.html", context)
    from_ms, to_ms = state.bounds(Chrome(request).now_ms)
    pens = pens_shown(scope, state, zone)
    context |= {
        "pens": pens, "problems": parsed.problems, "presets": presets_of(state, zone), "from_ms": from_ms,
        "to_ms": to_ms, "from_text": trend_state.moment_text(from_ms // 1000 * 1000, zone).replace("T", " "),
        "to_text": trend_state.moment_text(to_ms // 1000 * 1000, zone).replace("T", " "),
        "saved": saved_of(request),
        "exports": exports_of(pens, (from_ms, to_ms), zone),
        "looks": {"pens": [pen.script for pen in pens if pen.script]},
        "has_areas": bool(scope.layout.snapshot.tags) and any(scope.roots(p.pk) for p in scope.layout.plants),
    }  # fmt: skip
    return render(request, "hmi/trends.html", context)


@never_cache
@require_safe
def trend_lines(request: HttpRequest) -> HttpResponse:
    """`pen` up to eight paths, `from` and `to` in ms UTC, `points` at most a pen, `marks` where they are wanted."""
    scope = scope_of(request)
    from_ms, to_ms, points = (_number(request.GET.get(name, "")) for name in ("from", "to", "points"))
    paths = list(dict.fromkeys(request.GET.getlist("pen")[: MOST_PENS + 1]))
    problem = _problem(paths, from_ms, to_ms)
    if problem or from_ms is None or to_ms is None:
        return JsonResponse({"sentence": problem}, status=400)
    points = min(max(points or POINTS, FEWEST), POINTS)
    found = lines_of(scope, paths, from_ms, to_ms, points, time.time_ns() // 1_000_000)
    if request.GET.get("marks"):
        tags = [tag for path in paths if (tag := pen_of(scope, path)) is not None]
        marks = marks_of(alarm_scope_of(request), tags, from_ms, to_ms)
        found |= {"marks": marks.as_rows(from_ms), "marks_cut": marks.is_cut}
    return HttpResponse(as_json(found), content_type="application/json")


def _number(text: str) -> int | None:
    sign = text[:1] == "-"
    digits = text[sign:]
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None


def _problem(paths: list[str], from_ms: int | None, to_ms: int | None) -> str:
    if len(paths) > MOST_PENS:
        return f"At most {MOST_PENS} pens can be asked at once."
    if from_ms is None or to_ms is None:
        return "from and to are times in ms since 1970, UTC: whole numbers."
    if not SHORTEST_MS <= to_ms - from_ms <= LONGEST_MS:
        return "to must lie after from, by at least 1 s and at most 20 years."
    return ""


@never_cache
@require_safe
def trend_open(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A trend somebody keeps: one's own, or one that is shared."""
    row = saved_trends.visible_to(_person(request)).filter(uuid=uuid).first()
    if row is None:
        raise Http404(NOT_FOUND)
    return HttpResponseRedirect(f"{reverse('trends')}?{row.state}")


@require_POST
def trend_save(request: HttpRequest) -> HttpResponse:
    """Under a name of one's own; the same name again replaces what it kept."""
    name, zone = request.POST.get("name", ""), zone_of(request, request.POST.get("state", ""))
    state = trend_state.parse_text(request.POST.get("state", ""), zone)
    query = trend_state.format_query(state, zone)
    try:
        row = saved_trends.save(
            actor_of(request), _person(request), name, query, is_shared=bool(request.POST.get("shared"))
        )
        messages.success(request, f"Saved as “{row.name}”{', for everybody' if row.is_shared else ''}.")
    except ValidationError as error:
        for sentence in error.messages:
            messages.error(request, sentence)
    return redirect(f"{reverse('trends')}?{query}")


@require_POST
def trend_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Only one's own."""
    name = saved_trends.delete(actor_of(request), _person(request), uuid)
    if name is None:
        raise Http404(NOT_FOUND)
    messages.success(request, f"“{name}” is deleted.")
    zone = zone_of(request, request.POST.get("state", ""))
    query = trend_state.format_query(trend_state.parse_text(request.POST.get("state", ""), zone), zone)
    return redirect(f"{reverse('trends')}?{query}")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # LoginRequiredMiddleware has asked
    return request.user
