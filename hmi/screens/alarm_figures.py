"""The key figures as their page shows them: period and area chosen, each figure with its target and the verdict."""

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.http import QueryDict

from alarms.current import current_alarms
from alarms.journal import JournalFilters, OftenShelved, journal, often_shelved
from alarms.kinds import Event, Priority
from alarms.kpi.figures import Figures, Flood, Period
from alarms.kpi.reading import Named, figures_of, first_entry_ms, named, own_targets
from alarms.kpi.targets import Judged, Level, judge
from alarms.models import JournalEntry
from hmi.screens.alarm_looks import LOOKS, Look
from hmi.screens.alarm_rights import AlarmScope
from hmi.screens.asked import area_of

PERIODS: Final = {"1": "24 hours", "7": "7 days", "30": "30 days", "90": "90 days"}
DEFAULT_PERIOD: Final = "30"
LONGEST_DAYS: Final = 366
MUTING: Final = frozenset(
    {
        Event.SHELVE,
        Event.UNSHELVE,
        Event.SUPPRESS,
        Event.UNSUPPRESS,
        Event.CAUSE_MUTED,
        Event.OUT_OF_SERVICE,
        Event.IN_SERVICE,
    }
)
LOG_ROWS: Final = 50
LIST_ROWS: Final = 20
BAR: Final = 100.0
"""Height of the tallest bar of the days."""
MARKS: Final = {Level.GOOD: "✓", Level.MANAGEABLE: "△", Level.OVER: "▲", Level.OPEN: "–"}
GROUPS: Final = (
    ("How loud it is", ("per_day", "per_hour", "per_10min", "hours_over", "buckets_over", "max_10min")),
    ("Floods", ("flood", "upset")),
    ("Alarms that need work", ("top", "chattering", "fleeting", "stale")),
    ("Priorities", ("high", "medium", "low")),
    ("Muting and changes", ("irregular",)),
    ("Answers", ("ack_p50", "ack_p95")),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the visitor asks for. `problem`: why the dates were not taken."""

    area: str
    days: str
    from_text: str
    to_text: str
    from_ms: int
    to_ms: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure in text. `goal` and `manageable`: as "at most 150"."""

    judged: Judged
    value: str
    goal: str
    manageable: str
    mark: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One day. Lengths in units of the drawing; `is_over`: above the target of a day."""

    date: date
    count: int
    x: float
    y: float
    height: float
    is_over: bool
    has_flood: bool


@dataclass(frozen=True, slots=True)
class Bars:
    bars: list[Bar]
    width: float
    target_y: float | None
    top: int


@dataclass(frozen=True, slots=True)
class Line:
    """An alarm in a list of figures. `is_there`: the person sees the alarm still."""

    known: Named
    look: Look
    count: int
    share_pct: float | None = None
    cumulative_pct: float | None = None
    hours: float | None = None
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    chosen: Chosen
    zone: str
    figures: Figures
    groups: list[tuple[str, list[Shown]]]
    bars: Bars
    split: list[tuple[Look, int]]
    bad_actors: list[Line]
    chattering: list[Line]
    fleeting: list[Line]
    stale: list[Line]
    floods: list[Flood]
    log: list[JournalEntry]
    log_is_cut: bool
    often: list[OftenShelved]
    begins_ms: int | None

    @property
    def days_of_data(self) -> float:
        return self.figures.period.length_ms / 86_400_000


def zone_for(scope: AlarmScope, area: str, default: str) -> str:
    """The zone of the plant whose area was chosen."""
    snapshot = scope.scope.layout.snapshot
    found = snapshot.area(area) if area else None
    return snapshot.plants[found.plant_id].time_zone if found is not None and scope.scope.sees(found) else default


def chosen_of(query: QueryDict, zone: str, now_ms: int) -> Chosen:
    """Dates are days of the plant's calendar, both included. What makes no sense counts as not asked, and is said."""
    area, days = area_of(query), query.get("days", DEFAULT_PERIOD)
    first, last = query.get("from", "")[:10], query.get("to", "")[:10]
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
    problem = ""
    if first or last:
        try:
            begin, end = date.fromisoformat(first), date.fromisoformat(last) if last else today
            if begin <= end and (end - begin).days < LONGEST_DAYS and begin <= today:
                to_ms = min(midnight_ms(end + timedelta(days=1), zone), now_ms)
                return Chosen(area, "", begin.isoformat(), end.isoformat(), midnight_ms(begin, zone), to_ms)
            problem = f"Choose a first day that is not after the last one, and at most {LONGEST_DAYS} days."
        except (ValueError, OverflowError):
            problem = "Write the first and the last day as year-month-day, like 2026-03-01."
    days = days if days in PERIODS else DEFAULT_PERIOD
    from_ms = now_ms - 86_400_000 if days == "1" else midnight_ms(today - timedelta(days=int(days)), zone)
    return Chosen(area, days, first, last, from_ms, now_ms, problem)


def midnight_ms(day: date, zone: str) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def page_of(scope: AlarmScope, query: QueryDict, default_zone: str) -> Page:
    zone, now_ms = zone_for(scope, area_of(query), default_zone), time.time_ns() // 1_000_000
    chosen, begins_ms = chosen_of(query, zone, now_ms), first_entry_ms()
    from_ms = chosen.from_ms if begins_ms is None else max(chosen.from_ms, begins_ms - begins_ms % 600_000)
    period = Period.between(min(from_ms, chosen.to_ms), chosen.to_ms, ZoneInfo(zone))
    figures = figures_of(scope.areas, scope.sees_system, chosen.area, period)
    judged = {j.target.figure: j for j in judge(figures, own_targets())}
    stale = sorted(figures.stale.items(), key=lambda item: -item[1])[:LIST_ROWS]
    chattering, fleeting = _most(figures.chattering), _most(figures.fleeting)
    keys = [a.alarm for a in figures.bad_actors] + [k for k, _ in [*stale, *chattering, *fleeting]]
    known = named(scope.areas, scope.sees_system, keys, period)

    def line(key: str, count: int, **more: float) -> Line:
        there = current_alarms().by_uuid.get(known[key].alarm_uuid)
        is_there = there is not None and scope.sees(there)
        return Line(known[key], LOOKS[Priority(known[key].priority)], count, is_there=is_there, **more)

    log = journal(
        scope.areas, scope.sees_system,
        JournalFilters(from_ms=period.from_ms, to_ms=period.to_ms, area=chosen.area, events=MUTING), limit=LOG_ROWS,
    )  # fmt: skip
    return Page(
        chosen=chosen, zone=zone, figures=figures,
        groups=[(title, [_shown(judged[name]) for name in names]) for title, names in GROUPS],
        bars=_bars(figures, judged["per_day"].target.goal),
        split=[(LOOKS[p], figures.priorities.get(p, 0)) for p in Priority],
        bad_actors=[
            line(a.alarm, a.count, share_pct=a.share_pct, cumulative_pct=a.cumulative_pct)
            for a in figures.bad_actors
            if a.alarm in known
        ],
        chattering=[line(k, n) for k, n in chattering if k in known],
        fleeting=[line(k, n) for k, n in fleeting if k in known],
        stale=[line(k, 0, hours=ms / 3_600_000) for k, ms in stale if k in known],
        floods=sorted(figures.floods, key=lambda f: -f.count)[:LIST_ROWS],
        log=log.entries, log_is_cut=log.older is not None,
        often=often_shelved(scope.areas, scope.sees_system, now_ms), begins_ms=begins_ms,
    )  # fmt: skip


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:LIST_ROWS]


def _shown(judged: Judged) -> Shown:
    target, bound = judged.target, "at least" if judged.target.at_least else "at most"
    return Shown(
        judged,
        _said(judged.value, target.decimals, target.unit),
        "" if target.goal is None else f"{bound} {_plain(target.goal, target.unit)}",
        "" if target.manageable is None else f"{bound} {_plain(target.manageable, target.unit)}",
        MARKS[judged.level],
    )


def _said(value: float | None, decimals: int, unit: str) -> str:
    return "–" if value is None else _in_minutes(value, unit) or f"{value:.{decimals}f} {unit}".strip()


def _plain(value: float, unit: str) -> str:
    return _in_minutes(value, unit) or f"{value:g} {unit}".strip()


def _in_minutes(value: float, unit: str) -> str:
    """Two minutes and more are read as such: "12 min 8 s", "1 h 22 min"."""
    if unit != "s" or value < 120:
        return ""
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _bars(figures: Figures, goal: float | None) -> Bars:
    """A bar a day, 8 wide with 2 between; the scale reaches at least to the target."""
    top = max([day.count for day in figures.days] + [round(goal or 0), 1])
    bars = []
    for n, day in enumerate(figures.days):
        height = day.count * BAR / top
        is_over = goal is not None and day.count > goal
        bars.append(Bar(day.date, day.count, n * 10.0, BAR - height, height, is_over, day.in_flood_ms > 0))
    return Bars(bars, max(len(bars) * 10.0, 10.0), None if goal is None else BAR - goal * BAR / top, top)
