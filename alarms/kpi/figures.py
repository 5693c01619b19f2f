"""The key figures of an alarm system (ALM-30), from the entries of its journal. Pure.

    tally = Tally(Period(from_ms, to_ms, zone), stood)
    tally.take(rows)          # in order of server_ms, in as many portions as one likes
    figures = tally.figures()

How loud it is (rates, floods) goes by `server_ms`: when the operator was called. How an alarm behaves (chattering,
fleeting, stale) goes by `source_ms`: when it happened in the plant, so that catching up after an outage makes no alarm
chatter.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import accumulate
from math import ceil
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alarms.kinds import Event, Mute

BUCKET_MS: Final = 600_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MANY_IN_HOUR: Final = 30
MANY_IN_BUCKET: Final = 10
FLOOD_ENDS_BELOW: Final = 5
CHATTER_TIMES: Final = 3
CHATTER_MS: Final = 60_000
FLEETING_MS: Final = 10_000
STALE_MS: Final = DAY_MS
TOP: Final = 10
ENOUGH_DAYS: Final = 30
"""With less than this the figures are only a hint."""
SYSTEM: Final = "system"


class Row(NamedTuple):
    """What is read of a JournalEntry. `alarm`: its uuid as text; events and states as the journal has them."""

    alarm: str
    event: str
    annunciated: bool
    priority: int
    source_ms: int
    server_ms: int
    active: bool
    mutes_after: str
    actor_kind: str
    reason: str
    revision: int


class Stood(NamedTuple):
    """An alarm that was active when the period began: since when, and was it muted?"""

    since_ms: int
    is_muted: bool


@dataclass(frozen=True, slots=True)
class Period:
    """`from_ms` included, `to_ms` not; both on the edge of ten minutes of the wall clock: see between()."""

    from_ms: int
    to_ms: int
    zone: ZoneInfo

    @classmethod
    def between(cls, from_ms: int, to_ms: int, zone: ZoneInfo) -> "Period":
        """The whole ten minutes that lie in it, as the clock of the plant has them: 14:00, 14:10 ..."""
        offset = datetime.fromtimestamp(from_ms / 1000, zone).utcoffset()
        shift = round(offset.total_seconds() * 1000) % BUCKET_MS if offset else 0
        begin = -(-(from_ms + shift) // BUCKET_MS) * BUCKET_MS - shift
        end = (to_ms + shift) // BUCKET_MS * BUCKET_MS - shift
        return cls(begin, max(begin, end), zone)

    @property
    def buckets(self) -> int:
        return (self.to_ms - self.from_ms) // BUCKET_MS

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms

    @property
    def is_short(self) -> bool:
        """30 days of the calendar may have an hour less than 30 times 24."""
        return self.length_ms < ENOUGH_DAYS * DAY_MS - HOUR_MS


@dataclass(frozen=True, slots=True)
class Flood:
    """`count`: calls in all of it; `worst`: in its worst ten minutes; `first`: in the ten minutes from its first call.

    `is_open`: it goes on at the end of the period.
    """

    from_ms: int
    to_ms: int
    count: int
    worst: int
    first: int
    is_open: bool

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Actor:
    """A bad actor (ALM-31): `share_pct` of all calls, `cumulative_pct` with those above it."""

    alarm: str
    count: int
    share_pct: float
    cumulative_pct: float


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the plant's calendar. `stale`: alarms that stood longer than 24 h on it."""

    date: date
    count: int
    stale: int
    in_flood_ms: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Rates are per elapsed time: a day is 24 h. Percentages 0 to 100. None: there is nothing to compute it from."""

    period: Period
    total: int
    per_day: float | None
    per_hour: float | None
    per_10min: float | None
    hours: int
    hours_over: int
    buckets_over: int
    max_10min: int
    max_10min_at_ms: int | None
    floods: list[Flood]
    days: list[Day]
    bad_actors: list[Actor]
    chattering: dict[str, int]
    """Alarm -> activations that were the third, or a later one, within a minute."""
    fleeting: dict[str, int]
    stale: dict[str, int]
    """Alarm -> ms for which it stood longer than 24 h."""
    priorities: dict[int, int]
    irregular: int
    """What was muted or changed without a person, a reason or a revision that answers for it."""
    mutes: dict[str, int]
    """Event of muting -> times."""
    ack_s: list[float] = field(repr=False)
    """Seconds from the call to the acknowledgement, sorted."""

    @property
    def hours_over_pct(self) -> float | None:
        return _pct(self.hours_over, self.hours)

    @property
    def buckets_over_pct(self) -> float | None:
        return _pct(self.buckets_over, self.period.buckets)

    @property
    def flood_pct(self) -> float | None:
        return _pct(sum(flood.length_ms for flood in self.floods), self.period.length_ms)

    @property
    def top_pct(self) -> float | None:
        return self.bad_actors[-1].cumulative_pct if self.bad_actors else None

    @property
    def stale_most(self) -> int | None:
        return max((day.stale for day in self.days), default=None)

    @property
    def upset_most(self) -> int | None:
        return max((flood.first for flood in self.floods), default=None)

    def ack_after_s(self, pct: float) -> float | None:
        """So many percent of the acknowledgements came within this many seconds (nearest rank)."""
        return self.ack_s[max(ceil(len(self.ack_s) * pct / 100), 1) - 1] if self.ack_s else None


@dataclass(slots=True)
class _Track:
    """What is known of one alarm while the entries go by."""

    active_since: int | None = None
    is_muted: bool = False
    is_suppressed: bool = False
    unmuted_at: int = 0
    called_at: int | None = None
    began_called_at: int | None = None
    """Source time of the activation, where it called and nobody has acted since: it may turn out fleeting."""
    before: tuple[int, ...] = ()


class Tally:
    """`stood`: the alarms that were active when the period began."""

    def __init__(self, period: Period, stood: Mapping[str, Stood] | None = None) -> None:
        self._period = period
        self._times = array("q")
        self._of_alarm: Counter[str] = Counter()
        self._of_priority: Counter[int] = Counter()
        self._chattering: Counter[str] = Counter()
        self._fleeting: Counter[str] = Counter()
        self._stale: list[tuple[str, int, int]] = []
        self._mutes: Counter[str] = Counter()
        self._irregular = 0
        self._ack_ms = array("q")
        self._tracks = {
            alarm: _Track(active_since=was.since_ms, is_muted=was.is_muted) for alarm, was in (stood or {}).items()
        }

    def take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            track = self._tracks.get(row.alarm)
            if track is None:
                track = self._tracks[row.alarm] = _Track()
            if row.annunciated:
                self._times.append(row.server_ms)
                self._of_alarm[row.alarm] += 1
                self._of_priority[row.priority] += 1
                track.called_at = row.server_ms
            if row.event == Event.ALARM:
                self._began(track, row)
            elif row.event == Event.RETURN:
                self._returned(track, row)
            else:
                self._else(track, row)

    def _began(self, track: _Track, row: Row) -> None:
        track.active_since, track.is_muted = row.source_ms, bool(row.mutes_after)
        track.began_called_at = row.source_ms if row.annunciated else None
        if not row.annunciated:
            return
        times = (*track.before, row.source_ms)
        if len(times) == CHATTER_TIMES:
            if row.source_ms - times[0] < CHATTER_MS:
                self._chattering[row.alarm] += 1
            times = times[1:]
        track.before = times

    def _returned(self, track: _Track, row: Row) -> None:
        if track.began_called_at is not None and row.source_ms - track.began_called_at < FLEETING_MS:
            self._fleeting[row.alarm] += 1
        track.began_called_at = None
        self._stood(row.alarm, track, row.source_ms)
        track.active_since = None

    def _else(self, track: _Track, row: Row) -> None:
        if row.actor_kind != SYSTEM:
            track.began_called_at = None
        if row.event == Event.ACK and track.called_at is not None:
            self._ack_ms.append(row.server_ms - track.called_at)
            track.called_at = None
        if row.event in _MUTING and not (row.event == Event.SUPPRESS and track.is_suppressed):
            self._mutes[row.event] += 1  # a suppression that goes on for another reason is not another one
        track.is_suppressed = Mute.BY_DESIGN in row.mutes_after.split(",")
        self._irregular += is_irregular(row)
        is_muted = bool(row.mutes_after)
        if is_muted and not track.is_muted:
            self._stood(row.alarm, track, row.server_ms)
        elif track.is_muted and not is_muted:
            track.unmuted_at = row.server_ms
        track.is_muted = is_muted
        if not row.active:
            self._stood(row.alarm, track, row.server_ms)
            track.active_since = None

    def _stood(self, alarm: str, track: _Track, until_ms: int) -> None:
        """It stood active and in the list until then: what of it was longer than 24 h?"""
        if track.active_since is None or track.is_muted:
            return
        begin = max(track.active_since + STALE_MS, track.unmuted_at, self._period.from_ms)
        end = min(until_ms, self._period.to_ms)
        if begin < end:
            self._stale.append((alarm, begin, end))

    def figures(self) -> Figures:
        """Of everything taken. Ask once: what still stands is ended by it."""
        for alarm, track in self._tracks.items():
            self._stood(alarm, track, self._period.to_ms)
        period, times, total = self._period, self._times, len(self._times)
        buckets = [0] * period.buckets
        for at_ms in times:
            buckets[(at_ms - period.from_ms) // BUCKET_MS] += 1
        hours, floods = _by_hour(period, buckets), find_floods(period, buckets, times)
        most, most_at = _most_in_10min(times)
        hours_long = period.length_ms / HOUR_MS
        stale: Counter[str] = Counter()
        for alarm, begin, end in self._stale:
            stale[alarm] += end - begin
        return Figures(
            period=period, total=total, per_day=_per(total, hours_long / 24), per_hour=_per(total, hours_long),
            per_10min=_per(total, hours_long * 6), hours=len(hours), hours_over=sum(n > MANY_IN_HOUR for n in hours),
            buckets_over=sum(n > MANY_IN_BUCKET for n in buckets), max_10min=most, max_10min_at_ms=most_at,
            floods=floods, days=_by_day(period, buckets, floods, self._stale), bad_actors=bad_actors(self._of_alarm),
            chattering=dict(self._chattering), fleeting=dict(self._fleeting), stale=dict(stale),
            priorities=dict(self._of_priority), irregular=self._irregular, mutes=dict(self._mutes),
            ack_s=sorted(ms / 1000 for ms in self._ack_ms),
        )  # fmt: skip


_MUTING: Final = frozenset({Event.SHELVE, Event.SUPPRESS, Event.OUT_OF_SERVICE})


def is_irregular(row: Row) -> bool:
    """Shelved or taken out of service without a person or without a reason; suppressed by design, but by a person;
    a definition changed without a revision. Isthmus itself does none of these: something else wrote it."""
    match row.event:
        case Event.SHELVE | Event.OUT_OF_SERVICE:
            return row.actor_kind == SYSTEM or not row.reason.strip()
        case Event.SUPPRESS:
            return row.actor_kind != SYSTEM
        case Event.CHANGED:
            return row.revision <= 0
        case _:
            return False


def bad_actors(counts: Mapping[str, int], top: int = TOP) -> list[Actor]:
    total = sum(counts.values())
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]
    sums = accumulate(count for _, count in found)
    return [Actor(a, n, n * 100 / total, upto * 100 / total) for (a, n), upto in zip(found, sums, strict=True)]


def find_floods(period: Period, buckets: list[int], times: "array[int]") -> list[Flood]:
    """A flood begins with ten minutes of more than 10 calls and lasts until ten minutes have fewer than 5.

    `times`: of all calls, sorted.
    """
    found, begin = [], None
    for i, count in enumerate([*buckets, 0]):
        if begin is None and count > MANY_IN_BUCKET and i < len(buckets):
            begin = i
        elif begin is not None and (count < FLOOD_ENDS_BELOW or i == len(buckets)):
            found.append(_flood(period, buckets, times, begin, i))
            begin = None
    return found


def _flood(period: Period, buckets: list[int], times: "array[int]", begin: int, end: int) -> Flood:
    start, inside = period.from_ms + begin * BUCKET_MS, buckets[begin:end]
    at = bisect_left(times, start)
    first = bisect_left(times, times[at] + BUCKET_MS) - at
    return Flood(start, start + len(inside) * BUCKET_MS, sum(inside), max(inside), first, is_open=end == len(buckets))


def _most_in_10min(times: "array[int]") -> tuple[int, int | None]:
    """The most calls within any ten minutes, wherever they begin, and when these began."""
    most, at, begin = 0, None, 0
    for end, at_ms in enumerate(times):
        while at_ms - times[begin] >= BUCKET_MS:
            begin += 1
        if end - begin + 1 > most:
            most, at = end - begin + 1, times[begin]
    return most, at


def _by_hour(period: Period, buckets: list[int]) -> list[int]:
    """Calls in each hour of the wall clock. The hour that a change of the clock repeats is two hours."""
    counts: dict[tuple[date, int, int], int] = {}
    for i, count in enumerate(buckets):
        local = datetime.fromtimestamp((period.from_ms + i * BUCKET_MS) / 1000, period.zone)
        key = (local.date(), local.hour, local.fold)
        counts[key] = counts.get(key, 0) + count
    return list(counts.values())


def _by_day(period: Period, buckets: list[int], floods: list[Flood], stale: list[tuple[str, int, int]]) -> list[Day]:
    dates = [
        datetime.fromtimestamp((period.from_ms + i * BUCKET_MS) / 1000, period.zone).date() for i in range(len(buckets))
    ]
    counts: Counter[date] = Counter()
    flooded: Counter[date] = Counter()
    standing: dict[date, set[str]] = {}
    for day, count in zip(dates, buckets, strict=True):
        counts[day] += count
    for flood in floods:
        begin = (flood.from_ms - period.from_ms) // BUCKET_MS
        for day in dates[begin : begin + flood.length_ms // BUCKET_MS]:
            flooded[day] += BUCKET_MS
    for alarm, begin, end in stale:
        first, last = (begin - period.from_ms) // BUCKET_MS, (end - 1 - period.from_ms) // BUCKET_MS
        for day in dict.fromkeys(dates[first : last + 1]):
            standing.setdefault(day, set()).add(alarm)
    return [Day(day, counts[day], len(standing.get(day, ())), flooded[day]) for day in dict.fromkeys(dates)]


def _per(total: int, length: float) -> float | None:
    return total / length if length else None


def _pct(part: float, whole: float) -> float | None:
    return part * 100 / whole if whole else None
