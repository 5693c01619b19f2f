"""Is the audit whole? The chain in the database, the heads outside of it, and the guard of the table."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Min

from audit import triggers
from audit.chain import Finding, verify
from audit.heads import read_heads
from audit.models import AuditRecord
from audit.sealer import last_link, link_of


@dataclass(frozen=True, slots=True)
class Report:
    """`unsealed`: records that wait for the sealer; nothing can be said of them. `oldest_unsealed`: ISO time."""

    sealed: int
    head: str
    heads_outside: int
    unsealed: int
    oldest_unsealed: str | None
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return not self.findings


def verify_audit() -> Report:
    """Read the whole audit once, in order. Blocking, and long where there is much."""
    heads, unreadable = read_heads()
    records = AuditRecord.objects.exclude(sequence=None).order_by("sequence")
    walk = verify(map(link_of, records.iterator(chunk_size=1000)), heads)
    findings = [*walk.findings, *(Finding("replaced", 0, text) for text in unreadable)]
    for name in triggers.missing(connection):
        text = f"The trigger {name} is missing: records can be changed. Run `manage.py migrate`, which makes it again."
        findings.append(Finding("unguarded", 0, text))
    waiting = AuditRecord.objects.filter(sequence=None)
    oldest = waiting.aggregate(oldest=Min("at"))["oldest"]
    return Report(
        sealed=walk.count,
        head=last_link()[1],
        heads_outside=len(heads),
        unsealed=waiting.count(),
        oldest_unsealed=oldest.isoformat() if oldest else None,
        findings=findings,
    )
