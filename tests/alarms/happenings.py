"""What the engine would write, for tests that begin with an alarm that stands."""

import time
from collections.abc import Iterable

from alarms import snapshot
from alarms.kinds import Event
from alarms.models import Alarm
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, writing
from audit.actions import Actor
from bus.messages import Value
from devices.snapshot import load

ENGINE = Who(Actor.system("alarms"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def entry_of(alarm: Alarm) -> AlarmEntry:
    return snapshot.load(load()).alarms[alarm.pk]


def happens(
    alarms: Alarm | Iterable[Alarm], *events: Event, at_ms: int | None = None, value: Value = 11.5
) -> list[AlarmEntry]:
    """Every event to each of the alarms, in one writing. Returns them as processes hold them."""
    known = snapshot.load(load()).alarms
    entries = [known[a.pk] for a in ([alarms] if isinstance(alarms, Alarm) else alarms)]
    at_ms = now_ms() if at_ms is None else at_ms
    with writing() as writer:
        writer.rows(entries)
        for entry in entries:
            for event in events:
                writer.happen(entry, event, ENGINE, When(at_ms, at_ms, value))
    return entries
