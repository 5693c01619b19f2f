"""The configuration revision: one number, raised in the transaction that changes anything, announced after commit."""

from django.conf import settings
from django.db import transaction

from bus.client import connect_blocking
from bus.nudge import nudge_blocking
from plant.models import ConfigRevision


def bump(author: str, summary: str) -> int:
    """Raise the revision inside the caller's transaction; everybody is nudged after the commit. Returns the number.

    Raises RuntimeError outside a transaction: a revision without its change would make every process load a lie.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("bump() must run in the transaction of the change it announces: use transaction.atomic().")
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
