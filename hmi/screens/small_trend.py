"""The small trend of one tag on pages that are about something else (templates/hmi/_small_trend.html)."""

import json
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from django.urls import reverse

from devices.snapshot import TagEntry
from historian.series import SeriesKind, kind_of
from hmi.screens import trend_state
from hmi.screens.trend_lines import looks_of
from hmi.screens.trend_state import HOUR_MS, PenState, TrendState

SPAN_MS: Final = HOUR_MS


@dataclass(frozen=True, slots=True)
class SmallTrend:
    """`look`: what the script needs, as JSON. `url`: the same on the trends page."""

    tag: TagEntry
    look: str
    zone: str
    span_ms: int
    span_text: str
    url: str


def small_trend(tag: TagEntry, zone: ZoneInfo) -> SmallTrend | None:
    """None for texts, which have no line."""
    if kind_of(tag.data_type, tag.state_labels) is SeriesKind.TEXT:
        return None
    drawn = {"number": 1, "hidden": False, "own": False, "fit": False, "ends": None}
    state = TrendState((PenState(tag.path),), SPAN_MS)
    return SmallTrend(
        tag=tag,
        look=json.dumps(looks_of(tag) | drawn, ensure_ascii=False),
        zone=zone.key,
        span_ms=SPAN_MS,
        span_text="the last hour",
        url=f"{reverse('trends')}?{trend_state.format_query(state, zone)}",
    )
