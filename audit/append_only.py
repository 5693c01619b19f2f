"""A table to which rows are only ever added: the database itself refuses to change or delete them.

SQLite loses its triggers when a migration remakes the table, so they are made again after each migrate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.core.checks import CheckMessage, Error
from django.db import Error as DatabaseError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Guard:
    """`prefix`: of the names of the triggers. `row`: what a row is, with its article. `may_change`: columns that may
    be changed after all, unless `refused_when` (SQL over OLD and NEW) is true.
    """

    table: str
    prefix: str
    row: str
    may_change: frozenset[str] = field(default_factory=frozenset)
    refused_when: str = ""

    @property
    def names(self) -> tuple[str, str, str]:
        return f"{self.prefix}_no_delete", f"{self.prefix}_no_update", f"{self.prefix}_no_truncate"

    def install(self, connection: BaseDatabaseWrapper) -> None:
        """Make the triggers as they must be. Does nothing while the table does not exist."""
        columns = self._columns(connection)
        if not columns:
            return
        self.drop(connection)
        statements = self._postgresql(columns) if connection.vendor == "postgresql" else self._sqlite(columns)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def drop(self, connection: BaseDatabaseWrapper) -> None:
        """Take the guard away. Only for a restore, which records that it did."""
        if not self._columns(connection):
            return
        on_table = f" ON {self.table}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            for name in self.names:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")

    def missing(self, connection: BaseDatabaseWrapper) -> list[str]:
        """Names of the triggers that are not there; empty before the first migrate."""
        if not self._columns(connection):
            return []
        needed: tuple[str, ...] = self.names
        if connection.vendor == "postgresql":
            question = (
                "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
                "WHERE relname = %s AND tgenabled IN ('O', 'A')"
            )
        else:
            question = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
            needed = self.names[:2]  # SQLite has no TRUNCATE
        with connection.cursor() as cursor:
            cursor.execute(question, [self.table])
            found = {row[0] for row in cursor.fetchall()}
        return [name for name in needed if name not in found]

    def _columns(self, connection: BaseDatabaseWrapper) -> list[str]:
        with connection.cursor() as cursor:
            if self.table not in connection.introspection.table_names(cursor):
                return []
            return [column.name for column in connection.introspection.get_table_description(cursor, self.table)]

    def _condition(self, columns: Sequence[str], changed: Callable[[str], str]) -> str:
        kept = [changed(name) for name in columns if name not in self.may_change]
        return " OR ".join([*kept, self.refused_when] if self.refused_when else kept)

    def _sqlite(self, columns: Sequence[str]) -> list[str]:
        no_delete, no_update, _ = self.names
        condition = self._condition(columns, lambda name: f'NEW."{name}" IS NOT OLD."{name}"')
        return [
            f"CREATE TRIGGER {no_delete} BEFORE DELETE ON {self.table} "
            f"BEGIN SELECT RAISE(ABORT, '{self.row} cannot be deleted'); END",
            f"CREATE TRIGGER {no_update} BEFORE UPDATE ON {self.table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{self.row} cannot be changed'); END",
        ]

    def _postgresql(self, columns: Sequence[str]) -> list[str]:
        no_delete, no_update, no_truncate = self.names
        condition = self._condition(  # JSON has no comparison of its own
            columns, lambda name: f'NEW."{name}"::text IS DISTINCT FROM OLD."{name}"::text'
        )
        refuse = f"{self.prefix}_refuse"
        return [
            f"CREATE OR REPLACE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN RAISE EXCEPTION '{self.row} cannot be changed or deleted'; END $$",
            f"CREATE TRIGGER {no_delete} BEFORE DELETE ON {self.table} FOR EACH ROW EXECUTE FUNCTION {refuse}()",
            f"CREATE TRIGGER {no_truncate} BEFORE TRUNCATE ON {self.table} EXECUTE FUNCTION {refuse}()",
            f"CREATE TRIGGER {no_update} BEFORE UPDATE ON {self.table} FOR EACH ROW WHEN ({condition}) "
            f"EXECUTE FUNCTION {refuse}()",
        ]


def problems(guard: Guard, databases: Sequence[str] | None, error_id: str, hint: str) -> list[CheckMessage]:
    """For a system check: a trigger that keeps the table append-only is not there."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        try:
            gone = guard.missing(connections[alias])
        except DatabaseError:
            continue  # the database is away: that is said elsewhere
        if gone:
            text = f"The database '{alias}' would let {guard.row} be changed: {', '.join(gone)} missing."
            found.append(Error(text, hint=hint, id=error_id))
    return found
