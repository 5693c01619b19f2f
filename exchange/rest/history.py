"""GET /api/v1/history: samples, interpolated values and aggregates of tags; as JSON, or as a file of any length."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query as Parameter
from ninja import Router
from pydantic import AwareDatetime

from accounts.permissions import Action
from devices.current import current_snapshot
from devices.snapshot import Snapshot, TagEntry
from exchange import problems
from exchange.caller import Caller
from exchange.places import Place, places
from exchange.rest.cursors import read_cursor, write_cursor
from exchange.rest.history_shapes import (
    LEVELS,
    HistoryOut,
    Level,
    Mode,
    SeriesOut,
    intervals_out,
    samples_out,
    series_out,
)
from exchange.rest.shapes import ProblemOut, iso
from exchange.streams import begun, streamed
from historian.aggregate import Aggregate, Options
from historian.configuration import key_of
from historian.export import batches
from historian.export.batches import Batch, Source
from historian.export.csv_lines import csv_lines
from historian.intervals import Every, intervals
from historian.pen import Pen
from historian.pens import newest_of, pens_of, series_of
from historian.pieces import Ints
from historian.query import Query
from historian.readers import ask_history, shared_storage
from historian.storage.base import Storage

router = Router()
PROBLEMS: dict[Any, Any] = {(401, 403, 404, 422, 429, 500, 503): ProblemOut}

MOST_TAGS: Final = 50
MOST_SAMPLES: Final = 10_000
DEFAULT_SAMPLES: Final = 1000
MOST_CELLS: Final = 20_000
"""Values in one JSON answer of a mode that reckons. Files have no such limit."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Format = Literal["json", "csv", "arrow", "parquet"]
FILES: Final = {
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}

Tags = Annotated[
    list[str], Parameter(alias="tag", description="Path of a tag; may be given several times", max_length=MOST_TAGS)
]
From = Annotated[AwareDatetime, Parameter(alias="from", description="Begin; ISO 8601 with zone")]
To = Annotated[AwareDatetime | None, Parameter(description="End, which does not belong to it; default: now")]
ModeWord = Annotated[Mode, Parameter(description="Samples as they are stored, values at intervals, or aggregates")]
Aggregates = Annotated[
    list[Aggregate] | None, Parameter(alias="aggregate", description="Of OPC UA Part 13; may be given several times")
]
Interval = Annotated[
    str | None,
    Parameter(description="10s, 15m, 1h, 1d, 1w, 1mo, 1y; without it one aggregate of the whole time", max_length=40),
]
Zone = Annotated[
    str | None,
    Parameter(description="Of days and longer intervals, and of times in files; default: the plant's", max_length=64),
]
Percent = Annotated[int, Parameter(ge=0, le=100, description="See Part 13, 4.2.1.2")]
Limit = Annotated[int | None, Parameter(description="Samples on a page of JSON, default 1000", ge=1, le=MOST_SAMPLES)]
Cursor = Annotated[str | None, Parameter(description="`next` of the page before", max_length=100)]
FormatWord = Annotated[Format, Parameter(description="Files have no pages: they are sent while they are made")]
BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
IN_OPENAPI: Final = {
    "responses": {
        200: {
            "content": {FILES["csv"].split(";")[0]: {"schema": {"type": "string"}}}
            | {FILES[name]: BINARY for name in ("arrow", "parquet")}
        }
    }
}


@dataclass(frozen=True, slots=True)
class Question:
    tags: list[TagEntry]
    from_ms: int
    to_ms: int
    mode: Mode
    kinds: list[Aggregate]
    interval: str | None
    zone: ZoneInfo
    options: Options
    now_ms: int

    def edges(self) -> Ints:
        """Raises QueryRefused."""
        if self.interval is None:
            return np.array([self.from_ms, self.to_ms], np.int64)
        return intervals(self.from_ms, self.to_ms, Every.of(self.interval), self.zone)


@router.get(
    "/history", response={200: HistoryOut} | PROBLEMS, operation_id="read_history", by_alias=True,
    summary="What was recorded of tags", openapi_extra=IN_OPENAPI,
)  # fmt: skip
def read_history(
    request: HttpRequest,
    tags: Tags,
    begin: From,
    to: To = None,
    mode: ModeWord = "raw",
    aggregates: Aggregates = None,
    interval: Interval = None,
    zone: Zone = None,
    treat_uncertain_as_bad: bool = True,
    percent_data_bad: Percent = 100,
    percent_data_good: Percent = 100,
    limit: Limit = None,
    cursor: Cursor = None,
    format: FormatWord = "json",
) -> HistoryOut | StreamingHttpResponse:
    """An unknown tag and one outside the caller's areas answer the same 404."""
    seen, snapshot = _seen(request, tags)
    now_ms = time.time_ns() // 1_000_000
    question = Question(
        tags=seen, from_ms=_ms(begin), to_ms=now_ms if to is None else _ms(to), mode=mode,
        kinds=list(dict.fromkeys(aggregates or [])), interval=interval, zone=_zone(zone, seen[0], snapshot),
        options=Options(treat_uncertain_as_bad, percent_data_bad, percent_data_good), now_ms=now_ms,
    )  # fmt: skip
    _refuse_mismatch(question, limit, cursor, format)
    if format != "json":
        place = places.take(cast(Caller, request.auth).user.pk)  # type: ignore[attr-defined]  # set by ninja
        try:
            return _file(request, question, snapshot, format, place)
        except BaseException:
            places.leave(place)
            raise
    if mode == "raw":
        return _page(question, limit or DEFAULT_SAMPLES, cursor)
    return _reckoned(question, snapshot)


def _seen(request: HttpRequest, paths: list[str]) -> tuple[list[TagEntry], Snapshot]:
    areas = cast(Caller, request.auth).areas_or_problem(Action.VIEW)  # type: ignore[attr-defined]  # set by ninja
    snapshot = current_snapshot()
    found: dict[int, TagEntry] = {}
    for path in paths:
        tag = snapshot.tag(path)
        if tag is None or tag.area_id not in areas:
            raise problems.not_found("tag", path)
        found[tag.id] = tag
    if not found:
        raise problems.bad_parameter("tag", "name at least one tag.")
    return list(found.values()), snapshot


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _zone(name: str | None, tag: TagEntry, snapshot: Snapshot) -> ZoneInfo:
    if name is None:
        return snapshot.plants[snapshot.areas[tag.area_id].plant_id].zone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # not there; no possible name; the name of a folder
        raise problems.bad_parameter(
            "zone", f"'{name}' is not a time zone of the IANA database. Write it like 'Europe/Stockholm' or 'UTC'."
        ) from None


def _refuse_mismatch(question: Question, limit: int | None, cursor: str | None, format: Format) -> None:
    """What goes with one mode or form only."""
    if (limit is not None or cursor is not None) and (question.mode != "raw" or format != "json"):
        raise problems.bad_parameter("limit", "pages (`limit`, `cursor`) there are of raw samples as JSON only.")
    if question.kinds and question.mode != "aggregate":
        raise problems.bad_parameter("aggregate", "goes with mode=aggregate only.")
    if not question.kinds and question.mode == "aggregate":
        raise problems.bad_parameter("aggregate", f"name at least one. There are: {', '.join(Aggregate)}.")
    if question.interval is not None and question.mode == "raw":
        raise problems.bad_parameter("interval", "raw samples have none; ask for mode=interpolated or aggregate.")
    if question.interval is None and question.mode == "interpolated":
        raise problems.bad_parameter("interval", "says at which distance values are wanted, for example 15m.")


# -- raw


def _sources(tags: list[TagEntry]) -> list[Source]:
    """A tag's series in the order of their age; of one that was never recorded the one it will have."""
    known = series_of(tags)
    found = []
    for tag in tags:
        recorded = known[tag.id]
        found += [Source(tag.path, tag.uuid, key.kind, key.unit, number) for key, number in recorded]
        if not recorded:
            key = key_of(tag)
            found.append(Source(tag.path, tag.uuid, key.kind, key.unit, None))
    return found


def _page(question: Question, limit: int, cursor: str | None) -> HistoryOut:
    """Source by source, each in order of time; a page begins behind the last sample of the one before."""
    sources = _sources(question.tags)
    first, from_ms = (0, question.from_ms) if cursor is None else _after(cursor, sources)
    asked = sources[first:]
    found = ask_history(lambda storage: _samples(storage, asked, from_ms, question, limit + 1))
    series, left, following = [], limit, None
    for batch in found:
        page, has_more = batches.first(batch, left), len(batch) > left
        if len(page) or not has_more:
            series.append(series_out(page.source, "samples" if len(page) else None, samples_out(page), None))
        if has_more:
            last, last_ms = _last(found, limit)
            following = write_cursor(f"{last.series} {last_ms}")
            break
        left -= len(page)
    return _answer(question, series, following)


def _last(found: list[Batch], limit: int) -> tuple[Source, int]:
    """Source and time of the sample that ends the page."""
    for batch in found:
        if limit <= len(batch):
            return batch.source, int(batch.times[limit - 1])
        limit -= len(batch)
    raise AssertionError("a page ends within what was found")


def _samples(storage: Storage, sources: list[Source], from_ms: int, question: Question, limit: int) -> list[Batch]:
    """At most `limit` samples of all sources together; sources behind the last of them are left out."""
    query, found = Query(storage), []
    for source in sources:
        found.append(batches.of_samples(source, query.raw(source.series, from_ms, question.to_ms, limit)))
        limit -= len(found[-1])
        from_ms = question.from_ms
        if limit <= 0:
            break
    return found


def _after(cursor: str, sources: list[Source]) -> tuple[int, int]:
    number, _, last_ms = read_cursor(cursor).partition(" ")
    place = next((n for n, source in enumerate(sources) if str(source.series) == number), None)
    if place is None or not last_ms.lstrip("-").isdecimal() or len(last_ms) > 17:
        raise problems.bad_parameter("cursor", "this is not the `next` of an earlier page of the same question.")
    return place, int(last_ms) + 1


# -- interpolated values and aggregates


def _pens(question: Question, snapshot: Snapshot) -> list[tuple[Source, Pen]]:
    known = pens_of(question.tags)
    newest = newest_of(question.tags, snapshot, question.now_ms)
    found = []
    for tag in question.tags:
        key, pen = key_of(tag), replace(known[tag.id], newest=newest.get(tag.id))
        found.append((Source(tag.path, tag.uuid, key.kind, key.unit, pen.series), pen))
    return found


def _reckoned(question: Question, snapshot: Snapshot) -> HistoryOut:
    edges = question.edges()
    cells = (len(edges) - 1) * len(question.tags) * max(1, len(question.kinds))
    if cells > MOST_CELLS:
        raise problems.question_refused(
            f"These are {cells:,} values; JSON carries at most {MOST_CELLS:,}. Ask for longer intervals or a shorter "
            "time, or for a file (format=csv, arrow or parquet)."
        )
    return _answer(question, [_series(question, edges, *pair) for pair in _pens(question, snapshot)], None)


def _series(question: Question, edges: Ints, source: Source, pen: Pen) -> SeriesOut:
    is_interpolated = question.mode == "interpolated"
    kinds = [Aggregate.INTERPOLATIVE] if is_interpolated else question.kinds
    query = Query(shared_storage())
    tables = list(batches.tables(query, pen, kinds, edges, question.options))
    level: Level = max((cast(Level, table.level) for table in tables), key=LEVELS.index)
    if is_interpolated:
        parts = [batches.of_column(source, kinds[0], table, interpolated=True) for table in tables]
        return series_out(source, level, [out for part in parts for out in samples_out(part)], None)
    rows = [intervals_out([batches.of_column(source, kind, table) for kind in kinds]) for table in tables]
    return series_out(source, level, None, [out for part in rows for out in part])


def _answer(question: Question, series: list[SeriesOut], following: str | None) -> HistoryOut:
    return HistoryOut(
        begin=iso(question.from_ms), end=iso(question.to_ms), zone=question.zone.key, mode=question.mode,
        interval=question.interval, series=series, next=following, at=iso(question.now_ms),
    )  # fmt: skip


# -- files


def _file(
    request: HttpRequest, question: Question, snapshot: Snapshot, format: Format, place: Place
) -> StreamingHttpResponse:
    query = Query(shared_storage())
    if question.mode == "raw":
        sources = _sources(question.tags)
        found = batches.raw(query, sources, question.from_ms, question.to_ms)
    else:
        pens = _pens(question, snapshot)
        sources = [source for source, _ in pens]
        edges = question.edges()
        if question.mode == "interpolated":
            found = batches.interpolated(query, pens, edges, question.options)
        else:
            found = batches.aggregated(query, pens, question.kinds, edges, question.options)
    parts = _written(begun(found), sources, question, format)
    ending = "arrows" if format == "arrow" else format
    made = datetime.fromtimestamp(question.now_ms / 1000, UTC)
    return streamed(request, parts, FILES[format], f"history-{made:%Y%m%d-%H%M%S}.{ending}", place)


def _written(found: Iterator[Batch], sources: list[Source], question: Question, format: Format) -> Iterator[bytes]:
    of_aggregates = question.mode == "aggregate"
    if format == "csv":
        return csv_lines(found, question.zone, of_aggregates=of_aggregates)
    from historian.export import arrow  # tens of MB, which a site whose history nobody takes out does without

    about = {
        "from": iso(question.from_ms) or "", "to": iso(question.to_ms) or "", "zone": question.zone.key,
        "mode": question.mode, "interval": question.interval or "", "made": iso(question.now_ms) or "",
    }  # fmt: skip
    layout = arrow.Layout(sources, question.zone, of_aggregates=of_aggregates, about=about)
    return arrow.arrow_stream(found, layout) if format == "arrow" else arrow.parquet(found, layout)
