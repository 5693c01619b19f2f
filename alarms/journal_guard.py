"""The database refuses to change or delete journal entries (ALM-20), save to let go of an area that is deleted."""

from collections.abc import Sequence
from typing import Any, Final

from django.core.checks import CheckMessage

from audit.append_only import Guard, problems

JOURNAL: Final = Guard(
    table="alarms_journalentry",
    prefix="alarm_journal",
    row="a journal entry",
    may_change=frozenset({"area_id"}),
    refused_when='NEW."area_id" IS NOT NULL',
)


def check_guard(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """alarms.E001: a trigger that keeps the journal append-only is not there."""
    return problems(JOURNAL, databases, "alarms.E001", "Run `manage.py migrate`, which makes them again.")
