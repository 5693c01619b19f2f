"""The configuration revision: one number, raised in the transaction that changes anything, announced after commit."""

from django.conf import settings
from django.db import connection, transaction

from bus.client import connect_blocking
from bus.nudge import nudge_blocking
from plant.models import ConfigRevision


def lock() -> None:
    """Let nobody else change the configuration until this transaction ends. Call it first, before rows are read.

    SQLite has one writer anyway. On PostgreSQL numbers are handed out when rows are inserted, not when they are
    committed: without the lock, revision 5 could be seen before 4 and whoever loaded 5 would never learn of 4.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {ConfigRevision._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def bump(author: str, summary: str) -> int:
    """Raise the revision inside the caller's transaction; everybody is nudged after the commit. Returns the number.

    Raises RuntimeError outside a transaction: a revision without its change would make every process load a lie.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("bump() must run in the transaction of the change it announces: use transaction.atomic().")
    lock()
    revision = ConfigRevision.objects.create(author=author[:150], summary=summary[:400])
    transaction.on_commit(nudge_after_commit, robust=True)
    return revision.number


def nudge_after_commit() -> None:
    client = connect_blocking(settings.REDIS_URL, "nudge")
    try:
        nudge_blocking(client)
    finally:
        client.close()


def current() -> int:
    """The newest revision, 0 before the first."""
    return ConfigRevision.objects.order_by("-number").values_list("number", flat=True).first() or 0
