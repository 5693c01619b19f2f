"""Can this site do its work now? One check a row, in words, without names of hosts: anybody may ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from bus.presence import PROCESS_SILENT_MS, Heard, ProcessState, hear_processes_blocking
from bus.roles import ALARMS, HISTORIAN, POLLER, WEB
from devices.live_bus import live_bus

NEEDED: Final = {
    WEB: "the live hub of the web process",
    POLLER: "the poller",
    ALARMS: "the alarm engine",
    HISTORIAN: "the historian",
}


@dataclass(frozen=True, slots=True)
class Check:
    check: str
    ok: bool
    detail: str


def checks() -> list[Check]:
    """In the order in which to mend them. Never raises."""
    heard = live_bus.ask(hear_processes_blocking)
    bus = Check("bus", heard is not None, "Redis answers." if heard is not None else "Redis does not answer.")
    return [_told("database", _database), _told("migrations", _migrations), bus, *_processes(heard)]


def _told(name: str, look: Callable[[], str]) -> Check:
    """`look` returns what is wrong, or nothing."""
    try:
        wrong = look()
    except DatabaseError:
        wrong = "The database does not answer."
    return Check(name, not wrong, wrong or "As it should be.")


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return f"{missing} migrations are not applied: run `manage.py migrate`." if missing else ""


def _processes(heard: dict[str, Heard[ProcessState]] | None) -> list[Check]:
    if heard is None:
        return [Check(role, False, f"Nothing is known of {title}: Redis does not answer.") for role, title in _needed()]
    return [_process(role, title, heard.get(role)) for role, title in _needed()]


def _needed() -> list[tuple[str, str]]:
    return list(NEEDED.items())


def _process(role: str, title: str, heard: Heard[ProcessState] | None) -> Check:
    if heard is None:
        return Check(role, False, f"{title.capitalize()} has never been heard.")
    if heard.age_ms > PROCESS_SILENT_MS:
        return Check(role, False, f"{title.capitalize()} has been silent for {heard.age_ms / 1000:.0f} s.")
    return Check(role, True, f"{title.capitalize()} was heard {heard.age_ms} ms ago.")
