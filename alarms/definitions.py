"""What can be done to definitions of alarms by the list. One at a time goes through the admin's own form."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from alarms.models import Alarm
from audit.actions import Actor, Subject, record
from plant import revisions


def set_enabled(actor: Actor, alarms: Sequence[Alarm], enabled: bool, why: str) -> int:
    """Switch alarms on or off, all or none; a record for each (ALM-25). Returns how many were not so before.

    Raises ValidationError with a sentence for each that cannot be switched on. What becomes of an alarm that is active
    while it is switched off is the engine's business: it returns to normal, and is still to be acknowledged.
    """
    with transaction.atomic():
        revisions.lock()
        rows = list(
            Alarm.objects.select_for_update(of=("self",))
            .filter(pk__in=[alarm.pk for alarm in alarms], enabled=not enabled)
            .select_related("tag__area__plant")
        )
        problems = []
        for row in rows:
            row.enabled = enabled
            row.save(update_fields=["enabled"])  # the limits of those switched on together are compared
        for row in rows if enabled else ():
            try:
                row.clean()
            except ValidationError as error:
                problems += [f"The alarm {row.path}: {text}" for text in error.messages]
        if problems:
            raise ValidationError(problems)
        for row in rows:
            subject = Subject("alarms.alarm", str(row.uuid), row.path)
            old, new = {"enabled": not enabled}, {"enabled": enabled}
            record("configuration", "alarm.changed", actor, subject=subject, old=old, new=new, reason=why)
        if rows:
            noun = f"alarm {rows[0].path}" if len(rows) == 1 else f"{len(rows):,} alarms"
            revisions.bump(actor.name, f"{'enabled' if enabled else 'disabled'} {noun}")
    return len(rows)
