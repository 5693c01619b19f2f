"""What a trend shows, as the address of its page holds it. Pure: text in, text out, and a sentence for what is wrong.

`pen=works/north/level` up to eight times; what is said of a pen follows after "~": `hide`, `own` (an axis of its own),
`fit` (the axis fits what is seen) or `0..8` (its ends). `span=8h`: the last eight hours, going on with the time. `from`
and `to`: a time that stands still, by the clock of the plant. `at`: where the cursor stands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict

MOST_PENS: Final = 8
LONGEST_TEXT: Final = 4000
"""Of a whole state; as long as what a saved trend keeps (historian/models.py)."""
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
SHORTEST_MS: Final = 1_000
LONGEST_MS: Final = 20 * 366 * DAY_MS
DEFAULT_SPAN_MS: Final = HOUR_MS
PRESETS: Final[dict[str, str]] = {
    "10min": "10 min", "1h": "1 h", "8h": "8 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "365d": "1 year",
}  # fmt: skip

_WORDS: Final = ("hide", "own", "fit")
_UNITS_MS: Final = {"s": 1000, "min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,8})(s|min|h|d)")
_ENDS: Final = re.compile(r"(-?[0-9][0-9.e+-]*?)\.\.(-?[0-9][0-9.e+-]*)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PenState:
    """`path` as it was written. `ends`: of its axis, low before high."""

    path: str
    hidden: bool = False
    own_axis: bool = False
    fit: bool = False
    ends: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        """As it stands in the address."""
        return pen_text(self)


@dataclass(frozen=True, slots=True)
class TrendState:
    """Either the last `span_ms`, following the time, or `window`: (from, to) in ms UTC. `cursor_ms`: None: there is
    no cursor."""

    pens: tuple[PenState, ...] = ()
    span_ms: int = DEFAULT_SPAN_MS
    window: tuple[int, int] | None = None
    cursor_ms: int | None = None

    @property
    def follows(self) -> bool:
        return self.window is None

    @property
    def span_text(self) -> str:
        return span_text(self.span_ms)

    def bounds(self, now_ms: int) -> tuple[int, int]:
        return self.window or (now_ms - self.span_ms, now_ms)

    def with_pen(self, path: str) -> "TrendState":
        return replace(self, pens=(*self.pens, PenState(path)))

    def without(self, path: str) -> "TrendState":
        return replace(self, pens=tuple(p for p in self.pens if p.path.lower() != path.lower()))

    def changed(self, path: str, **change: Any) -> "TrendState":
        """With this pen changed as named."""
        kept = (replace(p, **change) if p.path.lower() == path.lower() else p for p in self.pens)
        return replace(self, pens=tuple(kept))


@dataclass(frozen=True, slots=True)
class Parsed:
    """`problems`: what was not taken, and why, in sentences."""

    state: TrendState
    problems: list[str] = field(default_factory=list)


def paths_in(query: QueryDict) -> list[str]:
    """The paths of the pens, before anything else is read: they say in which time zone the rest is."""
    return [text.partition("~")[0] for text in query.getlist("pen")[:MOST_PENS]]


def parse(query: QueryDict, zone: ZoneInfo) -> Parsed:
    problems: list[str] = []
    pens = _pens(query.getlist("pen"), problems)
    window = _window(query.get("from", ""), query.get("to", ""), zone, problems)
    state = TrendState(pens, _span(query.get("span", ""), problems), window)
    at = query.get("at", "")[:40]
    return Parsed(replace(state, cursor_ms=moment(at, zone, problems) if at else None), problems)


def format_query(state: TrendState, zone: ZoneInfo) -> str:
    """The query string, without "?". Parsed again it gives the same state."""
    said: list[tuple[str, str]] = [("pen", pen_text(pen)) for pen in state.pens]
    if state.window is None:
        said.append(("span", span_text(state.span_ms)))
    else:
        said += [("from", moment_text(state.window[0], zone)), ("to", moment_text(state.window[1], zone))]
        if state.span_ms != DEFAULT_SPAN_MS:
            said.append(("span", span_text(state.span_ms)))
    if state.cursor_ms is not None:
        said.append(("at", moment_text(state.cursor_ms, zone)))
    return urlencode(said, safe="/:~.", quote_via=quote)


# -- pens


def _pens(texts: Sequence[str], problems: list[str]) -> tuple[PenState, ...]:
    found: dict[str, PenState] = {}
    for text in texts:
        pen = _pen(text[:400], problems)
        if pen.path:
            found.setdefault(pen.path.lower(), pen)
    if len(found) > MOST_PENS:
        problems.append(
            f"A trend has at most {MOST_PENS} pens; these are {len(found)}. The first {MOST_PENS} are drawn."
        )
    return tuple(found.values())[:MOST_PENS]


def _pen(text: str, problems: list[str]) -> PenState:
    path, *words = text.split("~")
    pen = PenState(path.strip("/ "))
    for word in words:
        if word in _WORDS:
            pen = _said(pen, word)
        elif (ends := ends_of(word)) is not None:
            pen = replace(pen, ends=ends)
        else:
            problems.append(f"'{word[:40]}' says nothing of a pen. It can be: hide, own, fit, or ends like 0..8.")
    return replace(pen, fit=False) if pen.ends else pen


def _said(pen: PenState, word: str) -> PenState:
    return replace(
        pen, hidden=pen.hidden or word == "hide", own_axis=pen.own_axis or word == "own", fit=pen.fit or word == "fit"
    )


def ends_of(text: str) -> tuple[float, float] | None:
    """(low, high) of "0..8"; None where it says no ends."""
    match = _ENDS.fullmatch(text[:80])
    if match is None:
        return None
    try:
        low, high = float(match[1]), float(match[2])
    except ValueError:
        return None
    return (low, high) if isfinite(low) and isfinite(high) and low < high else None


def pen_text(pen: PenState) -> str:
    words = [("hide", pen.hidden), ("own", pen.own_axis), ("fit", pen.fit and pen.ends is None)]
    said = [pen.path, *(word for word, is_said in words if is_said)]
    if pen.ends is not None:
        said.append(f"{_plain(pen.ends[0])}..{_plain(pen.ends[1])}")
    return "~".join(said)


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


# -- time


def _span(text: str, problems: list[str]) -> int:
    if not text:
        return DEFAULT_SPAN_MS
    span_ms = span_ms_of(text)
    if SHORTEST_MS <= span_ms <= LONGEST_MS:
        return span_ms
    problems.append(f"'{text[:40]}' is no span. Write it like 10min, 8h or 30d, of at most 20 years. Shown is 1 h.")
    return DEFAULT_SPAN_MS


def span_ms_of(text: str) -> int:
    """0 for what is no span."""
    match = _SPAN.fullmatch(text[:16])
    return int(match[1]) * _UNITS_MS[match[2]] if match else 0


def span_text(span_ms: int) -> str:
    for unit in ("d", "h", "min"):
        if span_ms % _UNITS_MS[unit] == 0 and (unit != "d" or span_ms > DAY_MS):
            return f"{span_ms // _UNITS_MS[unit]}{unit}"
    return f"{max(1, round(span_ms / 1000))}s"


def _window(first: str, last: str, zone: ZoneInfo, problems: list[str]) -> tuple[int, int] | None:
    if not first and not last:
        return None
    if not first or not last:
        problems.append("A time that stands still needs both its begin and its end. Shown is the time up to now.")
        return None
    begin, end = moment(first[:40], zone, problems), moment(last[:40], zone, problems)
    if begin is None or end is None:
        return None
    if not SHORTEST_MS <= end - begin <= LONGEST_MS:
        problems.append(
            "The end must lie after the begin, by at least 1 s and at most 20 years. Shown is the time up to now."
        )
        return None
    return begin, end


def moment(text: str, zone: ZoneInfo, problems: list[str]) -> int | None:
    """ms UTC of a time by the clock of the zone, or with an offset of its own. Of an hour that the clock repeats the
    first is meant, unless an offset says which."""
    try:
        given = datetime.fromisoformat(text.strip())
        known = given if given.tzinfo else given.replace(tzinfo=zone)
        at_ms = (known - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        problems.append(f"'{text[:40]}' is no time. Write it as 2026-03-01 14:30, by the clock of {zone.key}.")
        return None
    if given.tzinfo is None and _local(at_ms, zone).replace(tzinfo=None) != given.replace(
        microsecond=given.microsecond // 1000 * 1000
    ):
        problems.append(f"{text[:40]} was left out by the clock of {zone.key}, which was put forward then.")
        return None
    return at_ms


def moment_text(at_ms: int, zone: ZoneInfo) -> str:
    """2026-03-01T14:30:00 by the clock of the zone; with its offset where the clock says this time twice."""
    here = _local(at_ms, zone)
    form = "milliseconds" if at_ms % 1000 else "seconds"
    is_twice = here.replace(fold=0).utcoffset() != here.replace(fold=1).utcoffset()
    if not is_twice:
        return here.replace(tzinfo=None).isoformat(timespec=form)
    return here.replace(tzinfo=timezone(here.utcoffset() or timedelta())).isoformat(timespec=form)


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def parse_text(query: str, zone: ZoneInfo) -> TrendState:
    """The state of a query string that a form sends along; what is wrong in it is left out."""
    return parse(_taken_apart(query), zone).state


def paths_in_text(query: str) -> list[str]:
    return paths_in(_taken_apart(query))


def _taken_apart(query: str) -> QueryDict:
    try:
        return QueryDict(query[:LONGEST_TEXT])
    except ValueError:  # more fields than anybody means
        return QueryDict()
