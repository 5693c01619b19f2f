"""The database itself refuses to change or delete what was recorded. Only sealing may fill the three empty columns.

SQLite loses its triggers when a migration remakes the table, so they are made again after each migrate.
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE: Final = "audit_auditrecord"
NAMES: Final = ("audit_no_delete", "audit_no_update", "audit_no_truncate")
_SEALING: Final = {"sequence", "previous_hash", "hash"}


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers as they must be. Does nothing while the table does not exist."""
    columns = _columns(connection)
    if not columns:
        return
    drop(connection)
    with connection.cursor() as cursor:
        for statement in _statements(connection.vendor, columns):
            cursor.execute(statement)


def drop(connection: BaseDatabaseWrapper) -> None:
    """Take the guard away. Only for a restore, which records that it did."""
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in NAMES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that are not there; empty before the first migrate."""
    if not _columns(connection):
        return []
    needed: tuple[str, ...] = NAMES
    if connection.vendor == "postgresql":
        question = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE relname = %s AND tgenabled IN ('O', 'A')"
        )
    else:
        question = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
        needed = NAMES[:2]  # SQLite has no TRUNCATE
    with connection.cursor() as cursor:
        cursor.execute(question, [TABLE])
        found = {row[0] for row in cursor.fetchall()}
    return [name for name in needed if name not in found]


def _columns(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return []
        return [column.name for column in connection.introspection.get_table_description(cursor, TABLE)]


def _statements(vendor: str, columns: list[str]) -> list[str]:
    return _postgresql(columns) if vendor == "postgresql" else _sqlite(columns)


def _sqlite(columns: list[str]) -> list[str]:
    kept = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in columns if name not in _SEALING)
    sealed = 'OLD."sequence" IS NOT NULL OR NEW."sequence" IS NULL OR NEW."hash" = \'\''
    return [
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE} "
        "BEGIN SELECT RAISE(ABORT, 'an audit record cannot be deleted'); END",
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE} WHEN {kept} OR {sealed} "
        "BEGIN SELECT RAISE(ABORT, 'an audit record cannot be changed'); END",
    ]


def _postgresql(columns: list[str]) -> list[str]:
    def text(row: str, name: str) -> str:
        return f'{row}."{name}"::text'  # JSON has no comparison of its own

    kept = " OR ".join(
        f"{text('NEW', name)} IS DISTINCT FROM {text('OLD', name)}" for name in columns if name not in _SEALING
    )
    sealed = "OLD.sequence IS NOT NULL OR NEW.sequence IS NULL OR NEW.hash = ''"
    return [
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'an audit record cannot be changed or deleted'; END $$",
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE} EXECUTE FUNCTION audit_refuse()",
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE} FOR EACH ROW WHEN ({kept} OR {sealed}) "
        "EXECUTE FUNCTION audit_refuse()",
    ]
