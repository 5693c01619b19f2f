"""Small things templates of pages ask for."""

import json
from typing import Final

from django import template

from bus.messages import Value
from bus.wire import wire_value
from devices.snapshot import TagEntry
from hmi.presentation import BY_SEVERITY, TABLE, decimals_of, labels_of
from hmi.screens.readings import Reading

register = template.Library()
BAR_WIDTH: Final = 100
GLYPHS: Final[dict[str, str]] = {row.q: row.glyph for row in [*TABLE.values(), *BY_SEVERITY.values()]}


@register.filter
def glyph_of(quality: str) -> str:
    """The sign of a class of quality, out of the one table (hmi/presentation.py)."""
    return GLYPHS[quality]


@register.inclusion_tag("hmi/_range_bar.html")
def range_bar(reading: Reading, width: int = BAR_WIDTH) -> dict[str, object]:
    """A moving analog indicator (HMI-14). Empty for a tag without a range: a bar without ends says nothing."""
    tag = reading.tag
    if tag.eu_min is None or tag.eu_max is None or tag.eu_max <= tag.eu_min:
        return {}
    return {
        "reading": reading,
        "low": tag.eu_min,
        "high": tag.eu_max,
        "width": width,
        "view": width + 10,
        "x": pointer_position(wire_value(reading.value, reading.status), tag.eu_min, tag.eu_max, width),
    }


def pointer_position(value: Value, low: float, high: float, width: int = BAR_WIDTH) -> float | None:
    """Where the pointer stands, 0 to width, held at the ends; None without a number. static/js/ui/range.js agrees."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(min(max((value - low) / (high - low), 0.0), 1.0) * width, 1)


@register.filter
def plain(number: float, tag: TagEntry) -> str:
    """An end of a range, with the digits of its tag but without idle zeros: 0, 8, 2.5."""
    text = f"{number:.{tag.decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def unlocalized(number: float) -> str:
    """A number for a script: no grouping, a point."""
    return repr(float(number))


@register.filter
def duration(ms: int) -> str:
    """A period for people: 500 ms, 1 s, 5 min."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 120_000:
        return f"{ms / 1000:g} s"
    return f"{ms / 60_000:g} min"


@register.filter
def period(ms: float) -> str:
    """A period that was measured, so with the digits that mean something: 84 ms, 1.02 s, 61.3 s."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms / 1000:.1f} s"


@register.filter
def digits(tag: TagEntry) -> int:
    return decimals_of(tag)


@register.filter
def labels_json(tag: TagEntry) -> str:
    """State -> word, for a script; {} for a tag that is a number."""
    return json.dumps(labels_of(tag), ensure_ascii=False)
