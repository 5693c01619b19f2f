"""The state rows of the alarms that are listed or muted, as this process holds them.

Each writing gives the rows it changes its number (alarms/transitions.py), and writings come one after the other: so
where the number is the one that is held, nothing has changed, and what is new are the rows with a higher number.
Deleted rows do not show that way: they come with a new configuration revision, at which everything is read again; so it
is when the number has gone back (a restored database), and now and then.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from alarms.models import AlarmState, Writing
from alarms.snapshot import AlarmSnapshot

EVERYTHING_S: Final = 30.0
"""After so long all rows are read again, whatever the numbers say."""

_MUTED: Final = Q(shelved_until_ms__isnull=False) | ~Q(suppressed_rule="") | Q(out_of_service=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """`no`: of a writing that is in it with all before it; later ones may be. `rows`: by alarm id. `answers`: what was
    worked out from exactly these rows, for whoever asks the same again."""

    no: int
    revision: int
    read_at_s: float
    rows: dict[int, AlarmState]
    answers: dict[Any, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Holder:
    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: AlarmSnapshot | None = None
    standing: Standing | None = None


_holder: Final = _Holder()


def standing(snapshot: AlarmSnapshot) -> Standing:
    """The rows as they are now; never changed afterwards: what is new is another Standing. Blocking; one query,
    two when alarms have changed.

    Within a transaction the rows are read anew and not kept: what is seen there may never have happened.
    """
    if connection.in_atomic_block:
        return _read_all(snapshot)
    with _holder.lock:
        known = _holder.standing
        if known is None or _holder.snapshot is not snapshot or time.monotonic() - known.read_at_s > EVERYTHING_S:
            known = _read_all(snapshot)
        else:
            known = _read_changes(known, snapshot)
        _holder.snapshot, _holder.standing = snapshot, known
        return known


def forget() -> None:
    """Hold nothing: the database is another one (tests)."""
    with _holder.lock:
        _holder.snapshot = _holder.standing = None


def _read_all(snapshot: AlarmSnapshot) -> Standing:
    """The number first: rows that are newer than it are read again, none is missed."""
    read_at_s, no = time.monotonic(), _newest_no()
    rows = {row.pk: row for row in AlarmState.objects.filter(Q(is_listed=True) | _MUTED)}
    return Standing(no, snapshot.revision, read_at_s, rows)


def _read_changes(known: Standing, snapshot: AlarmSnapshot) -> Standing:
    """The number first, as above."""
    no = _newest_no()
    if no == known.no:
        return known
    if no < known.no:
        return _read_all(snapshot)
    rows = dict(known.rows)
    for row in AlarmState.objects.filter(changed_no__gt=known.no):
        if row.is_listed or row.shelved_until_ms is not None or row.suppressed_rule or row.out_of_service:
            rows[row.pk] = row
        else:
            rows.pop(row.pk, None)
    return Standing(no, known.revision, known.read_at_s, rows)


def _newest_no() -> int:
    return Writing.objects.values_list("no", flat=True).first() or 0
