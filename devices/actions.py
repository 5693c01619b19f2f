"""What can be done to devices and tags by the list. One at a time goes through the admin's own form."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import transaction

from audit.actions import Actor, Subject, record
from devices.models import Device, Tag
from plant import revisions

RECORDED: Final = 500
"""Names that stand in the audit record one by one; of more, the count is kept."""


def set_enabled(actor: Actor, rows: Sequence[Device | Tag], enabled: bool) -> int:
    """Switch devices or tags on or off; one record and one revision for all. Returns how many were not so before.

    A tag that is off is not read; a device that is off is not contacted.
    """
    if not rows:
        return 0
    model: type[Device | Tag] = type(rows[0])
    with transaction.atomic():
        revisions.lock()
        changing = model._default_manager.filter(pk__in=[row.pk for row in rows], enabled=not enabled)
        found: list[Device | Tag] = list(changing)
        if not found:
            return 0
        changing.update(enabled=enabled)
        _announce(actor, found, "enabled" if enabled else "disabled")
    return len(found)


def set_port(actor: Actor, devices: Iterable[Device], port: int) -> None:
    """Let devices be asked at another port; a record for each that was asked at another one before."""
    with transaction.atomic():
        revisions.lock()
        for device in Device.objects.select_for_update().filter(pk__in=[d.pk for d in devices]).exclude(port=port):
            old, device.port = device.port, port
            device.save(update_fields=["port"])
            subject = Subject(device._meta.label_lower, str(device.uuid), str(device))
            record("configuration", "device.changed", actor, subject=subject, old={"port": old}, new={"port": port})
            revisions.bump(actor.name, f"changed device {device.name}: port {port}")


def _announce(actor: Actor, rows: Sequence[Device | Tag], verb: str) -> None:
    meta = type(rows[0])._meta
    noun = str(meta.verbose_name if len(rows) == 1 else meta.verbose_name_plural)
    named = [{"uuid": str(row.uuid), "name": row.name, "area": row.area_id} for row in rows[:RECORDED]]
    text = f"{len(rows):,} {noun}"
    what = rows[0] if len(rows) == 1 else None
    subject = Subject(meta.label_lower, str(what.uuid) if what else "", what.name if what else text)
    new = {"rows": named, "rows_left_out": max(0, len(rows) - RECORDED)}
    record("configuration", f"{meta.model_name}.{verb}", actor, subject=subject, new=new)
    revisions.bump(actor.name, f"{verb} {text if what is None else f'{noun} {what.name}'}")
