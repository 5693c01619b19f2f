"""The small line beside a number: its last ten minutes, drawn by the server and drawn on by static/js/ui/spark.js.

The line has no axis and no numbers; the number stands beside it. Where nothing was measured it is broken. It fills its
height only when the value has really moved: by a tenth of the range of the tag, or else by a fiftieth of the value,
because noise that is blown up looks like an event (HMI-15).
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from devices.snapshot import TagEntry
from hmi.live.recent import DEPTH, STEP_MS, Points, recent, since_ms
from hmi.presentation import labels_of

WIDTH: Final = DEPTH - 1
HEIGHT: Final = 100
MARGIN: Final = 6
_OF_RANGE: Final = 0.1
_OF_VALUE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Spark:
    """`lines`: points of polylines, one for each stretch without a gap; x counts steps of STEP_MS, the newest at WIDTH.

    `low` and `high`: values at the lower and upper end; `least`: the smallest difference that fills the height.
    """

    path: str
    lines: list[str]
    low: float
    high: float
    least: float


def has_spark(tag: TagEntry) -> bool:
    """A number that is not a state: steps between words are no course."""
    return tag.data_type.is_number and not labels_of(tag)


def sparks(tags: Iterable[TagEntry]) -> dict[int, Spark]:
    """Tag id -> its line, for every tag that may have one; empty lines where nothing is known yet."""
    drawn = [tag for tag in tags if has_spark(tag)]
    now_ms = time.time_ns() // 1_000_000
    points = recent(tag.id for tag in drawn)
    return {tag.id: _spark(tag, points[tag.id], now_ms) for tag in drawn}


def span_text() -> str:
    """How far back the lines reach, for the head of their column."""
    since = since_ms()
    if since is None:
        return "Since now"
    minutes = round((time.time_ns() // 1_000_000 - since) / 60_000)
    return f"Last {minutes} min" if minutes else "Since now"


def _spark(tag: TagEntry, points: Points, now_ms: int) -> Spark:
    numbers = [value for _, value in points if value is not None]
    least = least_difference(tag, numbers)
    low, high = scale_of(numbers, least)
    return Spark(tag.path, _lines(points, now_ms, low, high), low, high, least)


def least_difference(tag: TagEntry, numbers: Sequence[float]) -> float:
    if tag.eu_min is not None and tag.eu_max is not None and tag.eu_max > tag.eu_min:
        return (tag.eu_max - tag.eu_min) * _OF_RANGE
    largest = max((abs(n) for n in numbers), default=0.0)
    return float(max(largest * _OF_VALUE, 10.0**-tag.decimals))


def scale_of(numbers: Sequence[float], least: float) -> tuple[float, float]:
    """The values at the ends: all numbers fit, and the difference is at least `least`. static/js/ui/spark.js agrees."""
    if not numbers:
        return 0.0, least
    low, high = min(numbers), max(numbers)
    short = max(0.0, least - (high - low)) / 2
    return low - short, high + short


def _lines(points: Points, now_ms: int, low: float, high: float) -> list[str]:
    lines: list[list[tuple[int, int]]] = []
    last_x = -2
    for at_ms, value in points:
        x = WIDTH - (now_ms - at_ms) // STEP_MS
        if value is None or x < 0:
            continue
        if x - last_x > 1:
            lines.append([])
        lines[-1].append((x, height_of(value, low, high)))
        last_x = x
    return [_text(line) for line in lines]


def height_of(value: float, low: float, high: float) -> int:
    """0 is above. static/js/ui/spark.js agrees."""
    return math.floor(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / (high - low) + 0.5)


def _text(line: list[tuple[int, int]]) -> str:
    """Only the corners: between two points of one height the line is straight anyway. One point alone is a dot."""
    corners = [
        point
        for i, point in enumerate(line)
        if i in (0, len(line) - 1) or not line[i - 1][1] == point[1] == line[i + 1][1]
    ]
    return " ".join(f"{x},{y}" for x, y in (corners * 2 if len(corners) == 1 else corners))
