"""What a backup holds. An app with data of its own adds a Section to SECTIONS; everything else follows.

tests/road/test_backup.py fails when a table is neither in a section nor in LEFT_OUT.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connections, models

from accounts.models import ApiToken, Grant, Role, User
from alarms.journal_guard import JOURNAL
from alarms.models import Alarm, AlarmClass, AlarmInput, AlarmState, AlarmTarget, JournalEntry, Writing
from audit import triggers
from audit.models import AuditRecord
from devices.models import Device, ManualValue, OutOfUse, Substitution, Tag, TagInput, TotaliserState
from historian.models import RetentionClass, SavedTrend, TagRecording
from hmi.backup.archive import Unusable
from plant.models import Area, ConfigRevision, Plant

BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Section:
    """Tables that belong together, each after those it refers to. `database`: alias of the connection they live in.

    `open_up` and `close_again`: taking away and putting back what keeps rows from being replaced.
    """

    name: str
    tables: tuple[type[models.Model], ...]
    database: str = "default"
    open_up: Callable[[Any], None] | None = None
    close_again: Callable[[Any], None] | None = None

    def member(self, table: type[models.Model]) -> str:
        return f"{self.name}/{table._meta.db_table}.jsonl"


SECTIONS: Final = [
    Section("configuration", (Plant, Area, Role, User, Grant, ApiToken, Device, Tag, TagInput, ConfigRevision)),
    Section("operation", (ManualValue, Substitution, OutOfUse, TotaliserState)),
    Section(
        "alarms",
        (AlarmClass, Alarm, Alarm.suppressed_by.through, AlarmInput, AlarmState, AlarmTarget, JournalEntry, Writing),
        open_up=JOURNAL.drop,
        close_again=JOURNAL.install,
    ),
    Section("recording", (RetentionClass, TagRecording, SavedTrend)),
    Section("audit", (AuditRecord,), open_up=triggers.drop, close_again=triggers.install),
]

LEFT_OUT: Final = {
    "alarms.checkpoint": "it names entries of a stream that is gone; the engine begins with the values as they are",
    "alarms.enginememory": "the same",
    "accounts.onetimelink": "a link is worth a day; a new one is made when needed",
    "accounts.loginfailure": "counts for 15 minutes",
    "sessions.session": "everybody logs in again after a restore",
    "contenttypes.contenttype": "Django makes it",
    "auth.permission": "Django makes it; rights are grants",
    "auth.group": "not used",
    "admin.logentry": "not used: the audit tells",
    "account.emailaddress": "not used: no mail",
    "account.emailconfirmation": "not used: no mail",
}
"""Table -> why it is not in the backup."""


# -- rows as JSON


def rows_of(table: type[models.Model], alias: str) -> Iterator[dict[str, Any]]:
    """Every row by column name, in order of the primary key."""
    names = [field.attname for field in table._meta.concrete_fields]
    for row in table._base_manager.using(alias).order_by("pk").values(*names).iterator(chunk_size=BATCH):
        yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """Times in full: the JSON of Django cuts microseconds, and the hash of an audit record counts them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def check_rows(table: type[models.Model], rows: Iterable[dict[str, Any]]) -> None:
    """Raises Unusable for a column this version does not know."""
    known = {field.attname for field in table._meta.concrete_fields}
    for row in rows:
        if unknown := sorted(set(row) - known):
            raise Unusable(
                f"The backup has {table._meta.db_table}.{unknown[0]}, which this version of Isthmus does not know: "
                "it was made by a newer one. Install that version, then restore."
            )
        return


def insert_rows(table: type[models.Model], alias: str, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows as they were, primary keys included. Columns that came later get their default."""
    connection = connections[alias]
    fields = table._meta.concrete_fields
    quoted = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {connection.ops.quote_name(table._meta.db_table)} ({quoted}) VALUES ({places})"  # noqa: S608  # names of our own tables and columns
    count = 0
    batch: list[list[Any]] = []
    with connection.cursor() as cursor:
        for row in rows:
            batch.append([field.get_db_prep_save(_value(field, row), connection) for field in fields])
            count += 1
            if len(batch) == BATCH:
                cursor.executemany(statement, batch)
                batch = []
        if batch:
            cursor.executemany(statement, batch)
    return count


def _value(field: "models.Field[Any, Any]", row: dict[str, Any]) -> Any:
    if field.attname not in row:
        return field.get_default()
    value = row[field.attname]
    try:
        return value if isinstance(field, models.JSONField) else field.to_python(value)
    except ValidationError as error:
        raise Unusable(f"{field.model._meta.db_table}.{field.attname}: {'; '.join(error.messages)}") from error


def empty(table: type[models.Model], alias: str) -> None:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {connection.ops.quote_name(table._meta.db_table)}")  # noqa: S608  # as above


def never_reuse_keys(table: type[models.Model], alias: str) -> None:
    """New rows get keys above both what was restored and what was there: a tag's key names it on the bus.

    SQLite's AUTOINCREMENT sees to it by itself.
    """
    connection = connections[alias]
    key = table._meta.pk
    if connection.vendor != "postgresql" or key is None or not isinstance(key, models.AutoField | models.BigAutoField):
        return
    name = connection.ops.quote_name(table._meta.db_table)
    column = connection.ops.quote_name(str(key.column))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [name, key.column])
        sequence = cursor.fetchone()[0]
        cursor.execute(
            f"SELECT setval(%s, GREATEST((SELECT COALESCE(MAX({column}), 0) FROM {name}), "  # noqa: S608  # as above
            f"(SELECT last_value FROM {sequence})))",
            [sequence],
        )
