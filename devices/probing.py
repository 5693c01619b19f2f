"""What a person may ask of a device from a page: is it there, what stands in its registers, what is it?

The right to ask (DIAGNOSE) is checked by whoever calls. The poller asks the device (devices/poller/probes.py).
"""

import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeGuard

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from audit.actions import Actor, Subject, record
from bus import probes
from bus.probes import LIFE_MS, LONGEST_S, Probe, ProbeAnswer
from devices.live_bus import live_bus
from devices.models import Device
from devices.plan import ADDRESSES, MAX_BITS, MAX_REGISTERS
from devices.points import Table

CONNECT: Final = "connect"
READ: Final = "read"
IDENTIFY: Final = "identify"
KINDS: Final = (CONNECT, READ, IDENTIFY)

PATIENCE_S: Final = LIFE_MS / 1000 + LONGEST_S
"""A page that has waited so long for an answer gets none any more: the poller is not running."""

MOST: Final = 30
WITHIN_S: Final = 60.0
"""Nobody reads more answers than MOST in so many seconds; a stuck key or a script must not fill line and audit."""

Problems = dict[str, str]


class Pace:
    """How often one person may ask; of each web process."""

    def __init__(self, most: int = MOST, within_s: float = WITHIN_S, clock: Callable[[], float] = time.monotonic):
        self._most, self._within_s, self._clock = most, within_s, clock
        self._asked: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, who: str) -> float:
        """0: ask, and it counts. Else so many seconds too early."""
        now = self._clock()
        with self._lock:
            times = self._asked.setdefault(who, deque(maxlen=self._most))
            if len(times) == self._most and now - times[0] < self._within_s:
                return self._within_s - (now - times[0])
            times.append(now)
        return 0.0


pace = Pace()


class NotAsked(Exception):
    """The bus is away, so nobody was asked. `str()` is a sentence for people."""


def start(actor: Actor, device: Device, kind: str, **arguments: Any) -> str:
    """Ask. Returns the id under which answer() finds what came of it.

    `arguments` of a read: table, address (0-based), count, and perhaps `tag` (an id that comes back with the answer).
    Raises ValidationError with a sentence for each argument; NotAsked when the bus does not answer.
    """
    problems = _problems(kind, arguments)
    if problems:
        raise ValidationError(problems)
    if wait_s := pace.wait_s(actor.id):
        text = f"You have asked {MOST} times within a minute. Wait {math.ceil(wait_s)} s, then ask again."
        raise ValidationError({NON_FIELD_ERRORS: text})
    if live_bus.ask(lambda client: client.ping()) is None:
        raise NotAsked(f"The device was not asked: {live_bus.reason}. Try again when the bus is back.")
    probe = Probe(uuid.uuid4().hex, kind, device.pk, arguments, actor.name)
    failed: list[NotAsked] = []

    def ask_after_commit() -> None:
        def question(client: Any) -> bool:
            probes.ask(client, probe)
            return True

        if live_bus.ask(question) is None:
            failed.append(NotAsked(f"Nobody knows whether the device was asked: {live_bus.reason}. Try again."))

    with transaction.atomic():
        subject = Subject(device._meta.label_lower, str(device.uuid), str(device))
        new = {name: str(value) if isinstance(value, Table) else value for name, value in arguments.items()}
        record("operation", f"probe.{kind}", actor, subject=subject, new=new or None)
        transaction.on_commit(ask_after_commit)
    if failed:
        raise failed[0]
    return probe.id


def answer(probe_id: str) -> ProbeAnswer | None:
    """What came of it; None while nothing has, after some minutes, and while the bus is away (`live_bus.reason`)."""
    return live_bus.ask(lambda client: probes.answer(client, probe_id))


def _problems(kind: str, arguments: dict[str, Any]) -> Problems:
    if kind not in KINDS:
        return {NON_FIELD_ERRORS: f"There is no probe '{kind}'; probes: {', '.join(KINDS)}."}
    allowed = ("table", "address", "count", "tag") if kind == READ else ()
    problems = {name: f"A probe '{kind}' takes no '{name}'." for name in arguments if name not in allowed}
    return problems | (_read_problems(arguments) if kind == READ else {})


def _read_problems(arguments: dict[str, Any]) -> Problems:
    problems: Problems = {}
    table, address, count = (arguments.get(name) for name in ("table", "address", "count"))
    if table not in Table.__members__.values():
        return {"table": f"There is no table '{table}'; tables: {', '.join(Table)}."}
    limit, what = (MAX_BITS, "bits") if Table(str(table)).is_bits else (MAX_REGISTERS, "registers")
    if not _is_whole(address) or not 0 <= address < ADDRESSES:
        problems["address"] = f"'{address}' is no address: a whole number from 0 to {ADDRESSES - 1}; 40001 is 0."
    if not _is_whole(count) or not 1 <= count <= limit:
        problems["count"] = f"'{count}' cannot be read at once: a whole number from 1 to {limit} {what}."
    elif _is_whole(address) and 0 <= address < ADDRESSES < address + count:
        problems["count"] = f"{count} {what} from {address} on end after the last address, {ADDRESSES - 1}."
    tag = arguments.get("tag")
    if tag is not None and not _is_whole(tag):
        problems["tag"] = f"'{tag}' is no id of a tag."
    return problems


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
