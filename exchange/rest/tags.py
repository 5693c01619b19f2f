"""GET /api/v1/tags and /api/v1/tags/{path}: what the caller may see, with value, quality and times."""

import time
from typing import Annotated, Any, cast

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from accounts.permissions import Action, AreaSet
from devices.current import current_snapshot
from devices.readings import Reading, read
from devices.snapshot import Snapshot, TagEntry
from exchange import problems
from exchange.caller import Caller
from exchange.rest.cursors import read_cursor, write_cursor
from exchange.rest.shapes import DEFAULT_LIMIT, MAX_LIMIT, ProblemOut, Quality, TagOut, TagPage, iso, tag_out
from exchange.rest.statuses import word_of

router = Router()
PROBLEMS: dict[Any, Any] = {(401, 403, 404, 422, 429, 503): ProblemOut}

PathFilter = Annotated[str | None, Query(description="Only this area and what lies below it", max_length=600)]
TextFilter = Annotated[str | None, Query(description="Only tags with this text in path or title", max_length=200)]
QualityFilter = Annotated[Quality | None, Query(description="Only tags whose value now has this severity")]
Limit = Annotated[int, Query(description="Tags on a page", ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=900)]


@router.get("/tags", response={200: TagPage} | PROBLEMS, operation_id="list_tags", summary="Tags with their values")
def list_tags(
    request: HttpRequest,
    area: PathFilter = None,
    text: TextFilter = None,
    quality: QualityFilter = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> TagPage:
    """Ordered by path, without regard to case. While Redis is away every value is null with Bad_NoCommunication."""
    areas = _caller(request).areas_or_problem(Action.VIEW)
    snapshot = current_snapshot()
    tags = _filtered(snapshot, areas, area, text)
    if cursor is not None:
        after = read_cursor(cursor)
        tags = [t for t in tags if t.path.lower() > after]
    if quality is None:
        readings = read(tags[: limit + 1], snapshot, Reading)
    else:
        readings = [r for r in read(tags, snapshot, Reading) if word_of(r.status) == quality]
    page = readings[:limit]
    return TagPage(
        items=[tag_out(r) for r in page],
        next=write_cursor(page[-1].tag.path.lower()) if len(readings) > limit else None,
        at=iso(time.time_ns() // 1_000_000),
        revision=snapshot.revision,
    )


@router.get(
    "/tags/{path:path}", response={200: TagOut} | PROBLEMS, operation_id="get_tag", summary="One tag with its value"
)
def get_tag(request: HttpRequest, path: Annotated[str, Field(description="plant/area/.../tag")]) -> TagOut:
    """An unknown path and one outside the caller's areas answer the same 404."""
    areas = _caller(request).areas_or_problem(Action.VIEW)
    snapshot = current_snapshot()
    tag = snapshot.tag(path)
    if tag is None or tag.area_id not in areas:
        raise problems.not_found("tag", path)
    return tag_out(read([tag], snapshot, Reading)[0])


def _caller(request: HttpRequest) -> Caller:
    return cast(Caller, request.auth)  # type: ignore[attr-defined]  # set by ninja: what the API's auth returned


def _filtered(snapshot: Snapshot, areas: AreaSet, area: str | None, text: str | None) -> list[TagEntry]:
    tags = [t for t in snapshot.tags.values() if t.area_id in areas]
    if area is not None:
        below = area.strip("/").lower() + "/"
        if not any(f"{a.path}/".lower().startswith(below) for a in snapshot.areas.values() if a.id in areas):
            raise problems.not_found("area", area)
        tags = [t for t in tags if t.path.lower().startswith(below)]
    if text is not None:
        sought = text.casefold()
        tags = [t for t in tags if sought in t.path.casefold() or sought in t.title.casefold()]
    return sorted(tags, key=lambda t: t.path.lower())
