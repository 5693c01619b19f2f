"""The alarms of Isthmus itself, as a site gets them once. An engineer may change delays, or switch them off."""

import uuid
from dataclasses import dataclass
from typing import Final

from alarms.kinds import Severity

_NAMES: Final = uuid.UUID("0c4c3a4e-53b9-4d1c-a3c8-6f8a4a8b2f10")


@dataclass(frozen=True, slots=True)
class SystemAlarm:
    """`delays`: on and off, in s. A restart of a process takes a few seconds, and is no alarm."""

    message: str
    cause: str
    consequence: str
    operator_action: str
    minutes: float
    severity: Severity = Severity.MINOR
    delays: tuple[float, float] = (15.0, 5.0)


_LOG: Final = "Look at the system page and into the log of the process in DATA_DIR/logs."


def _silent(title: str, consequence: str, minutes: float, severity: Severity) -> SystemAlarm:
    return SystemAlarm(
        f"{title} does not answer",
        "The process has ended and does not come up again, or it hangs.",
        consequence,
        f"{_LOG} If it stays away, restart Isthmus.",
        minutes,
        severity,
    )


def _restarting(title: str) -> SystemAlarm:
    return SystemAlarm(
        f"{title} restarts again and again",
        "It fails soon after each start: a full disk, a wrong setting, a fault.",
        "It works in pieces; what it does comes late or not at all.",
        f"{_LOG} Report what stands there.",
        30,
        delays=(0.0, 0.0),
    )


SYSTEM_ALARMS: Final = {
    "web_silent": _silent("The server of the pages", "Nobody sees or operates anything.", 10, Severity.MAJOR),
    "poller_silent": _silent(
        "The poller", "No device is read: every value grows old, no alarm of the plant comes.", 10, Severity.MAJOR
    ),
    "jobs_silent": _silent("The process for background work", "The audit is not sealed.", 60, Severity.MINOR),
    "alarms_silent": _silent(
        "The alarm engine",
        "No alarm of the plant is raised or returns; what the list shows is old.",
        10,
        Severity.MAJOR,
    ),
    "historian_silent": _silent(
        "The historian", "Nothing is recorded; after a quarter of an hour samples are lost.", 15, Severity.MAJOR
    ),
    "web_restarting": _restarting("The server of the pages"),
    "poller_restarting": _restarting("The poller"),
    "jobs_restarting": _restarting("The process for background work"),
    "alarms_restarting": _restarting("The alarm engine"),
    "historian_restarting": _restarting("The historian"),
    "bus_lost": SystemAlarm(
        "The bus (Redis) does not answer",
        "Redis has ended, is loading, or cannot be reached.",
        "No new value reaches screens or alarms.",
        "See whether Redis runs and its disk has room. It is tried again by itself.",
        10,
        Severity.MAJOR,
        (5.0, 5.0),
    ),
    "link_lost": SystemAlarm(
        "A link to devices is lost",
        "Cable, switch, gateway or device is away, or the address was changed.",
        "Values of its devices are old ones; their alarms hold.",
        "See on the device page what was tried. Check power and network.",
        30,
        delays=(30.0, 5.0),
    ),
    "redis_memory": SystemAlarm(
        "Memory of the bus (Redis) fills",
        "More tags than planned, or something else uses this Redis.",
        "When it is full, new values are refused.",
        "Raise maxmemory, or find out who else uses this Redis.",
        60,
        delays=(30.0, 30.0),
    ),
    "disk": SystemAlarm(
        "The disk fills",
        "Logs, backups or the database in DATA_DIR grow; or another program on the same disk.",
        "When it is full, nothing is stored: no journal, no audit.",
        "Make room on the disk of DATA_DIR. Move old backups away.",
        60,
        delays=(30.0, 30.0),
    ),
    "clock_step": SystemAlarm(
        "The clock was set",
        "Somebody set the clock, the time server came back, or the machine slept.",
        "Times in records before and after do not fit together.",
        "Check the time of this machine against a good one. Repair its time service.",
        240,
        delays=(0.0, 0.0),
    ),
    "audit_behind": SystemAlarm(
        "The audit is not sealed",
        "The process for background work is away or cannot write.",
        "Changes of the newest records would not be noticed.",
        "See whether the process for background work runs and the disk has room.",
        60,
        delays=(10.0, 5.0),
    ),
    "backup_old": SystemAlarm(
        "No recent backup",
        "Nobody made one (manage.py backup), or the task that makes them fails.",
        "After a failure of the disk the work since the last backup is lost.",
        "Make a backup now, then see why none was made.",
        1440,
        delays=(60.0, 5.0),
    ),
    "evaluation_behind": SystemAlarm(
        "Alarms come late",
        "The machine is overloaded, or the database was away.",
        "Alarms of the plant are raised later than they happen.",
        "See on the system page what uses the machine. Watch the plant itself meanwhile.",
        10,
        Severity.MAJOR,
        (15.0, 10.0),
    ),
    "history_waits": SystemAlarm(
        "History cannot be written",
        "Its database is away or slow, or its disk is nearly full.",
        "Samples wait in memory, then on the disk, then in Redis for a quarter of an hour; after that they are lost.",
        "See on the system page what the historian says. Bring the database back, or make room on its disk.",
        15,
        Severity.MAJOR,
        (60.0, 10.0),
    ),
    "history_missed": SystemAlarm(
        "Samples were not recorded",
        "The historian was away for longer than the bus keeps samples, or Redis lost data.",
        "Trends and reports of that time have a gap, which is marked.",
        "Find out why on the system page, so that it does not happen again.",
        240,
        delays=(0.0, 0.0),
    ),
    "samples_missed": SystemAlarm(
        "Samples were not judged",
        "The alarm engine was away for longer than the bus keeps samples, or Redis lost data.",
        "Short alarms of that time are missing in the journal.",
        "Look at the trends of that time. Conditions that still hold are raised.",
        240,
        delays=(0.0, 0.0),
    ),
}


def identity_of(name: str) -> uuid.UUID:
    """The same at every site."""
    return uuid.uuid5(_NAMES, name)
