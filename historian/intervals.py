"""Intervals of an aggregate: neighbours without gap, [edge, next edge), as OPC UA Part 13, 5.4.2.2 has them. Pure.

Days, weeks, months and years are those of a time zone: a day in which clocks change has 23 or 25 hours (HIS-06).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

MOST: Final = 20_000
_DAY_MS: Final = 86_400_000
_FROM: Final = -62_135_596_800_000  # year 1; datetime knows no other years than 1 to 9999
_TO: Final = 253_402_214_400_000


class QueryRefused(ValueError):
    """What was asked makes no sense or costs too much. The sentence says what, and what may be asked instead."""


class Unit(StrEnum):
    MS = "ms"
    S = "s"
    MIN = "min"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "month"
    YEAR = "year"


_SHORT: Final = {"m": Unit.MIN, "mo": Unit.MONTH, "y": Unit.YEAR}
_FIXED_MS: Final = {Unit.MS: 1, Unit.S: 1000, Unit.MIN: 60_000, Unit.HOUR: 3_600_000}
_SHORTEST_MS: Final = _FIXED_MS | {
    Unit.DAY: 22 * 3_600_000, Unit.WEEK: 6 * _DAY_MS, Unit.MONTH: 27 * _DAY_MS, Unit.YEAR: 364 * _DAY_MS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Every:
    count: int
    unit: Unit

    @classmethod
    def of(cls, text: str) -> "Every":
        """From words like `10s`, `15min` or `15m`, `1h`, `1d`, `1w`, `1month`, `1mo`, `1year`. Raises QueryRefused."""
        found = re.fullmatch(r"([1-9]\d{0,8})\s*([a-z]+)", text.strip())
        unit = "" if found is None else _SHORT.get(found[2], found[2])
        if found is None or unit not in set(Unit):
            raise QueryRefused(
                f"“{text[:40]}” is no length of an interval. Give a whole number and a unit: {', '.join(Unit)}; "
                "for example 15min."
            )
        return cls(int(found[1]), Unit(unit))


def intervals(from_ms: int, to_ms: int, every: Every, zone: ZoneInfo) -> NDArray[np.int64]:
    """Edges of the intervals that cover from_ms to to_ms; the first and the last are cut to it.

    Fixed lengths up to a day are counted from each local midnight anew (the last before it may be shorter), longer ones
    from the midnight before from_ms; weeks begin on Monday. Raises QueryRefused.
    """
    if not _FROM <= from_ms < to_ms <= _TO:
        raise QueryRefused("The time to end at must be after the time to begin with, both in the years 1 to 9999.")
    if (to_ms - from_ms) / (every.count * _SHORTEST_MS[every.unit]) > MOST:
        raise QueryRefused(f"These are more than {MOST:,} intervals. Ask for longer intervals or for a shorter time.")
    fixed = _FIXED_MS.get(every.unit)
    inner = (
        _calendar(from_ms, to_ms, every, zone) if fixed is None else _fixed(from_ms, to_ms, every.count * fixed, zone)
    )
    inner = inner[(inner > from_ms) & (inner < to_ms)]
    return np.concatenate([[from_ms], inner, [to_ms]]).astype(np.int64)


def _fixed(from_ms: int, to_ms: int, length_ms: int, zone: ZoneInfo) -> NDArray[np.int64]:
    midnights = _calendar(from_ms, to_ms, Every(1, Unit.DAY), zone)
    if length_ms > _DAY_MS:
        midnights = midnights[:1]
    ends = np.append(midnights[1:], to_ms)
    days = zip(midnights.tolist(), ends.tolist(), strict=True)
    return np.concatenate([np.arange(int(a), int(b), length_ms, dtype=np.int64) for a, b in days])


def _calendar(from_ms: int, to_ms: int, every: Every, zone: ZoneInfo) -> NDArray[np.int64]:
    """Local midnights from the one at or before from_ms on."""
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=from_ms)).astimezone(zone).date()
    day = _begin(day, every.unit)
    edges = [_midnight(day, zone)]
    while edges[-1] < to_ms:
        day = _next(day, every)
        edges.append(_midnight(day, zone))
    return np.array(edges, np.int64)


def _begin(day: date, unit: Unit) -> date:
    if unit is Unit.WEEK:
        return day - timedelta(days=day.weekday())
    if unit is Unit.MONTH:
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit is Unit.YEAR else day


def _next(day: date, every: Every) -> date:
    if every.unit in (Unit.DAY, Unit.WEEK):
        return day + timedelta(days=every.count * (7 if every.unit is Unit.WEEK else 1))
    months = day.year * 12 + day.month - 1 + every.count * (12 if every.unit is Unit.YEAR else 1)
    return date(months // 12, months % 12 + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Where the clocks jump over midnight, the day begins after the jump."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    while begin.astimezone(zone).date() < day:
        begin += timedelta(minutes=15)
    return round((begin - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
