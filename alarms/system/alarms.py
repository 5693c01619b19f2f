"""The watch over Isthmus itself, beside the alarm engine: looks every two seconds, and writes what has changed.

The rows are the truth: what is active there is not raised again, whoever was restarted in between.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack
import redis
from django.conf import settings
from django.utils import timezone

from alarms.kinds import Kind
from alarms.models import EngineMemory
from alarms.snapshot import AlarmSnapshot
from alarms.system.conditions import JUDGES, SILENT_MS, Delays, Observation, restarts_within
from alarms.system.records import seed, seen_rows, write
from alarms.system.watching import Watching
from audit.models import AuditRecord
from bus import keys
from bus.asking import Asking
from bus.presence import hear_links_blocking, hear_processes_blocking, starts_blocking
from bus.roles import HISTORIAN

RECORDS_EVERY_S: Final = 10.0
"""Audit and backups are looked at less often."""
MEMORY: Final = "system_watch"
"""The part of EngineMemory that keeps the starts of the processes."""
KEPT_COUNTS: Final = 20
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine says of itself. `reached_ms`: the newest entry it has read, by the clock of Redis; 0: none yet.
    `missed_at_s`: monotonic; None: nothing was missed."""

    alarms: AlarmSnapshot | None = None
    reached_ms: int = 0
    missed_ms: int = 0
    missed_at_s: float | None = None


class SystemWatch(Watching):
    """Blocking parts run in one thread. `disk_usage` and `now_s` are given by tests."""

    def __init__(
        self,
        figures: Callable[[], EngineFigures],
        *,
        url: Callable[[], str] = lambda: settings.REDIS_URL,
        disk_usage: Callable[[Path], Any] = shutil.disk_usage,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
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

    def look(self) -> None:
        """Look at everything once, and write what has changed. Raises DatabaseError."""
        if not self._is_seeded:
            seed()
            self._is_seeded = True
        figures = self._figures()
        if figures.alarms is None:
            return
        entries = {a.name: a for a in figures.alarms.alarms.values() if a.kind is Kind.SYSTEM and a.name in JUDGES}
        seen = seen_rows(entries)
        active = {name: seen[name].active for name, e in entries.items() if e.enabled}
        delays = {n: (e.definition.on_delay_ms / 1000, e.definition.off_delay_ms / 1000) for n, e in entries.items()}
        happened = self._delays.judge(self._observe(figures), active, delays, self._now_s())
        if happened:
            write(entries, happened, seen, figures.alarms.revision)

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
    processes = hear_processes_blocking(client)
    historian = processes.get(HISTORIAN)
    return {
        "silent_ms": {role: heard.age_ms for role, heard in processes.items()},
        "history": historian.state.detail if historian and historian.age_ms <= SILENT_MS else None,
        "starts": starts_blocking(client),
        "links": {link: heard.state.state for link, heard in hear_links_blocking(client).items()},
        "memory": (int(info["used_memory"]), int(info.get("maxmemory", 0))),
        "events": ages,
        "behind_ms": max(0, newest_ms - reached_ms) if reached_ms and newest_ms else None,
    }


def _ms(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
