"""The alarms as the web process holds them: loaded once per revision, shared by pages, REST and the live hub."""

import threading
from dataclasses import dataclass, field

from alarms.snapshot import AlarmSnapshot, load
from devices.current import current_snapshot
from devices.snapshot import Snapshot


@dataclass(slots=True)
class _Held:
    lock: threading.Lock = field(default_factory=threading.Lock)
    plant: Snapshot | None = None
    alarms: AlarmSnapshot | None = None


_held = _Held()


def current_alarms() -> AlarmSnapshot:
    """The alarms of the newest plant snapshot (devices/current.py), which says when it is time to load them again.

    Blocking (database); asynchronous callers use `sync_to_async`.
    """
    plant = current_snapshot()
    with _held.lock:
        if _held.alarms is None or _held.plant is not plant:
            _held.alarms = load(plant)
            _held.plant = plant
        return _held.alarms
