"""What the person behind a request may do: read once for each request, kept no longer than that."""

from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from django.http import HttpRequest

from accounts.models import Grant
from accounts.permissions import Action, AreaSet, areas_granted, grants_of

MANAGES: Final = (Action.CONFIGURE, Action.CONFIGURE_ALARMS, Action.ADMINISTER, Action.AUDIT)
"""What brings somebody into the admin site."""


@dataclass(frozen=True, slots=True)
class Rights:
    user_id: int | None
    grants: list[Grant]
    areas: dict[Action, AreaSet]

    @property
    def manages(self) -> bool:
        """Is there something in the admin site for the person to do?"""
        return any(self.areas[action] for action in MANAGES)


_read: WeakKeyDictionary[HttpRequest, Rights] = WeakKeyDictionary()


def rights_of(request: HttpRequest) -> Rights:
    """Two queries at the first question, none afterwards. Read again when another person has logged in meanwhile."""
    known = _read.get(request)
    if known is None or known.user_id != request.user.pk:
        grants = grants_of(request.user)
        known = _read[request] = Rights(request.user.pk, grants, areas_granted(grants))
    return known
