"""The watch over Isthmus itself, beside the alarm engine: looks every two seconds, and writes what has changed.

The rows are the truth: what is active there is not raised again, whoever was restarted in between. It has a thread and
connections of its own, so that whatever it waits for, the alarms of the plant do not.
"""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack
import redis
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from alarms.kinds import Kind
from alarms.models import Alarm, AlarmClass, AlarmState, EngineMemory
from alarms.snapshot import AlarmEntry, AlarmSnapshot
from alarms.standard_classes import STANDARD_CLASSES
from alarms.standard_classes import identity_of as identity_of_class
from alarms.system.conditions import JUDGES, Delays, Happened, Observation, restarts_within
from alarms.system.definitions import SYSTEM_ALARMS, identity_of
from alarms.transitions import When, Who, writing
from audit.actions import Actor, Subject, record
from audit.models import AuditRecord
from bus import keys
from bus.asking import Asking
from bus.presence import hear_links_blocking, hear_processes_blocking, starts_blocking
from plant import revisions

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
RECORDS_EVERY_S: Final = 10.0
"""Audit and backups are looked at less often."""
MEMORY: Final = "system_watch"
"""The part of EngineMemory that keeps the starts of the processes."""
KEPT_COUNTS: Final = 20
CLASS: Final = "diagnostic"
WATCH: Final = Actor.system("watch")
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine says of itself. `reached_ms`: the newest entry it has read, by the clock of Redis; 0: none yet.
    `missed_at_s`: monotonic; None: nothing was missed."""

    alarms: AlarmSnapshot | None = None
    reached_ms: int = 0
    missed_ms: int = 0
    missed_at_s: float | None = None


def seed() -> None:
    """Give the site the system alarms it has not yet. What is there is left as it is. Raises DatabaseError."""
    known = {name.lower() for name in Alarm.objects.filter(tag=None).values_list("name", flat=True)}
    missing = [name for name in SYSTEM_ALARMS if name not in known]
    if not missing:
        return
    with transaction.atomic():
        revisions.lock()
        group = AlarmClass.objects.filter(name__iexact=CLASS).first() or AlarmClass.objects.create(
            name=CLASS, uuid=identity_of_class(CLASS), **STANDARD_CLASSES[CLASS]
        )
        for name in missing:
            alarm = _alarm(name, group)
            alarm.full_clean(exclude={"tag"})  # it has none
            alarm.save()
            subject = Subject("alarms.alarm", str(alarm.uuid), alarm.path)
            record("configuration", "alarm.created", Actor.system("setup"), subject=subject, new={"name": name})
        revisions.bump("system:setup", f"Alarms of Isthmus itself: {len(missing)}")


def _alarm(name: str, group: AlarmClass) -> Alarm:
    said = SYSTEM_ALARMS[name]
    return Alarm(
        uuid=identity_of(name), name=name, kind=Kind.SYSTEM.value, message=said.message, alarm_class=group,
        on_delay_s=said.delays[0], off_delay_s=said.delays[1], severity=said.severity.value,
        time_to_respond_min=said.minutes, cause=said.cause, consequence=said.consequence,
        operator_action=said.operator_action, owner="Administration", approved_by="Delivered with Isthmus",
    )  # fmt: skip


class SystemWatch:
    """Blocking parts run in one thread. `disk_usage` and `now_s` are given by tests."""

    def __init__(
        self,
        figures: Callable[[], EngineFigures],
        *,
        url: Callable[[], str] = lambda: settings.REDIS_URL,
        disk_usage: Callable[[Path], Any] = shutil.disk_usage,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._figures = figures
        self._bus = Asking("watch", url)
        self._disk_usage = disk_usage
        self._now_s = now_s
        self._delays = Delays()
        self._counts: dict[str, list[tuple[int, int]]] | None = None
        self._records_at_s = float("-inf")
        self._unsealed: tuple[int, float] | None = None
        """The oldest record without a seal, and since when that one waits."""
        self._backup: tuple[float | None, bool] = (None, False)
        self._is_seeded = False
        self._is_lost = False

    async def run(self) -> None:
        """Endless; cancel to stop. Whatever fails is tried again; the engine does not wait for it."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="watch")
        loop = asyncio.get_running_loop()
        try:
            while True:
                await loop.run_in_executor(thread, self._turn)
                await asyncio.sleep(LOOK_S)
        finally:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)

    def _turn(self) -> None:
        try:
            close_old_connections()
            self.look()
        except DatabaseError as error:
            if not self._is_lost:
                log.warning("system alarms wait for the database", reason=str(error))
            self._is_lost = True
        except Exception:
            log.exception("the watch over Isthmus failed; it looks again")
        else:
            self._is_lost = False

    def look(self) -> None:
        """Look at everything once, and write what has changed. Raises DatabaseError."""
        if not self._is_seeded:
            seed()
            self._is_seeded = True
        figures = self._figures()
        if figures.alarms is None:
            return
        entries = {a.name: a for a in figures.alarms.alarms.values() if a.kind is Kind.SYSTEM and a.name in JUDGES}
        rows = {row.pk: row.active for row in AlarmState.objects.filter(pk__in=[e.id for e in entries.values()])}
        active = {name: rows.get(e.id, False) for name, e in entries.items() if e.enabled}
        delays = {n: (e.definition.on_delay_ms / 1000, e.definition.off_delay_ms / 1000) for n, e in entries.items()}
        happened = self._delays.judge(self._observe(figures), active, delays, self._now_s())
        if happened:
            _write(entries, happened, figures.alarms.revision)

    # -- looking

    def _observe(self, figures: EngineFigures) -> Observation:
        bus = self._bus.ask(lambda client: _look_at_bus(client, figures.reached_ms))
        self._look_at_records()
        missed = figures.missed_at_s
        more: Mapping[str, Any] = {}
        if bus is not None:
            starts = bus.pop("starts")
            more = {**bus, "restarts": self._restarts(starts)}
        return Observation(
            has_bus=bus is not None,
            disk=self._disk(),
            unsealed_s=None if self._unsealed is None else self._now_s() - self._unsealed[1],
            backup_days=self._backup[0],
            has_backup=self._backup[1],
            missed_ms=figures.missed_ms,
            missed_age_ms=None if missed is None else round((self._now_s() - missed) * 1000),
            **more,
        )

    def _disk(self) -> tuple[int, int] | None:
        try:
            usage = self._disk_usage(Path(settings.DATA_DIR))
        except OSError:
            return None
        return usage.free, usage.total

    def _look_at_records(self) -> None:
        now_s = self._now_s()
        if now_s - self._records_at_s < RECORDS_EVERY_S:
            return
        self._records_at_s = now_s
        oldest = AuditRecord.objects.filter(sequence=None).order_by("pk").values_list("pk", flat=True).first()
        if oldest is None:
            self._unsealed = (0, now_s)
        elif self._unsealed is None or self._unsealed[0] != oldest:
            self._unsealed = (oldest, now_s)
        made = AuditRecord.objects.filter(event="backup.made").order_by("-pk").values_list("at", flat=True).first()
        since = made or AuditRecord.objects.order_by("pk").values_list("at", flat=True).first()
        days = None if since is None else (timezone.now() - since).total_seconds() / DAY_S
        self._backup = (days, made is not None)

    def _restarts(self, starts: Mapping[str, int]) -> dict[str, int]:
        """Kept in the database: a process that restarts often may be this one."""
        now_ms = time.time_ns() // 1_000_000
        if self._counts is None:
            row = EngineMemory.objects.filter(part=MEMORY).first()
            kept = msgpack.unpackb(bytes(row.content)) if row is not None else {}
            self._counts = {role: [(at, n) for at, n in counts] for role, counts in kept.items()}
        counts, has_changed = self._counts, False
        for role, number in starts.items():
            told = counts.setdefault(role, [])
            if not told or told[-1][1] != number:
                told.append((now_ms, number))
                del told[:-KEPT_COUNTS]
                has_changed = True
        if has_changed:
            content = msgpack.packb(counts)
            EngineMemory.objects.update_or_create(part=MEMORY, defaults={"content": content, "saved_at_ms": now_ms})
        return {role: restarts_within(told, now_ms) for role, told in counts.items()}


def _look_at_bus(client: redis.Redis, reached_ms: int) -> dict[str, Any]:
    at: Any = client.time()
    now_ms = at[0] * 1000 + at[1] // 1000
    info: Any = client.info("memory")
    newest: Any = client.xrevrange(keys.SAMPLES, count=1)
    newest_ms = _ms(newest[0][0]) if newest else 0
    events: Any = client.xrevrange(keys.EVENTS, count=50)
    ages: dict[str, int] = {}
    for entry_id, fields in events:
        ages.setdefault(fields.get(b"kind", b"").decode(errors="replace"), abs(now_ms - _ms(entry_id)))
    return {
        "silent_ms": {role: heard.age_ms for role, heard in hear_processes_blocking(client).items()},
        "starts": starts_blocking(client),
        "links": {link: heard.state.state for link, heard in hear_links_blocking(client).items()},
        "memory": (int(info["used_memory"]), int(info.get("maxmemory", 0))),
        "events": ages,
        "behind_ms": max(0, newest_ms - reached_ms) if reached_ms and newest_ms else None,
    }


def _ms(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


# -- writing


def _write(entries: Mapping[str, AlarmEntry], happened: list[Happened], revision: int) -> None:
    """The rows are asked again inside: what was raised meanwhile is not raised twice."""
    now_ms = time.time_ns() // 1_000_000
    with writing() as writer:
        there = set(Alarm.objects.filter(pk__in=[entries[h.name].id for h in happened]).values_list("pk", flat=True))
        for one in happened:
            entry = entries[one.name]
            if entry.id in there:
                when = When(now_ms, now_ms, one.value, 0, revision)
                writer.happen(entry, one.event, Who(WATCH, one.said[:300]), when)
