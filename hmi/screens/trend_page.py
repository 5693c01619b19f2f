"""What stands on the trends page: pens with their values and links, presets, tags to add, trends that are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from devices.snapshot import TagEntry
from historian import saved_trends
from historian.models import SavedTrend
from hmi.screens import trend_state
from hmi.screens.chrome import Chrome
from hmi.screens.readings import Reading, readings
from hmi.screens.scope import Scope, scope_of
from hmi.screens.trend_lines import TEXT, UNKNOWN, looks_of, pen_of
from hmi.screens.trend_state import PRESETS, PenState, TrendState

MOST_FOUND: Final = 20
FILES: Final = {"CSV": "csv", "Parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class PenShown:
    """`number`: from 1, its colour and its dashes. `missing`: why it has no line. `script`: what a script needs."""

    number: int
    state: PenState
    tag: TagEntry | None
    area: str
    reading: Reading | None
    missing: str
    script: dict[str, Any] | None
    toggle_url: str
    remove_url: str
    own_url: str
    fit_url: str


@dataclass(frozen=True, slots=True)
class Preset:
    title: str
    name: str
    span_ms: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A tag that can be added."""

    tag: TagEntry
    area: str
    url: str


@dataclass(frozen=True, slots=True)
class Saved:
    row: SavedTrend
    is_own: bool


def zone_of(request: HttpRequest, query: str | None = None) -> ZoneInfo:
    """That of the plant of the first pen the person sees; else the one in which the page says all times."""
    scope = scope_of(request)
    paths = trend_state.paths_in(request.GET) if query is None else trend_state.paths_in_text(query)
    for path in paths:
        tag = pen_of(scope, path)
        if tag is not None:
            return zone_of_tag(scope, tag)
    return ZoneInfo(Chrome(request).zone)


def zone_of_tag(scope: Scope, tag: TagEntry) -> ZoneInfo:
    snapshot = scope.layout.snapshot
    return snapshot.plants[snapshot.areas[tag.area_id].plant_id].zone


def pens_shown(scope: Scope, state: TrendState, zone: ZoneInfo) -> list[PenShown]:
    tags = [pen_of(scope, pen.path) for pen in state.pens]
    values = {r.tag.id: r for r in readings([tag for tag in tags if tag is not None])}
    return [_shown(scope, state, zone, number, values) for number, _ in enumerate(tags, 1)]


def _shown(scope: Scope, state: TrendState, zone: ZoneInfo, number: int, values: dict[int, Reading]) -> PenShown:
    pen = state.pens[number - 1]
    tag = pen_of(scope, pen.path)

    def url(other: TrendState) -> str:
        return f"{reverse('trends')}?{trend_state.format_query(other, zone)}"

    is_text = tag is not None and tag.data_type == "string"
    missing = UNKNOWN if tag is None else TEXT if is_text else ""
    ends = list(pen.ends) if pen.ends else None
    script = None
    if tag is not None and not missing:
        said = {"number": number, "hidden": pen.hidden, "own": pen.own_axis, "fit": pen.fit, "ends": ends}
        script = looks_of(tag) | said
    return PenShown(
        number=number,
        state=pen,
        tag=tag,
        area=scope.layout.snapshot.areas[tag.area_id].label if tag else "",
        reading=values[tag.id] if tag else None,
        missing=missing,
        script=script,
        toggle_url=url(state.changed(pen.path, hidden=not pen.hidden)),
        remove_url=url(state.without(pen.path)),
        own_url=url(state.changed(pen.path, own_axis=not pen.own_axis)),
        fit_url=url(state.changed(pen.path, fit=not pen.fit, ends=None)),
    )


def presets_of(state: TrendState, zone: ZoneInfo) -> list[Preset]:
    found = []
    for name, title in PRESETS.items():
        span_ms = trend_state.span_ms_of(name)
        other = TrendState(state.pens, span_ms)
        url = f"{reverse('trends')}?{trend_state.format_query(other, zone)}"
        found.append(Preset(title, name, span_ms, url, state.follows and state.span_ms == span_ms))
    return found


def exports_of(pens: list[PenShown], window: tuple[int, int], zone: ZoneInfo) -> dict[str, str]:
    """Kind of file -> address of the samples of these pens in this time; its times are of `zone`, and say so."""
    begin, end = (datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="milliseconds") for ms in window)
    tags = [("tag", pen.tag.path) for pen in pens if pen.tag is not None]
    asked = [*tags, ("from", begin), ("to", end), ("zone", zone.key)]
    address = reverse("rest:read_history")
    return (
        {title: f"{address}?{urlencode([*asked, ('format', form)])}" for title, form in FILES.items()} if tags else {}
    )


def found_tags(scope: Scope, state: TrendState, words: str, zone: ZoneInfo) -> list[Found]:
    """Tags the person sees whose path, title or area has all the words; those already drawn are left out."""
    sought = words.casefold().split()
    if not sought:
        return []
    drawn = {pen.path.lower() for pen in state.pens}
    found: list[Found] = []
    for tag in scope.layout.snapshot.tags.values():
        area = scope.layout.snapshot.areas[tag.area_id]
        if tag.path.lower() in drawn or tag.data_type == "string" or not scope.sees(area):
            continue
        text = f"{tag.title} {tag.path} {area.title}".casefold()
        if all(word in text for word in sought):
            url = f"{reverse('trends')}?{trend_state.format_query(state.with_pen(tag.path), zone)}"
            found.append(Found(tag, area.label, url))
            if len(found) == MOST_FOUND:
                break
    return sorted(found, key=lambda each: (each.area.casefold(), each.tag.label.casefold()))


def saved_of(request: HttpRequest) -> list[Saved]:
    """One's own first."""
    assert isinstance(request.user, User)  # LoginRequiredMiddleware has asked
    rows = saved_trends.visible_to(request.user)
    found = [Saved(row, row.owner_id == request.user.pk) for row in rows]
    return sorted(found, key=lambda each: (not each.is_own, each.row.name.casefold()))
