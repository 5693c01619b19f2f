"""Takes new records into the chain: gives each its sequence and hash, in the order in which it finds them.

One sealer runs on a site (the role "jobs"); the unique sequence keeps a second one from doing harm. A record whose
transaction commits late, after newer ones were sealed, is taken in when it appears: its place is the order of sealing.
"""

from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection, transaction

from audit.chain import GENESIS, Head, Link, hash_of
from audit.models import AuditRecord

BATCH: Final = 200
"""Records in one transaction: short enough that nobody waits for the database."""

_LOCK: Final = 0x5EA1
"""Advisory lock of PostgreSQL, held for one turn."""

_CHAIN_FIELDS: Final = frozenset({"id", "sequence", "previous_hash", "hash"})
CONTENT_FIELDS: Final = tuple(f.name for f in AuditRecord._meta.concrete_fields if f.name not in _CHAIN_FIELDS)


def content_of(record: AuditRecord) -> dict[str, Any]:
    """Everything the hash covers, in a form that is the same from every database."""
    return {name: _plain(getattr(record, name)) for name in CONTENT_FIELDS}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, float) and value.is_integer():
        return int(value)  # PostgreSQL gives back 1e22 as an integer
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def link_of(record: AuditRecord) -> Link:
    """A sealed record as a link of the chain."""
    return Link(record.pk, record.sequence or 0, record.previous_hash, record.hash, content_of(record))


def seal(limit: int = BATCH) -> tuple[int, Head | None]:
    """Take in up to `limit` unsealed records. Returns how many, and the head of the chain, None while it is empty.

    Blocking; one transaction. Raises DatabaseError when the database is away: try again later.
    """
    with transaction.atomic():
        _wait_for_another_sealer()
        waiting = list(AuditRecord.objects.filter(sequence=None).order_by("pk")[:limit])
        sequence, previous_hash = last_link()
        rows = []
        for record in waiting:
            sequence += 1
            own = hash_of(content_of(record), sequence, previous_hash)
            rows.append((sequence, previous_hash, own, record.pk))
            previous_hash = own
        if rows:
            _write(rows)
    head = Head(sequence, previous_hash, datetime.now(UTC).isoformat(timespec="seconds")) if sequence else None
    return len(rows), head


def _wait_for_another_sealer() -> None:
    """SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def seal_all() -> Head | None:
    """Take in everything there is."""
    while True:
        count, head = seal()
        if count < BATCH:
            return head


def last_link() -> tuple[int, str]:
    """Sequence and hash of the newest sealed record; (0, GENESIS) before the first."""
    last = AuditRecord.objects.exclude(sequence=None).order_by("-sequence").values_list("sequence", "hash").first()
    return (last[0] or 0, last[1]) if last else (0, GENESIS)


def _write(rows: list[tuple[int, str, str, int]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE audit_auditrecord SET sequence = %s, previous_hash = %s, hash = %s "
            "WHERE id = %s AND sequence IS NULL",
            rows,
        )
