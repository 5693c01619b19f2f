"""Times of alarms for templates: in the zone of the plant, and for programs."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString

from hmi.screens.alarm_looks import sounds_for_browsers

register = template.Library()


@register.simple_tag
def alarm_sounds() -> SafeString:
    """What each priority sounds like, for static/js/alarms/sound.js. Once in a page."""
    return json_script(sounds_for_browsers(), "alarm-sounds")


NO_TIME: Final = "–"


@register.filter
def clock_in(ms: int | None, zone: str) -> str:
    """2026-03-01 14:31:52 in the zone; the list says which zone that is."""
    return NO_TIME if ms is None else f"{datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


@register.filter
def time_in(ms: int, zone: str) -> str:
    """14:31:52 in the zone, where the day is said elsewhere."""
    return f"{datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)):%H:%M:%S}"


@register.filter
def utc_iso(ms: int | None) -> str:
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
