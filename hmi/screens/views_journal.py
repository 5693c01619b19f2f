"""The alarm journal: search, and the same as a CSV file."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alarms.journal import journal, journal_all
from alarms.kinds import Event
from hmi.screens.alarm_figures import zone_for
from hmi.screens.alarm_looks import LOOKS
from hmi.screens.alarm_rights import alarm_scope_of
from hmi.screens.asked import area_choices, area_of, kept
from hmi.screens.chrome import Chrome
from hmi.screens.htmx import PageRequest
from hmi.screens.journal_search import PAGE, csv_lines, search_of, told_all

LINES: Final = 500
"""Lines of a file in one portion."""


@never_cache
@require_safe
def alarm_journal(request: PageRequest) -> HttpResponse:
    """Newest first, of the alarms in the areas the person may see."""
    scope = alarm_scope_of(request)
    zone = zone_for(scope, area_of(request.GET), Chrome(request).zone)
    search = search_of(request.GET, zone)
    page = journal(scope.areas, scope.sees_system, search.filters, search.before, PAGE)
    older = kept(request.GET, without="before")
    context: dict[str, Any] = {
        "search": search, "zone": zone, "entries": told_all(page.entries), "areas": area_choices(scope.scope),
        "looks": LOOKS, "events": [(event, event.label) for event in Event], "query": older.urlencode(),
    }  # fmt: skip
    if page.older is not None:
        older["before"] = f"{page.older[0]}-{page.older[1]}"
        context["older_query"] = older.urlencode()
    return render(request, "hmi/alarm_journal.html", context)


@never_cache
@require_safe
def alarm_journal_csv(request: PageRequest) -> StreamingHttpResponse:
    """Everything that fits the filters, oldest first: portion by portion, however much it is."""
    scope = alarm_scope_of(request)
    zone = zone_for(scope, area_of(request.GET), Chrome(request).zone)
    rows = journal_all(scope.areas, scope.sees_system, search_of(request.GET, zone).filters)
    portions = _portions(csv_lines(rows, zone))
    name = f"alarm-journal-{timezone.now():%Y%m%d-%H%M%S}.csv"
    return StreamingHttpResponse(
        _apart(portions) if isinstance(request, ASGIRequest) else portions,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _portions(lines: Iterator[str]) -> Iterator[str]:
    while portion := "".join(islice(lines, LINES)):
        yield portion


async def _apart(portions: Iterator[str]) -> AsyncIterator[str]:
    """Each portion is made in the thread of the request; Django would otherwise gather the whole file first."""
    following = sync_to_async(lambda: next(portions, None))
    while (portion := await following()) is not None:
        yield portion
