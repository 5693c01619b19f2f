"""The sealer: a gapless chain in the order of sealing."""

from pathlib import Path

from audit.actions import Actor, record
from audit.chain import GENESIS
from audit.models import AuditRecord
from audit.sealer import BATCH, seal, seal_all
from audit.verification import verify_audit
from tests.audit.tampering import fill


def test_each_record_names_the_hash_of_the_one_before(guarded: Path) -> None:
    fill(3)
    rows = list(AuditRecord.objects.order_by("sequence"))
    assert [row.sequence for row in rows] == [1, 2, 3]
    assert [row.previous_hash for row in rows] == [GENESIS, rows[0].hash, rows[1].hash]
    assert len({row.hash for row in rows}) == 3


def test_a_record_that_was_committed_late_is_sealed_after_newer_ones(guarded: Path) -> None:
    fill(1)
    late = AuditRecord.objects.get()
    newer = AuditRecord(pk=late.pk + 2, at=late.at, category="system", event="newer", result="ok")
    newer.save(force_insert=True)
    seal_all()
    AuditRecord(pk=late.pk + 1, at=late.at, category="system", event="late", result="ok").save(force_insert=True)
    seal_all()
    assert list(AuditRecord.objects.order_by("sequence").values_list("event", flat=True)) == [
        "test.event",
        "newer",
        "late",
    ]
    assert verify_audit().ok


def test_one_turn_takes_a_bounded_number(guarded: Path) -> None:
    for _ in range(5):
        record("system", "test.event", Actor.system("test"))
    count, head = seal(3)
    assert count == 3
    assert head is not None
    assert head.sequence == 3
    assert seal(3)[0] == 2
    assert seal(3)[0] == 0
    assert BATCH > 0


def test_an_empty_audit_has_no_head_and_is_whole(guarded: Path) -> None:
    assert seal() == (0, None)
    assert verify_audit().ok


def test_the_chain_counts_every_field(guarded: Path) -> None:
    """A field that a later version adds is covered without anybody thinking of it."""
    from audit.sealer import CONTENT_FIELDS

    names = {field.name for field in AuditRecord._meta.concrete_fields}
    assert names - set(CONTENT_FIELDS) == {"id", "sequence", "previous_hash", "hash"}
