"""What somebody with the database in hand could do to the audit. Each takes the guard away first."""

from collections.abc import Callable
from typing import Final

from django.db import connection

from audit import triggers
from audit.actions import Actor, record
from audit.chain import hash_of
from audit.models import AuditRecord
from audit.sealer import content_of, seal_all


def fill(count: int, part: str = "test") -> None:
    for number in range(count):
        record("system", "test.event", Actor.system(part), new={"number": number, "level": 1.5, "text": "å €"})
    seal_all()


def sql(statement: str, *values: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def modify() -> None:
    sql("UPDATE audit_auditrecord SET actor_name = 'somebody else' WHERE sequence = 3")


def modify_and_hash_again() -> None:
    """The record and its own hash are made to agree; the record after it still names the old hash."""
    sql("UPDATE audit_auditrecord SET actor_name = 'somebody else' WHERE sequence = 3")
    changed = AuditRecord.objects.get(sequence=3)
    sql(
        "UPDATE audit_auditrecord SET hash = %s WHERE sequence = 3",
        hash_of(content_of(changed), 3, changed.previous_hash),
    )


def delete_in_the_middle() -> None:
    sql("DELETE FROM audit_auditrecord WHERE sequence = 3")


def unseal() -> None:
    sql("UPDATE audit_auditrecord SET sequence = NULL, hash = '', previous_hash = '' WHERE sequence = 3")


def reorder() -> None:
    sql("UPDATE audit_auditrecord SET sequence = -1 WHERE sequence = 2")
    sql("UPDATE audit_auditrecord SET sequence = 2 WHERE sequence = 3")
    sql("UPDATE audit_auditrecord SET sequence = 3 WHERE sequence = -1")


def insert() -> None:
    """A record of one's own between the others; everything after it moves up."""
    sql("UPDATE audit_auditrecord SET sequence = -sequence WHERE sequence >= 3")
    sql("UPDATE audit_auditrecord SET sequence = 1 - sequence WHERE sequence < 0")
    forged = record("system", "test.forged", Actor.system("forger"))
    previous = AuditRecord.objects.get(sequence=2).hash
    sql(
        "UPDATE audit_auditrecord SET sequence = 3, previous_hash = %s, hash = %s WHERE id = %s",
        previous,
        hash_of(content_of(forged), 3, previous),
        forged.pk,
    )


def truncate_the_tail() -> None:
    sql("DELETE FROM audit_auditrecord WHERE sequence > 4")


def delete_everything() -> None:
    sql("DELETE FROM audit_auditrecord")


def forge_the_whole_chain() -> None:
    """Change a record and calculate every hash anew: the chain agrees with itself, but not with the heads outside."""
    sql("UPDATE audit_auditrecord SET actor_name = 'somebody else' WHERE sequence = 3")
    sql("UPDATE audit_auditrecord SET sequence = NULL, hash = '', previous_hash = ''")
    seal_all()


TAMPERINGS: Final[dict[Callable[[], None], set[str]]] = {
    modify: {"modified"},
    modify_and_hash_again: {"out of order"},
    delete_in_the_middle: {"missing"},
    unseal: {"missing"},
    reorder: {"modified"},
    insert: {"modified", "out of order"},
    truncate_the_tail: {"truncated"},
    delete_everything: {"truncated"},
    forge_the_whole_chain: {"replaced"},
}
"""What is done -> the kinds of findings of which one must be there."""


def tamper(how: Callable[[], None]) -> None:
    triggers.drop(connection)
    how()
    triggers.install(connection)
