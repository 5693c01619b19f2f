"""The lines of a trend as its page fetches them: all pens in one answer, as columns of numbers.

Times are ms after `from_ms` (a line may enter before it); null breaks the line. `spans`: [from, to, severity] of what
is not Good. A pen the person may not see is answered with the same words as one that does not exist.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.current import current_alarms
from devices.snapshot import TagEntry
from historian.pen import Newest
from historian.pens import newest_of, pens_of
from historian.query import Line, Query, QueryRefused
from historian.readers import ask_history
from historian.series import SeriesKind, kind_of
from historian.storage.base import StorageAway, StorageDamaged
from hmi import presentation
from hmi.screens.alarm_looks import LOOKS, said_limit
from hmi.screens.scope import Scope

POINTS: Final = 2000
FEWEST: Final = 100
UNKNOWN: Final = "There is no such tag for you: the path is wrong, or lies outside the areas you may see."
TEXT: Final = "Its values are texts, which have no line. Its history can be exported."
AWAY: Final = "History cannot be read now; what comes live is drawn on. {}"
_DIGITS: Final = 9
"""Digits a number is sent with, more than any screen can show. Whole numbers are sent as they are."""


def pen_of(scope: Scope, path: str) -> TagEntry | None:
    """The tag, where the person may see it."""
    tag = scope.layout.snapshot.tag(path)
    return tag if tag is not None and scope.sees(scope.layout.snapshot.areas[tag.area_id]) else None


def _kind(tag: TagEntry) -> SeriesKind:
    return kind_of(tag.data_type, tag.state_labels)


def lines_of(scope: Scope, paths: Sequence[str], from_ms: int, to_ms: int, points: int, now_ms: int) -> dict[str, Any]:
    """Pens in the order of `paths`. Away, damaged or refused history is a sentence, not an error."""
    tags = {path: pen_of(scope, path) for path in paths}
    drawn = [tag for tag in tags.values() if tag is not None and _kind(tag) is not SeriesKind.TEXT]
    sentence = ""
    lines: dict[int, Line] = {}
    newest = newest_of(drawn, scope.layout.snapshot, now_ms)
    try:
        lines = _drawn(drawn, newest, from_ms, to_ms, points)
    except (StorageAway, StorageDamaged) as error:
        sentence = AWAY.format(error)
    except QueryRefused as error:
        sentence = str(error)
    pens = [_pen(path, tag, lines.get(tag.id) if tag else None, from_ms) for path, tag in tags.items()]
    return {"from_ms": from_ms, "to_ms": to_ms, "now_ms": now_ms, "sentence": sentence, "pens": pens}


def _drawn(
    tags: Sequence[TagEntry], newest: dict[int, Newest], from_ms: int, to_ms: int, points: int
) -> dict[int, Line]:
    if not tags:
        return {}
    known = pens_of(tags)
    pens = [replace(known[tag.id], newest=newest.get(tag.id)) for tag in tags]
    found = ask_history(lambda storage: Query(storage).plot(pens, from_ms, to_ms, points))
    return dict(zip((tag.id for tag in tags), found, strict=True))


def _pen(path: str, tag: TagEntry | None, line: Line | None, from_ms: int) -> dict[str, Any]:
    if tag is None:
        return {"path": path, "missing": UNKNOWN}
    if _kind(tag) is SeriesKind.TEXT:
        return {"path": tag.path, "missing": TEXT}
    found: dict[str, Any] = {"path": tag.path, "level": "", "t": [], "v": [], "spans": [], "limits": _limits(tag)}
    if line is not None:
        times = np.round(line.times - from_ms).astype(np.int64)
        spans = [[begin - from_ms, end - from_ms, severity] for begin, end, severity in line.not_good]
        found |= {"level": line.level, "t": times.tolist(), "v": _numbers(line.values), "spans": spans}
        found["ends"] = None if line.ends_ms is None else line.ends_ms - from_ms
    return found


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """With as many digits as mean something; a gap is None."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        places = _DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        scale = np.power(10.0, np.clip(places, -300, 300))
        short = np.round(values * scale) / scale
    is_kept = (values == np.floor(values)) | ~np.isfinite(short)
    numbers: list[float | None] = np.where(is_kept, values, short).tolist()
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        numbers[place] = None
    return numbers


def _limits(tag: TagEntry) -> list[dict[str, Any]]:
    """The limits of the tag's alarms that are switched on. Whoever sees the tag sees its alarms."""
    found = [
        {
            "at": alarm.setpoint, "priority": LOOKS[alarm.priority].number, "kind": alarm.kind.label,
            "text": f"{alarm.message} ({said_limit(alarm, alarm.setpoint)})",
        }
        for alarm in current_alarms().alarms.values()
        if alarm.tag is not None and alarm.tag.id == tag.id and alarm.enabled and alarm.kind.is_level
        and alarm.setpoint is not None
    ]  # fmt: skip
    return sorted(found, key=lambda limit: float(str(limit["at"])))


def looks_of(tag: TagEntry) -> dict[str, Any]:
    """What a script needs to draw and to say a value of this tag; does not change while a page is open."""
    ends = [tag.eu_min, tag.eu_max] if tag.eu_min is not None and tag.eu_max is not None else None
    return {
        "path": tag.path, "label": tag.label, "unit": tag.unit, "decimals": presentation.decimals_of(tag),
        "labels": presentation.labels_of(tag), "stepped": _kind(tag) is not SeriesKind.NUMBER, "range": ends,
    }  # fmt: skip


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
