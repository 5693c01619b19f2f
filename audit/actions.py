"""record() and record_all() are the only ways into the audit. They write in the caller's transaction: done and
recorded, or neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.utils import timezone

from audit.models import AuditRecord

BATCH: Final = 500


class Result(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `kind`: user | token | system | anonymous. `id`: uuid of the user, or the name of a system part."""

    kind: str
    id: str
    name: str
    session: str = ""
    ip: str = ""
    station: str = ""
    request_id: str = ""

    @classmethod
    def system(cls, part: str) -> "Actor":
        return cls("system", part, f"system:{part}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What it was done to: type, id and text, copied."""

    type: str = ""
    id: str = ""
    text: str = ""


def record(
    category: str,
    event: str,
    actor: Actor,
    *,
    result: Result = Result.OK,
    subject: Subject | None = None,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditRecord:
    """Add a record. `category`: access, configuration, operation, alarm, system, backup, audit; `event`: like
    login.failed.
    """
    made = unsaved(category, event, actor, result=result, subject=subject, old=old, new=new, reason=reason)
    made.save(force_insert=True)
    return made


def record_all(records: Iterable[AuditRecord]) -> None:
    """Add many at once: what was done to a set is still one record for each of it."""
    AuditRecord.objects.bulk_create(records, BATCH)


def unsaved(
    category: str,
    event: str,
    actor: Actor,
    *,
    result: Result = Result.OK,
    subject: Subject | None = None,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditRecord:
    """A record for record_all()."""
    what = subject or Subject()
    return AuditRecord(
        at=timezone.now(),
        category=category,
        event=event,
        result=result.value,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        session=actor.session,
        ip=actor.ip,
        station=actor.station,
        request_id=actor.request_id,
        object_type=what.type,
        object_id=what.id,
        object_text=what.text[:300],
        old=None if old is None else dict(old),
        new=None if new is None else dict(new),
        reason=reason,
    )
