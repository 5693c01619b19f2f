"""What happens to alarms because time has passed: a shelving ends, an acknowledged alarm comes again (ALM-16, ALM-24).

The deadlines are rows, by the wall clock: they hold over every restart. The row is asked again inside the writing, so
what a person did in the same moment is not undone.

A clock that is set back would keep alarms shelved for longer than anybody said, up to beyond the cap. Nobody can tell
how long each has been shelved then, so all shelvings end, with that as the reason; re-alarms come when they would have.
"""

from typing import Final

from django.db.models import F, Q

from alarms import muting
from alarms.kinds import Event
from alarms.models import AlarmState
from alarms.snapshot import AlarmEntry, AlarmSnapshot
from alarms.transitions import BATCH, When, Who, Writer, muting_of, state_of, writing
from audit.actions import Actor

SHELVING_OVER: Final = Who(Actor.system("shelving"), "The time for which the alarm was shelved is over.")
CLOCK_SET_BACK: Final = Who(
    Actor.system("shelving"), "The clock of the server was set back: how long the alarm has been shelved is not known."
)
STILL_THERE: Final = Who(Actor.system("re-alarm"), "The alarm was acknowledged and is still active.")
SLACK_MS: Final = 60_000
"""A clock may be set back by less: shelvings are given in minutes."""


class WallClock:
    """How far the wall clock was set back, by the one that only goes on. Small steps add up."""

    def __init__(self, known_ms: int) -> None:
        """`known_ms`: when this was looked at last before the start, by the wall clock; 0: never."""
        self._known_ms = known_ms
        self._ahead_ms: int | None = None
        """The furthest that the wall clock was ahead of the monotonic one."""
        self.set_back_ms = 0
        """By at least so much, until somebody has done what follows from it and sets it to 0."""

    def look(self, wall_ms: int, monotonic_ms: int) -> None:
        ahead = wall_ms - monotonic_ms
        if self._ahead_ms is None:
            self._ahead_ms = max(ahead, self._known_ms - monotonic_ms)
        if self._ahead_ms - ahead >= SLACK_MS:
            self.set_back_ms += self._ahead_ms - ahead
            self._ahead_ms = ahead
        self._ahead_ms = max(self._ahead_ms, ahead)


def let_time_pass(alarms: AlarmSnapshot, now_ms: int, set_back_ms: int = 0) -> int:
    """End and repeat what is due, `now_ms` UTC. Returns how many alarms were looked at; one query when none is due.

    `set_back_ms`: the wall clock was set back by so much since the last look.
    """
    is_due = Q(shelved_until_ms__lte=now_ms) | Q(realarm_at_ms__lte=now_ms)
    if set_back_ms:
        _realarm_earlier(set_back_ms)
        is_due |= Q(shelved_until_ms__isnull=False)
    due = AlarmState.objects.filter(is_due)
    entries = [alarms.alarms[pk] for pk in due.values_list("pk", flat=True) if pk in alarms.alarms]
    for start in range(0, len(entries), BATCH):
        _write(alarms, entries[start : start + BATCH], now_ms, set_back_ms)
    return len(entries)


def _realarm_earlier(ms: int) -> None:
    with writing():
        waiting = AlarmState.objects.filter(realarm_at_ms__isnull=False)
        waiting.update(realarm_at_ms=F("realarm_at_ms") - ms)


def _write(alarms: AlarmSnapshot, entries: list[AlarmEntry], now_ms: int, set_back_ms: int) -> None:
    with writing() as writer:
        writer.rows(entries)
        for entry in entries:
            if set_back_ms:
                _end_shelving(writer, entry, alarms.revision, now_ms)
            let_pass(writer, entry, alarms.revision, now_ms)


def _end_shelving(writer: Writer, entry: AlarmEntry, revision: int, now_ms: int) -> None:
    row = writer.row(entry)
    if row.shelved_until_ms is not None:
        when = When(now_ms, now_ms, row.value, row.status, revision)
        writer.mute(entry, muting.unshelve(muting_of(row), state_of(row)), CLOCK_SET_BACK, when)


def let_pass(writer: Writer, entry: AlarmEntry, revision: int, now_ms: int) -> None:
    """End and repeat what is due of one alarm."""
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
