"""GET alarms, one alarm, the journal; POST an acknowledgement, refused in the words in which a page would refuse it."""

import time
from typing import Annotated, Any, Final, Literal, cast

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import AwareDatetime

from accounts.permissions import Action, AreaSet
from alarms import actions
from alarms.current import current_alarms
from alarms.journal import JournalFilters, Key, journal
from alarms.kinds import Base, Event, Priority
from alarms.lists import Filters, Listed, alarms_at, listed, may_see, muted, one
from alarms.snapshot import AlarmEntry
from exchange import problems
from exchange.caller import Caller
from exchange.rest.alarm_shapes import (
    AckIn,
    AlarmDetailOut,
    AlarmPage,
    JournalOut,
    PriorityWord,
    StateWord,
    alarm_out,
    detail_out,
    entry_out,
)
from exchange.rest.cursors import read_cursor, write_cursor
from exchange.rest.shapes import DEFAULT_LIMIT, MAX_LIMIT, ProblemOut, iso

router = Router()
READING: dict[Any, Any] = {(401, 403, 404, 422, 429, 503): ProblemOut}
CHANGING: dict[Any, Any] = {(401, 403, 404, 409, 422, 429, 503): ProblemOut}

PathFilter = Annotated[str | None, Query(description="Only this area and what lies below it", max_length=600)]
TextFilter = Annotated[str | None, Query(description="Only with this text in path or message", max_length=200)]
PriorityFilter = Annotated[list[PriorityWord] | None, Query(description="Only these; may be given several times")]
StateFilter = Annotated[list[StateWord] | None, Query(description="Only these; may be given several times")]
Show = Literal["listed", "muted", "all"]
ShowFilter = Annotated[
    Show, Query(description="What stands in the alarm list, what is muted, or every alarm there is, normal ones too")
]
EventFilter = Annotated[list[Event] | None, Query(description="Only these; may be given several times")]
AlarmFilter = Annotated[str | None, Query(description="uuid of an alarm", max_length=36)]
From = Annotated[AwareDatetime | None, Query(alias="from", description="Not before; ISO 8601 with zone")]
To = Annotated[AwareDatetime | None, Query(description="Before; ISO 8601 with zone")]
Limit = Annotated[int, Query(description="Items on a page", ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=1200)]

REFUSED_BY_FORM: Final = frozenset({"text_too_long", "bad_text"})


@router.get("/alarms", response={200: AlarmPage} | READING, operation_id="list_alarms", summary="Alarms as they stand")
def list_alarms(
    request: HttpRequest,
    show: ShowFilter = "listed",
    area: PathFilter = None,
    text: TextFilter = None,
    priority: PriorityFilter = None,
    state: StateFilter = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> AlarmPage:
    """Ordered by path. Alarms of Isthmus itself are there for who may also 'diagnose'."""
    areas, sees_system = _sight(request)
    after = "" if cursor is None else read_cursor(cursor)
    filters = Filters(area or "", _priorities(priority), frozenset(Base(word) for word in state or ()), text or "")
    page, has_more = _page(show, areas, sees_system, filters, after, limit)
    return AlarmPage(
        items=[alarm_out(found) for found in page],
        next=write_cursor(page[-1].entry.path.lower()) if has_more else None,
        at=iso(time.time_ns() // 1_000_000),
        revision=current_alarms().revision,
    )


def _page(
    show: Show, areas: AreaSet, sees_system: bool, filters: Filters, after: str, limit: int
) -> tuple[list[Listed], bool]:
    """Those with a path behind `after`, and whether there are more."""
    if show == "all":
        found = alarms_at(areas, sees_system, filters)
    elif show == "muted":
        found = muted(areas, sees_system, filters=filters)
    else:
        found = listed(areas, sees_system, filters)
    ordered = sorted((x for x in found if x.entry.path.lower() > after), key=lambda x: x.entry.path.lower())
    return ordered[:limit], len(ordered) > limit


@router.get(
    "/alarms/journal", response={200: JournalOut} | READING, operation_id="list_alarm_journal",
    summary="What happened to alarms, newest first",
)  # fmt: skip
def list_alarm_journal(
    request: HttpRequest,
    since: From = None,
    to: To = None,
    area: PathFilter = None,
    text: TextFilter = None,
    priority: PriorityFilter = None,
    event: EventFilter = None,
    alarm: AlarmFilter = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> JournalOut:
    """Entries are never changed. A page begins behind an entry, so that what comes meanwhile repeats and skips none."""
    areas, sees_system = _sight(request)
    filters = JournalFilters(
        from_ms=_ms(since), to_ms=_ms(to), area=area or "", priorities=_priorities(priority),
        events=frozenset(event or ()), text=text or "", alarm=alarm or "",
    )  # fmt: skip
    page = journal(areas, sees_system, filters, None if cursor is None else _key(cursor), limit)
    older = None if page.older is None else write_cursor(f"{page.older[0]} {page.older[1]}")
    return JournalOut(items=[entry_out(entry) for entry in page.entries], next=older)


@router.get(
    "/alarms/{uuid}", response={200: AlarmDetailOut} | READING, operation_id="get_alarm",
    summary="One alarm, with what to do about it",
)  # fmt: skip
def get_alarm(request: HttpRequest, uuid: str) -> AlarmDetailOut:
    """An unknown alarm and one outside the caller's areas answer the same 404."""
    return detail_out(one(_visible(request, uuid)))


@router.post(
    "/alarms/{uuid}/ack", response={200: AlarmDetailOut} | CHANGING, operation_id="acknowledge_alarm",
    summary="Acknowledge the occurrence that was seen",
)  # fmt: skip
def acknowledge_alarm(request: HttpRequest, uuid: str, body: AckIn) -> AlarmDetailOut:
    """409 when there is a newer occurrence, or nothing to acknowledge (any more): nothing is recorded then."""
    caller = _caller(request)
    areas = caller.areas_or_problem(Action.ACKNOWLEDGE)
    entry = _visible(request, uuid)
    if entry.area_id not in areas:
        where = f"in the area '{entry.area_path}'" if entry.area_path else "for the whole site"
        raise problems.not_allowed(
            f"You may not '{Action.ACKNOWLEDGE.value}' {where}.", "An administrator can grant a role that allows it."
        )
    (result,) = actions.acknowledge(
        caller.actor(request), [(entry.uuid, body.occurrence)], body.comment, lambda alarm: alarm.area_id in areas
    )
    if result.refused is not None:
        raise _problem(result.refused.code, result.refused.sentence)
    return detail_out(one(entry))


def _problem(code: str, sentence: str) -> problems.Problem:
    if code == actions.DATABASE_AWAY.code:
        return problems.database_away()
    if code in REFUSED_BY_FORM:
        return problems.bad_parameter("comment", sentence)
    return problems.conflict(code, sentence)


def _visible(request: HttpRequest, uuid: str) -> AlarmEntry:
    areas, sees_system = _sight(request)
    entry = current_alarms().by_uuid.get(uuid.lower())
    if entry is None or not may_see(entry, areas, sees_system):
        raise problems.not_found("alarm", uuid, "alarms")
    return entry


def _sight(request: HttpRequest) -> tuple[AreaSet, bool]:
    """Where the caller may see alarms, and whether those of Isthmus itself."""
    caller = _caller(request)
    return caller.areas_or_problem(Action.VIEW), bool(caller.areas_where(Action.DIAGNOSE))


def _caller(request: HttpRequest) -> Caller:
    return cast(Caller, request.auth)  # type: ignore[attr-defined]  # set by ninja: what the API's auth returned


def _priorities(words: list[PriorityWord] | None) -> frozenset[Priority]:
    return frozenset(Priority[word.upper()] for word in words or ())


def _ms(at: AwareDatetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _key(cursor: str) -> Key:
    at_ms, _, pk = read_cursor(cursor).partition(" ")
    if not (at_ms.isdecimal() and pk.isdecimal() and max(len(at_ms), len(pk)) <= 18):
        raise problems.bad_parameter("cursor", "this is not the `next` of an earlier page.")
    return int(at_ms), int(pk)
