"""What one person may see of alarms and do to them. Asked once per request."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import Http404, HttpRequest

from accounts.permissions import Action, AreaSet
from alarms.current import current_alarms
from alarms.lists import may_see
from alarms.snapshot import AlarmEntry
from alarms.standing import Standing, standing
from hmi.screens.scope import NOT_FOUND, Scope, scope_of


@dataclass(frozen=True, slots=True)
class Rights:
    """To one alarm."""

    acknowledge: bool
    reset: bool
    shelve: bool
    suppress: bool


@dataclass(frozen=True, slots=True)
class AlarmScope:
    scope: Scope

    @property
    def areas(self) -> AreaSet:
        return self.scope.allowed[Action.VIEW]

    @property
    def sees_system(self) -> bool:
        """The alarms of Isthmus itself: for whoever may diagnose something."""
        return bool(self.scope.allowed[Action.DIAGNOSE])

    @property
    def sees_any(self) -> bool:
        return bool(self.areas) or self.sees_system

    def sees(self, alarm: AlarmEntry) -> bool:
        return may_see(alarm, self.areas, self.sees_system)

    def may(self, action: Action) -> Callable[[AlarmEntry], bool]:
        """Of an alarm: does the person see it, and may do this in its area? One of Isthmus itself: everywhere?"""
        areas = self.scope.allowed[action]
        return lambda alarm: self.sees(alarm) and alarm.area_id in areas

    def rights(self, alarm: AlarmEntry) -> Rights:
        allowed, area = self.scope.allowed, alarm.area_id
        return Rights(
            area in allowed[Action.ACKNOWLEDGE], area in allowed[Action.RESET], area in allowed[Action.SHELVE],
            area in allowed[Action.SUPPRESS],
        )  # fmt: skip

    def may_anywhere(self, action: Action) -> bool:
        return bool(self.scope.allowed[action])

    def alarm(self, uuid: str) -> AlarmEntry:
        """Raises Http404 for one that does not exist and, with the same words, for a foreign one."""
        alarm = current_alarms().by_uuid.get(uuid)
        if alarm is None or not self.sees(alarm):
            raise Http404(NOT_FOUND)
        return alarm


def alarm_scope_of(request: HttpRequest) -> AlarmScope:
    return AlarmScope(scope_of(request))


def standing_of(request: HttpRequest) -> Standing:
    """How the alarms stand, for every part of one page the same, read once. Where the request may change them, anew at
    each question."""
    known = getattr(request, "_alarms_standing", None)
    if isinstance(known, Standing):
        return known
    held = standing(current_alarms())
    if request.method in {"GET", "HEAD"}:
        request._alarms_standing = held  # type: ignore[attr-defined]  # as in scope.py
    return held
