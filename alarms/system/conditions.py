"""When the alarms of Isthmus itself are true: from one look at its parts to what is the case. Pure.

A Verdict of None: it cannot be judged now (the bus is away, say), everything stays as it is. Delays are those of the
definitions and count by the monotonic clock of whoever looks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from alarms.kinds import Event

SILENT_MS: Final = 3500
"""As the system page has it: a process speaks every second."""
RESTARTS: Final = 3
WINDOW_MS: Final = 600_000
"""So long an event (a step of the clock, lost samples) keeps its alarm active, and so long restarts count together."""
MEMORY_FULL: Final = (0.80, 0.75)
"""Share of maxmemory at which the alarm begins and ends."""
DISK_FREE: Final = (1_000_000_000, 1_500_000_000)
"""Bytes free at which the alarm begins and ends."""
DISK_SHARE: Final = (0.05, 0.07)
BEHIND_MS: Final = (10_000, 2_000)
SEALING_S: Final = 60.0
BACKUP_DAYS: Final = 7.0
HISTORY_WAITS_MS: Final = 60_000
WATCHED_ROLES: Final = ("web", "poller", "jobs", "alarms", "historian")
_LOST: Final = ("connecting", "disconnected")


@dataclass(frozen=True, slots=True)
class Observation:
    """One look. None: could not be looked at. Ages and times in ms, sizes in bytes.

    `silent_ms`: role -> how long it has said nothing (missing: never heard). `restarts`: role -> how often it was
    started again within WINDOW_MS. `links`: link -> its state. `events`: kind -> age of the newest event of the system.
    `disk`: free and total. `unsealed_s`: how long the oldest record of the audit has waited for its seal.
    `backup_days`: age of the newest backup; `has_backup` False: none is known, and it is the age of the site.
    `missed_ms`: of the last gap of the evaluation, and `missed_age_ms` how long ago that was.
    `history`: what the historian says of itself (historian/recorder.py: figures); None: it is not heard.
    """

    has_bus: bool
    silent_ms: Mapping[str, int] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    memory: tuple[int, int] | None = None
    disk: tuple[int, int] | None = None
    unsealed_s: float | None = None
    backup_days: float | None = None
    has_backup: bool = False
    behind_ms: int | None = None
    missed_ms: int = 0
    missed_age_ms: int | None = None
    history: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value`: the number that belongs to it; `said`: a sentence with the particulars."""

    is_true: bool
    value: float | int | None = None
    said: str = ""


Judge = Callable[[Observation, bool], Verdict | None]
"""(what is, whether the alarm is active) -> the verdict."""


def _silent(role: str) -> Judge:
    def judge(seen: Observation, _: bool) -> Verdict | None:
        if not seen.has_bus:
            return None
        age = seen.silent_ms.get(role)
        if age is None:
            return Verdict(True, None, f"The process {role} has not spoken since Redis has its data.")
        return Verdict(age > SILENT_MS, age // 1000, f"The process {role} has said nothing for {age // 1000} s.")

    return judge


def _restarting(role: str) -> Judge:
    def judge(seen: Observation, was: bool) -> Verdict | None:
        if not seen.has_bus:
            return None
        count = seen.restarts.get(role, 0)
        limit = 1 if was else RESTARTS
        return Verdict(count >= limit, count, f"The process {role} was started again {count} times in ten minutes.")

    return judge


def _bus_lost(seen: Observation, _: bool) -> Verdict:
    return Verdict(not seen.has_bus, None, "Redis does not answer the alarms process.")


def _link_lost(seen: Observation, _: bool) -> Verdict | None:
    if not seen.has_bus:
        return None
    lost = sorted(link for link, state in seen.links.items() if state in _LOST)
    named = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    return Verdict(bool(lost), len(lost), f"Not connected: {named}." if lost else "Every link is connected.")


def _memory(seen: Observation, was: bool) -> Verdict | None:
    if seen.memory is None or not seen.memory[1]:
        return None
    share = seen.memory[0] / seen.memory[1]
    return Verdict(share >= MEMORY_FULL[was], round(100 * share), f"Redis uses {share:.0%} of its memory (maxmemory).")


def _disk(seen: Observation, was: bool) -> Verdict | None:
    if seen.disk is None:
        return None
    free, total = seen.disk
    is_short = free <= DISK_FREE[was] or free <= total * DISK_SHARE[was]
    return Verdict(is_short, round(free / 1e6), f"{free / 1e9:.2f} GB are free of {total / 1e9:.1f} GB.")


def _clock_step(seen: Observation, _: bool) -> Verdict | None:
    if not seen.has_bus:
        return None
    age = seen.events.get("clock_step")
    is_recent = age is not None and age < WINDOW_MS
    return Verdict(is_recent, None, "The clock of this machine was set, or the machine slept; see the system page.")


def _sealing(seen: Observation, _: bool) -> Verdict | None:
    if seen.unsealed_s is None:
        return None
    seconds = round(seen.unsealed_s)
    return Verdict(seconds > SEALING_S, seconds, f"The oldest record of the audit has waited {seconds} s for its seal.")


def _backup(seen: Observation, _: bool) -> Verdict | None:
    if seen.backup_days is None:
        return None
    days = seen.backup_days
    said = f"The newest backup is {days:.0f} days old." if seen.has_backup else "No backup of this site is known."
    return Verdict(days > BACKUP_DAYS, round(days, 1) if seen.has_backup else None, said)


def _behind(seen: Observation, was: bool) -> Verdict | None:
    if seen.behind_ms is None:
        return None
    limit = BEHIND_MS[was]
    return Verdict(
        seen.behind_ms > limit, seen.behind_ms // 1000, f"It is {seen.behind_ms // 1000} s behind the plant."
    )


def _missed(seen: Observation, _: bool) -> Verdict | None:
    age = seen.missed_age_ms
    is_recent = age is not None and age < WINDOW_MS
    seconds = seen.missed_ms // 1000
    return Verdict(is_recent, seconds, f"Samples of {seconds} s were gone before they could be judged.")


def _history_waits(seen: Observation, _: bool) -> Verdict | None:
    if seen.history is None:
        return None
    why, waiting = str(seen.history.get("why_away", "")), int(seen.history.get("waiting", 0))
    if why:
        return Verdict(True, waiting, f"{why} {waiting} samples wait in memory.")
    behind_ms = int(seen.history.get("behind_ms", 0))
    return Verdict(behind_ms > HISTORY_WAITS_MS, waiting, f"Recording is {behind_ms // 1000} s behind.")


def _history_missed(seen: Observation, _: bool) -> Verdict | None:
    if seen.history is None:
        return None
    age, seconds = seen.history.get("missed_age_ms"), int(seen.history.get("missed_ms", 0)) // 1000
    is_recent = age is not None and int(age) < WINDOW_MS
    return Verdict(is_recent, seconds, f"Samples of {seconds} s were gone before they could be recorded.")


ENGINE_SILENT: Final = "alarms_silent"
"""The process that judges the others cannot tell of its own silence: the process for background work judges this one,
and so does the alarms process itself, when it is back."""

JUDGES: Final[Mapping[str, Judge]] = {
    **{f"{role}_silent": _silent(role) for role in WATCHED_ROLES},
    **{f"{role}_restarting": _restarting(role) for role in WATCHED_ROLES},
    "bus_lost": _bus_lost, "link_lost": _link_lost, "redis_memory": _memory, "disk": _disk, "clock_step": _clock_step,
    "audit_behind": _sealing, "backup_old": _backup, "evaluation_behind": _behind, "samples_missed": _missed,
    "history_waits": _history_waits, "history_missed": _history_missed,
}  # fmt: skip
"""Name of the system alarm -> when it is true."""

UNITS: Final[Mapping[str, str]] = {
    **{f"{role}_silent": "s" for role in WATCHED_ROLES},
    **{f"{role}_restarting": "starts" for role in WATCHED_ROLES},
    "link_lost": "links", "redis_memory": "%", "disk": "MB", "audit_behind": "s", "backup_old": "d",
    "evaluation_behind": "s", "samples_missed": "s", "history_waits": "samples", "history_missed": "s",
}  # fmt: skip
"""Name of the system alarm -> what its value is counted in. The others have no value."""


@dataclass(frozen=True, slots=True)
class Happened:
    name: str
    event: Event
    value: float | int | None
    said: str


class Delays:
    """On-delay and off-delay of each alarm. What cannot be judged begins anew when it can be again."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def judge(
        self, seen: Observation, active: Mapping[str, bool], delays: Mapping[str, tuple[float, float]], now_s: float
    ) -> list[Happened]:
        """`active`: name -> as its row has it, of the alarms that are switched on. `delays`: (on, off) in s."""
        found = []
        for name, is_active in active.items():
            verdict = JUDGES[name](seen, is_active)
            if verdict is None or verdict.is_true is is_active:
                self._since.pop(name, None)
                continue
            since = self._since.setdefault(name, now_s)
            if now_s - since < delays[name][1 if is_active else 0]:
                continue
            del self._since[name]
            event = Event.RETURN if is_active else Event.ALARM
            found.append(Happened(name, event, verdict.value, verdict.said))
        return found


def restarts_within(counts: Iterable[tuple[int, int]], now_ms: int) -> int:
    """From (time in ms, number of starts so far), oldest first: how often it was started again within WINDOW_MS.

    The last count before the window is what the first one in it is compared with. A count that falls begins anew.
    """
    restarts, before = 0, None
    for at_ms, count in counts:
        if before is not None and count > before and now_ms - at_ms < WINDOW_MS:
            restarts += count - before
        before = count
    return restarts
