"""What the system page says: each process, the bus, the machine, the links. Says so in words when it cannot know."""

import platform
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import django
import redis
from django.conf import settings
from django.db import DatabaseError, connection

from accounts.permissions import Action
from bus import keys
from bus.presence import (
    PROCESS_SILENT_MS,
    Heard,
    ProcessState,
    hear_links_blocking,
    hear_processes_blocking,
    starts_blocking,
)
from bus.roles import ALARMS, HISTORIAN, JOBS, POLLER, SIMULATOR, WEB
from bus.version import VERSION
from devices.live_bus import live_bus
from hmi.screens.device_links import LinkLine, link_lines
from hmi.screens.history_facts import history_facts
from hmi.screens.scope import Scope
from hmi.screens.system_facts import Fact, size

LAG_NOTICED_MS: Final = 500
CLOCK_OFFSET_NOTICED_MS: Final = 500
EVENTS_SHOWN: Final = 8
TITLES: Final = {
    WEB: "Pages and screens",
    POLLER: "Poller",
    ALARMS: "Alarms",
    HISTORIAN: "History",
    JOBS: "Jobs",
    SIMULATOR: "Demo plant (simulator)",
}
EXPECTED: Final = (WEB, POLLER, ALARMS, HISTORIAN, JOBS)
_GB: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ProcessRow:
    role: str
    title: str
    quality: str
    word: str
    note: str
    since: datetime | None = None
    restarts: int | None = None
    lag_ms: int | None = None
    revision: int | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class SystemEvent:
    """`text`: a sentence for people."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class SystemState:
    """`bus_note` is empty while the bus answers."""

    bus_note: str
    revision: int
    processes: list[ProcessRow]
    bus: list[Fact]
    machine: list[Fact]
    history: list[Fact]
    versions: list[Fact]
    links: list[LinkLine]
    events: list[SystemEvent]


@dataclass(frozen=True, slots=True)
class _Heard:
    """One look at the bus. `clock_offset_ms`: this machine's clock minus that of Redis."""

    processes: dict[str, Heard[ProcessState]]
    starts: dict[str, int]
    info: dict[str, Any]
    samples: int
    round_trip_ms: float
    clock_offset_ms: int
    events: list[SystemEvent]


def system_state(scope: Scope) -> SystemState:
    heard = live_bus.ask(_look)
    links = live_bus.ask(hear_links_blocking)
    revision = scope.layout.snapshot.revision
    return SystemState(
        bus_note="" if heard else f"Redis at {live_bus.reason}.",
        revision=revision,
        processes=_processes(heard, revision),
        bus=_bus_facts(heard.info, heard) if heard else [],
        machine=[*_disk_facts(settings.DATA_DIR), _database_fact(), *_clock_facts(heard)],
        history=_history(heard),
        versions=_versions(heard.info if heard else {}),
        links=link_lines(_devices(scope), links),
        events=heard.events if heard else [],
    )


def _history(heard: _Heard | None) -> list[Fact]:
    said = heard.processes.get(HISTORIAN) if heard else None
    is_heard = said is not None and said.age_ms < PROCESS_SILENT_MS
    return history_facts(said.state.detail if said is not None and is_heard else None)


def _devices(scope: Scope) -> list[Any]:
    areas = [a for a in scope.layout.snapshot.areas.values() if scope.may(Action.DIAGNOSE, a.id)]
    return scope.devices(areas)


def _look(client: redis.Redis) -> _Heard:
    before = time.monotonic()
    at: Any = client.time()
    round_trip_s = time.monotonic() - before
    ours_ms = (time.time() - round_trip_s / 2) * 1000
    info: Any = client.info()
    samples: Any = client.xlen(keys.SAMPLES)
    return _Heard(
        processes=hear_processes_blocking(client),
        starts=starts_blocking(client),
        info=info,
        samples=samples,
        round_trip_ms=round_trip_s * 1000,
        clock_offset_ms=round(ours_ms - (at[0] * 1000 + at[1] / 1000)),
        events=_events(client),
    )


def _events(client: redis.Redis) -> list[SystemEvent]:
    entries: Any = client.xrevrange(keys.EVENTS, count=EVENTS_SHOWN)
    return [
        SystemEvent(
            datetime.fromtimestamp(int(entry_id.partition(b"-")[0]) / 1000, UTC),
            fields[b"text"].decode(errors="replace"),
        )
        for entry_id, fields in entries
        if b"text" in fields  # else said by another version
    ]


def _processes(heard: _Heard | None, revision: int) -> list[ProcessRow]:
    if heard is None:
        note = "Processes speak through the bus, and the bus does not answer."
        return [ProcessRow(role, TITLES[role], "uncertain", "unknown", note) for role in EXPECTED]
    roles = [*EXPECTED, *sorted(set(heard.processes) - set(EXPECTED))]
    return [_process(role, heard.processes.get(role), heard.starts.get(role, 0), revision) for role in roles]


def _process(role: str, heard: Heard[ProcessState] | None, starts: int, revision: int) -> ProcessRow:
    title = TITLES.get(role, role)
    if heard is None:
        return ProcessRow(role, title, "bad", "not heard", "It has not spoken since Redis has its data. Is it running?")
    said, silent = heard.state, heard.age_ms > PROCESS_SILENT_MS
    quality, word, note = "good", "up", ""
    if silent:
        note = f"Silent for {heard.age_ms // 1000} s. The supervisor starts it again; see its log if it stays away."
        quality, word = "bad", "silent"
    elif said.lag_ms > LAG_NOTICED_MS:
        quality, word, note = "uncertain", "slow", f"It woke up {said.lag_ms} ms late: the machine is overloaded."
    elif said.revision and said.revision < revision:
        quality, word = "uncertain", "behind"
        note = f"It works with revision {said.revision}; the newest is {revision}. It should follow within 2 s."
    elif (made := said.detail.get("demo_history_pct")) is not None:
        note = f"The past of the demo, 30 days of trends and alarms, is being made: {made} %."
    return ProcessRow(
        role, title, quality, word, note,
        since=datetime.fromtimestamp(said.started_at_ms / 1000, UTC),
        restarts=max(0, starts - 1),
        lag_ms=said.lag_ms,
        revision=said.revision or None,
        version=said.version,
    )  # fmt: skip


def _bus_facts(info: dict[str, Any], heard: _Heard) -> list[Fact]:
    return [
        _memory_fact(int(info["used_memory"]), int(info.get("maxmemory", 0))),
        _eviction_fact(str(info.get("maxmemory_policy", ""))),
        _persistence_fact(info),
        Fact("Answers in", f"{heard.round_trip_ms:.1f} ms"),
        Fact("Entries in the stream", f"{heard.samples:,}"),
        Fact("Clients", str(info.get("connected_clients", "?"))),
        Fact("Up for", f"{int(info.get('uptime_in_seconds', 0)) // 60} min"),
    ]


def _memory_fact(used: int, limit: int) -> Fact:
    if not limit:
        note = "No limit is set (maxmemory): a full machine would stop Redis without a warning. Set one."
        return Fact("Memory", size(used), "uncertain", note)
    share = used / limit
    text = f"{size(used)} of {size(limit)}"
    if share < 0.8:
        return Fact("Memory", text)
    note = f"{share:.0%} are in use. When it is full, values are refused. Raise maxmemory."
    return Fact("Memory", text, "bad" if share > 0.95 else "uncertain", note)


def _eviction_fact(policy: str) -> Fact:
    if policy == "noeviction":
        return Fact("When memory is full", "refuses, and says so")
    note = f"maxmemory-policy is {policy or 'unknown'}: values may vanish silently. Set it to noeviction."
    return Fact("When memory is full", "throws away", "bad", note)


def _persistence_fact(info: dict[str, Any]) -> Fact:
    if not int(info.get("aof_enabled", 0)):
        note = "Redis starts empty after a restart; processes then begin a new epoch. Set appendonly yes."
        return Fact("Kept on disk", "no", "uncertain", note)
    status = str(info.get("aof_last_write_status", "ok"))
    if status != "ok":
        return Fact(
            "Kept on disk", "failing", "bad", "The last write of the append-only file failed: look at the disk."
        )
    return Fact("Kept on disk", "append-only file")


def _disk_facts(folder: Path) -> list[Fact]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return [Fact("Disk", "unknown", "bad", f"{folder} cannot be looked at: {error.strerror}.")]
    text = f"{size(usage.free)} free of {size(usage.total)}"
    if usage.free > _GB and usage.free > usage.total * 0.05:
        return [Fact("Disk", text)]
    note = f"Space in {folder} is short. Make room: without it nothing can be stored."
    return [Fact("Disk", text, "bad" if usage.free < _GB / 5 else "uncertain", note)]


def _database_fact() -> Fact:
    try:
        return Fact("Database", f"{size(_database_bytes())} ({connection.vendor})")
    except (DatabaseError, OSError) as error:
        return Fact("Database", "unknown", "bad", f"Its size cannot be read: {type(error).__name__}.")


def _database_bytes() -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def _clock_facts(heard: _Heard | None) -> list[Fact]:
    if heard is None:
        return [Fact("Clock against Redis", "unknown", "uncertain", "The bus does not answer.")]
    offset = heard.clock_offset_ms
    if abs(offset) < CLOCK_OFFSET_NOTICED_MS:
        return [Fact("Clock against Redis", f"{offset:+d} ms" if offset else "0 ms")]
    note = "The clocks of the machines differ. Set both by NTP: times in records would contradict each other."
    return [Fact("Clock against Redis", f"{offset / 1000:+.1f} s", "uncertain", note)]


def _versions(info: dict[str, Any]) -> list[Fact]:
    """Name and version of what runs here."""
    bus = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info.get('redis_version', '')}"
    return [
        Fact("Isthmus", VERSION),
        Fact("Python", platform.python_version()),
        Fact("Django", django.get_version()),
        Fact("Bus", bus if info else "unknown"),
        Fact("System", f"{platform.system()} {platform.release()}, {platform.machine()}"),
    ]
