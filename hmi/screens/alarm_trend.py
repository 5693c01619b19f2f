"""The course of an alarm's value around its event, drawn by the server from what there is: the last ten minutes.

The scale holds the value and the limit; where nothing was measured the line is broken, and the range that is shown is
said beside it.
"""

import time
from dataclasses import dataclass
from typing import Final

from alarms.lists import Listed
from hmi import presentation
from hmi.live.recent import SPAN_MS, Points, recent
from hmi.screens.sparks import has_spark, least_difference, scale_of

WIDTH: Final = 600
HEIGHT: Final = 160
MARGIN: Final = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the time axis. `at`: x, or a height of the limit."""

    at: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class AlarmTrend:
    """`lines`: points of polylines, one for each stretch without a gap. `from_ms` to `to_ms` is drawn; what is known
    begins at `since_ms`, None: nothing is. `note`: what of the event cannot be shown."""

    lines: list[str]
    limit: Mark | None
    marks: list[Mark]
    low: str
    high: str
    from_ms: int
    to_ms: int
    since_ms: int | None
    note: str
    width: int = WIDTH
    height: int = HEIGHT


def trend_of(x: Listed) -> AlarmTrend | None:
    """None for an alarm whose value is no number."""
    tag = x.entry.tag
    if tag is None or not has_spark(tag):
        return None
    now_ms = time.time_ns() // 1_000_000
    from_ms = now_ms - SPAN_MS
    points = recent([tag.id])[tag.id]
    numbers = [value for _, value in points if value is not None]
    limit = x.entry.setpoint if x.entry.kind.is_level else None
    held = [*numbers, *([] if limit is None else [limit])]
    low, high = scale_of(held, least_difference(tag, held))

    def height(value: float) -> float:
        return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / (high - low), 1)

    def place(at_ms: int) -> float:
        return round(WIDTH * (at_ms - from_ms) / SPAN_MS, 1)

    decimals = presentation.decimals_of(tag)
    mark = None if limit is None else Mark(height(limit), _text(limit, decimals, tag.unit), "limit")
    return AlarmTrend(
        lines=[" ".join(f"{place(at)},{height(value)}" for at, value in line) for line in _stretches(points)],
        limit=mark,
        marks=[Mark(place(at), word, kind) for at, word, kind in _events(x) if from_ms <= at <= now_ms],
        low=_text(low, decimals, tag.unit),
        high=_text(high, decimals, tag.unit),
        from_ms=from_ms,
        to_ms=now_ms,
        since_ms=points[0][0] if points else None,
        note=_note(x, from_ms, points),
    )


def _text(value: float, decimals: int, unit: str) -> str:
    return f"{presentation.format_plain(float(value), decimals, {})} {unit}".strip()


def _stretches(points: Points) -> list[list[tuple[int, float]]]:
    found: list[list[tuple[int, float]]] = []
    is_open = False
    for at_ms, value in points:
        if value is None:
            is_open = False
            continue
        if not is_open:
            found.append([])
            is_open = True
        found[-1].append((at_ms, value))
    return [line * 2 if len(line) == 1 else line for line in found]


def _events(x: Listed) -> list[tuple[int, str, str]]:
    """The newest occurrence: when it began, and when it was over."""
    row = x.row
    found = [(row.active_at_ms, "alarm", "begin"), (row.returned_at_ms, "normal", "end")]
    return [(at, word, kind) for at, word, kind in found if at is not None]


def _note(x: Listed, from_ms: int, points: Points) -> str:
    if not points:
        return (
            "Nothing of the last ten minutes is known here yet: this server has just started, or nothing was measured."
        )
    began = x.row.active_at_ms
    if began is None:
        return ""
    if began < from_ms:
        return "The alarm began before this: only the last ten minutes are kept here, so its beginning is not shown."
    if began < points[0][0]:
        return "The alarm began before anything was recorded here: its beginning is not shown."
    return ""
