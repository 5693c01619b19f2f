"""One alarm and what would quieten it, by its own history."""

import time
from dataclasses import dataclass
from typing import Final

from alarms.journal import JournalFilters, selected
from alarms.kinds import Event
from alarms.kpi.suggestions import Pair, Setting, Suggestion, pairs_of, suggestions
from alarms.snapshot import AlarmEntry
from hmi.screens.alarm_looks import LOOKS, Look
from hmi.screens.alarm_rights import AlarmScope

DAYS: Final = 30
MOST: Final = 20_000
"""Entries read of one alarm: the newest ones of the period."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`is_cut`: older entries of the period were not read. `was_changed`: the definition was, while it stood."""

    alarm: AlarmEntry
    look: Look
    pairs: list[Pair]
    found: list[Suggestion]
    is_cut: bool
    was_changed: bool
    days: int = DAYS


def trial_of(scope: AlarmScope, alarm: AlarmEntry) -> Trial:
    since_ms = time.time_ns() // 1_000_000 - DAYS * 86_400_000
    filters = JournalFilters(
        from_ms=since_ms, alarm=alarm.uuid, events=frozenset({Event.ALARM, Event.RETURN, Event.CHANGED})
    )
    rows = list(
        selected(scope.areas, scope.sees_system, filters)
        .order_by("-server_ms", "-pk")
        .values_list("event", "source_ms", "value")[:MOST]
    )
    pairs = pairs_of(reversed(rows))
    return Trial(
        alarm, LOOKS[alarm.priority], pairs, suggestions(pairs, setting_of(alarm)), len(rows) == MOST,
        any(event == Event.CHANGED for event, *_ in rows),
    )  # fmt: skip


def setting_of(alarm: AlarmEntry) -> Setting:
    definition, tag = alarm.definition, alarm.tag
    span = tag.eu_max - tag.eu_min if tag and tag.eu_max is not None and tag.eu_min is not None else None
    return Setting(
        alarm.kind, alarm.setpoint, definition.condition.deadband, definition.on_delay_ms / 1000,
        definition.off_delay_ms / 1000, alarm.time_to_respond_min, span,
    )  # fmt: skip
