"""The database refuses what must not happen to a record (IEC 62443-3-3 SR 3.9)."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, connection, transaction

from audit import triggers
from audit.actions import Actor, record
from audit.models import AuditRecord
from audit.sealer import seal_all
from tests.audit.tampering import fill, sql

FORBIDDEN = [
    "DELETE FROM audit_auditrecord",
    "DELETE FROM audit_auditrecord WHERE sequence = 2",
    "UPDATE audit_auditrecord SET actor_name = 'x' WHERE sequence = 2",
    "UPDATE audit_auditrecord SET reason = 'x' WHERE sequence IS NULL",
    "UPDATE audit_auditrecord SET old = '{}' WHERE sequence IS NULL",
    "UPDATE audit_auditrecord SET id = 99 WHERE sequence = 1",
    "UPDATE audit_auditrecord SET hash = 'x' WHERE sequence = 1",
    "UPDATE audit_auditrecord SET sequence = 99 WHERE sequence = 1",
    "UPDATE audit_auditrecord SET sequence = NULL WHERE sequence = 1",
    "UPDATE audit_auditrecord SET hash = 'x' WHERE sequence IS NULL",
    "UPDATE audit_auditrecord SET sequence = 99 WHERE sequence IS NULL",
    "UPDATE audit_auditrecord SET sequence = 99, hash = 'x', ip = 'y' WHERE sequence IS NULL",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_record_cannot_be_changed_or_deleted(statement: str, guarded: Path) -> None:
    fill(3)
    record("system", "not.sealed", Actor.system("test"))
    before = list(AuditRecord.objects.values())
    with pytest.raises(DatabaseError, match="cannot be"), transaction.atomic():
        sql(statement)
    assert list(AuditRecord.objects.values()) == before


def test_the_models_cannot_do_it_either(guarded: Path) -> None:
    fill(1)
    row = AuditRecord.objects.get()
    row.actor_name = "x"
    with pytest.raises(DatabaseError), transaction.atomic():
        row.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        row.delete()


def test_sealing_may_fill_the_three_empty_columns_once(guarded: Path) -> None:
    record("system", "test.event", Actor.system("test"))
    seal_all()
    assert AuditRecord.objects.get().sequence == 1


def test_a_site_without_its_guard_says_so_and_migrate_brings_it_back(guarded: Path) -> None:
    assert _problems() == []
    triggers.drop(connection)
    assert _problems() == ["audit.E001"]
    triggers.install(connection)
    assert _problems() == []


def _problems() -> list[str]:
    found = run_checks(databases=["default"], tags=["database"])
    return [str(message.id) for message in found if str(message.id).startswith("audit.")]


def test_a_table_that_a_migration_remakes_is_guarded_again(guarded: Path) -> None:
    """SQLite drops the triggers with the table that it replaces."""
    from audit.apps import install_guard

    for name in triggers.NAMES[:2]:
        sql(f"DROP TRIGGER {name}" if connection.vendor == "sqlite" else f"DROP TRIGGER {name} ON {triggers.TABLE}")
    install_guard(using="default")
    assert triggers.missing(connection) == []
