"""Times as texts in a time zone, many at once: ISO 8601 with milliseconds and the distance to UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from historian.pieces import Ints

_STEP_MS: Final = 900_000
"""Clocks are changed at whole quarters of an hour."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def stamps(times: Ints, zone: ZoneInfo) -> list[str]:
    """Of each time its text. The distance to UTC tells the two passes of an hour apart that clocks go through twice."""
    steps, which = np.unique(times // _STEP_MS, return_inverse=True)
    offsets = [_offset_s(int(step) * _STEP_MS, zone) for step in steps.tolist()]
    local = times + np.array(offsets, np.int64)[which] * 1000
    texts = np.datetime_as_string(local.astype("datetime64[ms]"), unit="ms")
    endings = np.array([_text(offset) for offset in offsets], dtype="U9")
    found: list[str] = np.strings.add(texts, endings[which]).tolist()
    return found


def _offset_s(ms: int, zone: ZoneInfo) -> int:
    """0 for times that no calendar has."""
    try:
        offset = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone).utcoffset()
    except (OverflowError, ValueError):
        return 0
    return 0 if offset is None else round(offset.total_seconds())


def _text(offset_s: int) -> str:
    minutes, seconds = divmod(abs(offset_s), 60)
    sign = "-" if offset_s < 0 else "+"
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
