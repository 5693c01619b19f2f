"""The key figures, read from the journal: portion by portion, so that nothing else in the process waits for them.

500,000 entries take seconds. They are read in small queries with a pause after each, one reader at a time in a process,
and what was found is kept until the journal has grown and a minute has passed. Entries are never changed: what is known
of a past period stays true.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast

from accounts.permissions import AreaSet
from alarms.journal import JournalFilters, selected
from alarms.kinds import Base, Event, Kind
from alarms.kpi.figures import Figures, Period, Row, Stood, Tally
from alarms.models import Alarm, AlarmTarget, JournalEntry

BATCH: Final = 1000
PAUSE_S: Final = 0.002
"""Between two portions: whatever else the process has to do comes first."""
KEPT: Final = 16
FRESH_S: Final = 60.0
_ACTIVE: Final = (Base.UNACK.value, Base.ACKED.value)


@dataclass(frozen=True, slots=True)
class Named:
    """What an alarm is called, for figures that name it. By its newest entry of the period."""

    alarm_uuid: str
    path: str
    message: str
    priority: int


@dataclass(slots=True)
class _Kept:
    at_s: float
    newest: int
    figures: Figures


_Question = tuple[AreaSet, bool, str, Period]
_kept: OrderedDict[_Question, _Kept] = OrderedDict()
_reading = threading.Lock()


def figures_of(areas: AreaSet, sees_system: bool, area: str, period: Period) -> Figures:
    """Of the alarms the person sees, in this area (path) and below; empty: everywhere."""
    question = (areas, sees_system, area.strip("/").lower(), period)
    with _reading:
        newest = JournalEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
        held, now_s = _kept.get(question), time.monotonic()
        if held is not None and (held.newest == newest or now_s - held.at_s < FRESH_S):
            _kept.move_to_end(question)
            return held.figures
        figures = read(areas, sees_system, area, period)
        _kept[question] = _Kept(now_s, newest, figures)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        return figures


def forget() -> None:
    _kept.clear()


def read(areas: AreaSet, sees_system: bool, area: str, period: Period) -> Figures:
    tally = Tally(period, stood_at(areas, sees_system, area, period.from_ms))
    for rows in _portions(areas, sees_system, area, period):
        tally.take(rows)
        time.sleep(PAUSE_S)
    return tally.figures()


def _portions(areas: AreaSet, sees_system: bool, area: str, period: Period) -> Iterator[list[Row]]:
    filters = JournalFilters(from_ms=period.from_ms, to_ms=period.to_ms, area=area)
    batch = _fetched(selected(areas, sees_system, filters))
    while batch:
        yield [Row._make(values[1:]) for values in batch]
        if len(batch) < BATCH:
            return
        pk, at_ms = batch[-1][0], batch[-1][6]
        later = Q(server_ms__gt=at_ms) | Q(pk__gt=pk)
        batch = _fetched(selected(areas, sees_system, replace(filters, from_ms=at_ms)).filter(later))


def _fetched(entries: QuerySet[JournalEntry]) -> list[tuple[Any, ...]]:
    """The next portion, past the rows that Django would make: on SQLite true is 1 here."""
    rows = (
        entries.annotate(key=Cast("alarm_uuid", models.CharField()), is_active=_is_active())
        .order_by("server_ms", "pk")
        .values_list(
            "pk", "key", "event", "annunciated", "priority", "source_ms", "server_ms", "is_active", "mutes_after",
            "actor_kind", "reason", "revision",
        )
    )  # fmt: skip
    try:
        sql, params = rows[:BATCH].query.sql_with_params()
    except EmptyResultSet:  # nothing can fit, as for somebody who sees no area
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _is_active() -> models.Case:
    yes, no = models.Value(True), models.Value(False)
    return models.Case(models.When(to_state__in=_ACTIVE, then=yes), default=no, output_field=models.BooleanField())


def stood_at(areas: AreaSet, sees_system: bool, area: str, at_ms: int) -> dict[str, Stood]:
    """The alarms that were active then, by the newest entry of each before. One query."""
    system = Q(kind=Kind.SYSTEM.value)
    seen = Q() if areas.everywhere else Q(tag__area__in=areas.ids)
    alarms = Alarm.objects.filter((seen & ~system) | system if sees_system else seen & ~system)
    before = JournalEntry.objects.filter(alarm_uuid=OuterRef("uuid"), server_ms__lt=at_ms)
    newest = before.order_by("-server_ms", "-pk")
    began = newest.filter(event=Event.ALARM.value)
    rows = (
        alarms.annotate(key=Cast("uuid", models.CharField()), stood=Subquery(newest.values("to_state")[:1]))
        .filter(stood__in=_ACTIVE)
        .annotate(
            mutes=Subquery(newest.values("mutes_after")[:1]),
            area_then=Subquery(newest.values("area_path")[:1]),
            since=Subquery(began.values("source_ms")[:1], output_field=models.BigIntegerField()),
        )
        .values_list("key", "since", "mutes", "area_then")
    )
    below = f"{area.strip('/').lower()}/"
    return {
        key: Stood(since, bool(mutes))
        for key, since, mutes, where in rows
        if since is not None and (below == "/" or f"{where}/".lower().startswith(below))
    }


def first_entry_ms() -> int | None:
    """When the journal begins; None: it is empty."""
    found: int | None = JournalEntry.objects.aggregate(first=Min("server_ms"))["first"]
    return found


def named(areas: AreaSet, sees_system: bool, keys: Iterable[str], period: Period) -> dict[str, Named]:
    """Key in the figures -> what the alarm was called at the end of the period. A query each: for lists of some."""
    entries = selected(areas, sees_system, JournalFilters(to_ms=period.to_ms)).order_by("-server_ms", "-pk")
    found = {}
    for key in dict.fromkeys(keys):
        row = entries.filter(alarm_uuid=key).values_list("alarm_uuid", "path", "message", "priority").first()
        if row is not None:
            found[key] = Named(str(row[0]), *row[1:])
    return found


def own_targets() -> dict[str, tuple[float | None, float | None]]:
    """Figure -> (target, at most manageable), where the site asks something of its own."""
    rows = AlarmTarget.objects.values_list("figure", "goal", "manageable")
    return {figure: (goal, manageable) for figure, goal, manageable in rows}
