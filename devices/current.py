"""The configuration as the web process holds it: loaded once per revision, shared by pages, REST and the live hub."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction

from devices.snapshot import Snapshot, load
from plant import revisions

CHECK_S: Final = 0.5
"""How long a snapshot is believed before the number of the newest revision is read again."""


@dataclass(slots=True)
class _Held:
    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Snapshot | None = None
    checked_at: float = float("-inf")


_held = _Held()


def current_snapshot() -> Snapshot:
    """The newest snapshot, at most CHECK_S old; what this process itself has changed is seen at once.

    Blocking (database); asynchronous callers use `sync_to_async`.
    """
    known = _held.snapshot
    if known is not None and time.monotonic() - _held.checked_at < CHECK_S:
        return known
    with _held.lock:
        asked_at = time.monotonic()
        known = _held.snapshot
        if known is None or revisions.current() != known.revision:
            known = _held.snapshot = load()
        _held.checked_at = asked_at
        return known


def check_now() -> None:
    """Read the number of the newest revision at the next question: somebody said that there is a new one."""
    _held.checked_at = float("-inf")


def forget() -> None:
    """Hold nothing: the database is another one (tests)."""
    with _held.lock:
        _held.snapshot, _held.checked_at = None, float("-inf")


def on_revision_saved(**_: Any) -> None:
    """Who has changed something sees the change on the page that follows, not half a second later."""
    check_now()
    transaction.on_commit(check_now, robust=True)
