"""Trends people keep under a name: whose they are, and every change of them as an action."""

from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from audit.actions import Actor, Subject, record
from audit.rows import as_row, changed
from historian.models import SavedTrend

MOST: Final = 200
"""Of one person."""


def visible_to(person: User) -> "QuerySet[SavedTrend]":
    """One's own, and what others share."""
    return SavedTrend.objects.filter(Q(owner=person) | Q(is_shared=True)).select_related("owner")


def save(actor: Actor, person: User, name: str, state: str, *, is_shared: bool) -> SavedTrend:
    """New, or in place of the person's own of the same name. Raises ValidationError with sentences."""
    name = name.strip()
    if not name:
        raise ValidationError("Give the trend a name.")
    with transaction.atomic():
        row = SavedTrend.objects.select_for_update().filter(owner=person, name__iexact=name).first()
        old = as_row(row) if row else None
        if row is None:
            if SavedTrend.objects.filter(owner=person).count() >= MOST:
                raise ValidationError(f"You keep {MOST} trends already. Delete one first.")
            row = SavedTrend(owner=person)
        row.name, row.state, row.is_shared = name, state, is_shared
        row.full_clean()
        row.save()
        before, after = changed(old or {}, as_row(row))
        event = "trend.changed" if old else "trend.saved"
        record("operation", event, actor, subject=_subject(row), old=before if old else None, new=after)
    return row


def delete(actor: Actor, person: User, uuid: UUID) -> str | None:
    """Its name; None where the person has no such trend."""
    with transaction.atomic():
        row = SavedTrend.objects.select_for_update().filter(owner=person, uuid=uuid).first()
        if row is None:
            return None
        record("operation", "trend.deleted", actor, subject=_subject(row), old=as_row(row))
        row.delete()
    return row.name


def _subject(row: SavedTrend) -> Subject:
    return Subject(row._meta.label_lower, str(row.uuid), row.name)
