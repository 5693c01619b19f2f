"""What happens to alarms because time has passed: a shelving ends, an acknowledged alarm comes again (ALM-16, ALM-24).

The deadlines are rows, by the wall clock: they hold over every restart. The row is asked again inside the writing, so
what a person did in the same moment is not undone.
"""

from typing import Final

from django.db.models import Q

from alarms import muting
from alarms.kinds import Event
from alarms.models import AlarmState
from alarms.snapshot import AlarmEntry, AlarmSnapshot
from alarms.transitions import BATCH, When, Who, Writer, muting_of, state_of, writing
from audit.actions import Actor

SHELVING_OVER: Final = Who(Actor.system("shelving"), "The time for which the alarm was shelved is over.")
STILL_THERE: Final = Who(Actor.system("re-alarm"), "The alarm was acknowledged and is still active.")


def let_time_pass(alarms: AlarmSnapshot, now_ms: int) -> int:
    """End and repeat what is due, `now_ms` UTC. Returns how many alarms were looked at; one query when none is due."""
    due = AlarmState.objects.filter(Q(shelved_until_ms__lte=now_ms) | Q(realarm_at_ms__lte=now_ms))
    entries = [alarms.alarms[pk] for pk in due.values_list("pk", flat=True) if pk in alarms.alarms]
    for start in range(0, len(entries), BATCH):
        _write(alarms, entries[start : start + BATCH], now_ms)
    return len(entries)


def _write(alarms: AlarmSnapshot, entries: list[AlarmEntry], now_ms: int) -> None:
    with writing() as writer:
        writer.rows(entries)
        for entry in entries:
            _let_pass(writer, entry, alarms.revision, now_ms)


def _let_pass(writer: Writer, entry: AlarmEntry, revision: int, now_ms: int) -> None:
    row = writer.row(entry)
    if row.shelved_until_ms is not None and row.shelved_until_ms <= now_ms:
        when = When(row.shelved_until_ms, now_ms, row.value, row.status, revision)
        writer.mute(entry, muting.expired(muting_of(row), state_of(row), now_ms), SHELVING_OVER, when)
    if row.realarm_at_ms is None or row.realarm_at_ms > now_ms:
        return
    if entry.realarm_ms:
        when = When(row.realarm_at_ms, now_ms, row.value, row.status, revision)
        writer.happen(entry, Event.REALARM, STILL_THERE, when)
    else:  # the definition has no re-alarm any more
        AlarmState.objects.filter(pk=row.pk, realarm_at_ms=row.realarm_at_ms).update(realarm_at_ms=None)
