"""Reading the journal: pages by key, so that entries that come meanwhile neither repeat nor skip one, and all of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from accounts.permissions import AreaSet
from alarms.kinds import Event, Kind, Priority
from alarms.models import JournalEntry

BATCH: Final = 1000
OFTEN: Final = 3
"""Shelved more often than this within OFTEN_MS is reported (ALM-24)."""
OFTEN_MS: Final = 7 * 24 * 3_600_000

Key = tuple[int, int]
"""(server_ms, pk) of an entry."""


@dataclass(frozen=True, slots=True)
class JournalFilters:
    """Empty: all of them. Times are ms UTC, `from_ms` included, `to_ms` not. `area`: path, with what lies below.
    `text`: in path, message or reason. `actor`: in the name. `alarm`: uuid. `annunciated`: only what called.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    area: str = ""
    priorities: frozenset[Priority] = frozenset()
    events: frozenset[Event] = frozenset()
    text: str = ""
    actor: str = ""
    alarm: str = ""
    annunciated: bool = False


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Newest first. `older`: give it as `before` for the page after this one; None: the end."""

    entries: list[JournalEntry]
    older: Key | None


@dataclass(frozen=True, slots=True)
class OftenShelved:
    path: str
    alarm_uuid: str
    times: int


def journal(
    areas: AreaSet, sees_system: bool, filters: JournalFilters = JournalFilters(), before: Key | None = None,
    limit: int = 100,
) -> JournalPage:  # fmt: skip
    """One query. By the time at which the server learned of it, then in order of writing."""
    if before is not None and (filters.to_ms is None or before[0] < filters.to_ms):
        filters = replace(filters, to_ms=before[0] + 1)  # the one bound: of two, SQLite may search by the far one
    rows = selected(areas, sees_system, filters)
    if before is not None:
        at_ms, pk = before
        rows = rows.filter(Q(server_ms__lt=at_ms) | Q(server_ms=at_ms, pk__lt=pk))
    found = list(rows.order_by("-server_ms", "-pk")[: limit + 1])
    page = found[:limit]
    return JournalPage(page, (page[-1].server_ms, page[-1].pk) if len(found) > limit else None)


def journal_all(areas: AreaSet, sees_system: bool, filters: JournalFilters) -> Iterator[JournalEntry]:
    """Oldest first, for an export: a batch at a time, however many there are. No cursor is held open meanwhile."""
    batch = list(selected(areas, sees_system, filters).order_by("server_ms", "pk")[:BATCH])
    while batch:
        yield from batch
        at_ms, pk = batch[-1].server_ms, batch[-1].pk
        rest = selected(areas, sees_system, replace(filters, from_ms=at_ms))  # one bound, or SQLite reads all again
        later = Q(server_ms__gt=at_ms) | Q(server_ms=at_ms, pk__gt=pk)
        batch = list(rest.filter(later).order_by("server_ms", "pk")[:BATCH])


def selected(areas: AreaSet, sees_system: bool, filters: JournalFilters) -> QuerySet[JournalEntry]:
    """Without an order. What is left of an area that was deleted is seen by whoever sees everything."""
    rows = JournalEntry.objects.filter(_visible(areas, sees_system))
    if filters.from_ms is not None:
        rows = rows.filter(server_ms__gte=filters.from_ms)
    if filters.to_ms is not None:
        rows = rows.filter(server_ms__lt=filters.to_ms)
    if filters.priorities:
        rows = rows.filter(priority__in=[p.value for p in filters.priorities])
    if filters.events:
        rows = rows.filter(event__in=[e.value for e in filters.events])
    if filters.alarm:
        uuid = _uuid(filters.alarm)
        rows = rows.none() if uuid is None else rows.filter(alarm_uuid=uuid)
    if filters.annunciated:
        rows = rows.filter(annunciated=True)
    if area := filters.area.strip("/"):
        rows = rows.filter(Q(area_path__iexact=area) | Q(area_path__istartswith=f"{area}/"))
    if "\x00" in f"{filters.area}{filters.text}{filters.actor}":
        return rows.none()  # no text has it, and PostgreSQL takes no question with it
    if text := filters.text.strip():
        rows = rows.filter(Q(path__icontains=text) | Q(message__icontains=text) | Q(reason__icontains=text))
    if actor := filters.actor.strip():
        rows = rows.filter(actor_name__icontains=actor)
    return rows


def often_shelved(areas: AreaSet, sees_system: bool, now_ms: int) -> list[OftenShelved]:
    """Alarms that people shelve again and again instead of mending them, the worst first (ALM-24)."""
    shelved = JournalEntry.objects.filter(
        _visible(areas, sees_system), event=Event.SHELVE.value, server_ms__gt=now_ms - OFTEN_MS
    )
    counted = shelved.values("alarm_uuid").annotate(times=Count("pk"), known_as=Max("path")).filter(times__gt=OFTEN)
    rows = counted.order_by("-times", "known_as").values_list("known_as", "alarm_uuid", "times")
    return [OftenShelved(path, str(uuid), times) for path, uuid, times in rows]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _visible(areas: AreaSet, sees_system: bool) -> Q:
    system = Q(kind=Kind.SYSTEM.value)
    of_areas = ~system if areas.everywhere else Q(area_id__in=areas.ids) & ~system
    return of_areas | system if sees_system else of_areas
