"""The alarm journal: what is asked of it, its entries in words, and as lines of a CSV file."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import QueryDict

from alarms.current import current_alarms
from alarms.journal import JournalFilters, Key
from alarms.kinds import Event, Mute, Priority
from alarms.models import JournalEntry
from alarms.snapshot import AlarmEntry
from hmi import presentation
from hmi.screens.alarm_looks import LOOKS, MUTES, Look, Said, said_limit, said_value
from hmi.screens.asked import area_of, chosen, text_of

PAGE: Final = 100
LATE_MS: Final = 5_000
"""What the server learned of later than this is shown with both times."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = (
    "server_time", "source_time", "time_zone", "area", "path", "message", "kind", "priority", "class", "event",
    "from_state", "to_state", "muted_before", "muted_after", "called", "first_out", "occurrence", "value", "unit",
    "status", "setpoint", "actor_kind", "actor", "station", "reason", "details", "revision", "event_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """`from_text` and `to_text`: as typed, in the zone of the plant. `problems`: what was not taken, and why."""

    filters: JournalFilters
    from_text: str
    to_text: str
    before: Key | None
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry in words. `happened`: when it differs from when the server learned of it."""

    row: JournalEntry
    look: Look
    sentence: str
    value: Said | None
    limit: str
    is_there: bool
    happened_ms: int | None


def search_of(query: QueryDict, zone: str) -> Search:
    problems: list[str] = []
    from_text, to_text = text_of(query, "from", 32), text_of(query, "to", 32)
    filters = JournalFilters(
        from_ms=_moment(from_text, zone, problems),
        to_ms=_moment(to_text, zone, problems),
        area=area_of(query),
        priorities=chosen(query, "priority", Priority),
        events=chosen(query, "event", Event),
        text=text_of(query, "q"),
        actor=text_of(query, "by"),
        alarm=query.get("alarm", "")[:36],
        annunciated="called" in query,
    )
    return Search(filters, from_text, to_text, _key(query.get("before", "")), problems)


def _moment(text: str, zone: str, problems: list[str]) -> int | None:
    """ms UTC of a day or a time of the plant's clock; of an hour that the clock repeats, the first."""
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
        return round((given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)
    except (ValueError, OverflowError):
        problems.append(f"'{text}' is no time. Write it as 2026-03-01 14:30, by the clock of {zone}.")
        return None


def _key(text: str) -> Key | None:
    at_ms, _, pk = text.partition("-")
    ok = all(part.isascii() and part.isdigit() and len(part) < 19 for part in (at_ms, pk))
    return (int(at_ms), int(pk)) if ok else None


def told(row: JournalEntry, known: AlarmEntry | None) -> Told:
    happened = row.source_ms if abs(row.server_ms - row.source_ms) > LATE_MS else None
    is_measured = row.event in (Event.ALARM, Event.RETURN)
    value = _value(row, known) if is_measured else None
    limit = said_limit(known, row.setpoint) if known is not None and row.event == Event.ALARM else ""
    return Told(row, LOOKS[Priority(row.priority)], sentence_of(row), value, limit, known is not None, happened)


def told_all(rows: Iterable[JournalEntry]) -> list[Told]:
    known = current_alarms().by_uuid
    return [told(row, known.get(str(row.alarm_uuid))) for row in rows]


def _value(row: JournalEntry, known: AlarmEntry | None) -> Said | None:
    """In the unit of that time; without decimals of its own where the alarm is not there any more."""
    if row.value is None:
        return None
    quality = presentation.quality_of(row.status)
    said = None if known is None else said_value(known, row.value, row.status)
    if said is not None:
        return Said(said.text, row.unit if said.unit else "", quality)
    text = f"{row.value:g}" if isinstance(row.value, float) else str(row.value)
    return Said(text, row.unit, quality)


def sentence_of(row: JournalEntry) -> str:
    """What happened: "Shelved for 60 min by Omar", "Alarm, while shelved: it did not call"."""
    label = Event(row.event).label
    said = label[0].upper() + label[1:]
    details = row.details if isinstance(row.details, dict) else {}
    if row.event == Event.SHELVE and isinstance(details.get("until_ms"), int):
        said += f" for {max(round((details['until_ms'] - row.server_ms) / 60_000), 0)} min"
        said += ", or until normal" if details.get("one_shot") else ""
    if row.event == Event.OUT_OF_SERVICE and details.get("work_order"):
        said += f", work order {details['work_order']}"
    if row.event == Event.REALARM:
        said += f" ({row.realarms})"
    if row.is_first_out and row.event == Event.ALARM:
        said += ", first of its group"
    mutes = [MUTES[Mute(name)].lower() for name in row.mutes_before.split(",") if name in set(Mute)]
    if mutes and row.event in (Event.ALARM, Event.REALARM):
        said += f", while {' and '.join(mutes)}: it did not call"
    if row.actor_kind != "system":
        said += f" by {row.actor_name}"
    return said


# -- CSV


class _Line:
    """What csv.writer writes to; write() hands the line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[JournalEntry], zone: str) -> Iterator[str]:
    """Times are ISO 8601 in the zone, with their distance to UTC; the zone stands in each line."""
    writer, clock = csv.writer(_Line()), ZoneInfo(zone)
    yield "\ufeff" + str(writer.writerow(COLUMNS))
    for row in rows:
        yield str(writer.writerow([_cell(value) for value in _values(row, zone, clock)]))


def _values(row: JournalEntry, zone: str, clock: ZoneInfo) -> tuple[Any, ...]:
    return (
        _iso(row.server_ms, clock), _iso(row.source_ms, clock), zone, row.area_path, row.path, row.message, row.kind,
        Priority(row.priority).label, row.alarm_class, row.event, row.from_state, row.to_state, row.mutes_before,
        row.mutes_after, "yes" if row.annunciated else "no", "yes" if row.is_first_out else "no", row.occurrence,
        row.value, row.unit, f"0x{row.status:08X}", row.setpoint, row.actor_kind, row.actor_name, row.station,
        row.reason, json.dumps(row.details, ensure_ascii=False) if row.details else "", row.revision, row.event_id,
    )  # fmt: skip


def _iso(ms: int, clock: ZoneInfo) -> str:
    return datetime.fromtimestamp(ms / 1000, clock).isoformat(timespec="milliseconds")


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets a quote before it; numbers stay what they are."""
    if value is None:
        return ""
    if isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
