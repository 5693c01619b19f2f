"""How much stands by hand now: substituted values and devices out of use. For the head of every page.

Asked of the database at most once a second for everybody, and counted for each person by area.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from django.utils import timezone

from devices.models import OutOfUse, Substitution
from devices.snapshot import Snapshot
from hmi.screens.scope import Scope

KEEP_S: Final = 1.0


@dataclass(slots=True)
class _Asked:
    snapshot: Snapshot | None = None
    at: float = 0.0
    tags: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)


_asked = _Asked()


def standing(scope: Scope) -> int:
    """Those in the areas the person sees. What is configured no more holds nothing."""
    snapshot, now = scope.layout.snapshot, time.monotonic()
    if _asked.snapshot is not snapshot or now - _asked.at >= KEEP_S:
        lasting = {"ended_at": None, "ends_at__gt": timezone.now()}
        _asked.tags = list(Substitution.objects.filter(**lasting).values_list("tag_id", flat=True))
        _asked.devices = list(OutOfUse.objects.filter(**lasting).values_list("device_id", flat=True))
        _asked.snapshot, _asked.at = snapshot, now
    held = [snapshot.tags[i].area_id for i in _asked.tags if i in snapshot.tags]
    held += [snapshot.devices[i].area_id for i in _asked.devices if i in snapshot.devices]
    return sum(scope.sees(snapshot.areas[area_id]) for area_id in held)
