"""One question, asked everywhere: may(user, action, area)? Nothing is allowed that is not granted."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.contrib.auth.models import AnonymousUser

from accounts.models import Grant, User
from plant.models import Area


class Action(StrEnum):
    """What can be done. Only what the product can do today stands here; each app's actions land with it."""

    VIEW = "view"
    """See the area, its tags and their values."""
    DIAGNOSE = "diagnose"
    """See devices, links and the state of Isthmus itself."""
    ENTER = "enter"
    """Enter the value of a tag that is kept by hand."""
    SUBSTITUTE = "substitute"
    """Put a value in place of a measured one (forcing), and end it."""
    TAKE_OUT_OF_USE = "take_out_of_use"
    """Leave a device alone for a while, and put it back into use."""
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge alarms."""
    SHELVE = "shelve"
    """Shelve alarms for a time, and end that."""
    SILENCE = "silence"
    """Silence the alarm sound at this station."""
    RESET = "reset"
    """Reset latched alarms."""
    SUPPRESS = "suppress"
    """Take alarms out of service, and put them back."""
    CONFIGURE_ALARMS = "configure_alarms"
    """Describe alarms: limits, delays, priorities, what to do."""
    CONFIGURE = "configure"
    """Change areas, devices and tags."""
    ADMINISTER = "administer"
    """Manage people, roles, grants and tokens."""
    AUDIT = "audit"
    """Read the audit."""


@dataclass(frozen=True, slots=True)
class AreaSet:
    """Areas in which something is allowed: everywhere, or these (children included)."""

    everywhere: bool = False
    ids: frozenset[int] = frozenset()

    def __contains__(self, area_id: object) -> bool:
        return self.everywhere or area_id in self.ids

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.ids)


NOWHERE: Final = AreaSet()


def areas_where(user: User | AnonymousUser, action: Action) -> AreaSet:
    """The areas in which the user may do it. Two queries; ask once per request or socket check."""
    if not user.is_authenticated or not user.is_active:
        return NOWHERE
    grants = Grant.objects.filter(user=user).select_related("role")
    roots = {g.area_id for g in grants if action.value in g.role.actions}
    return _area_set(roots, _children() if _needs_tree(roots) else {})


def areas_by_action(user: User | AnonymousUser) -> dict[Action, AreaSet]:
    """Every action with the areas in which the user may do it. Two queries; in a request rights_of() keeps them."""
    return areas_granted(grants_of(user))


def grants_of(user: User | AnonymousUser) -> list[Grant]:
    """With their roles and areas. None for somebody who is switched off."""
    if not user.is_authenticated or not user.is_active:
        return []
    return list(Grant.objects.filter(user=user).select_related("role", "area"))


def areas_granted(grants: Collection[Grant]) -> dict[Action, AreaSet]:
    """What these grants of one person allow, and where. A query for the tree of areas, where it is needed."""
    roots = {action: {g.area_id for g in grants if action.value in g.role.actions} for action in Action}
    children = _children() if any(_needs_tree(ids) for ids in roots.values()) else {}
    return {action: _area_set(ids, children) for action, ids in roots.items()}


def areas_of_many(user_ids: Collection[int], action: Action) -> dict[int, AreaSet]:
    """The same as areas_where() for several active people at once. Two queries; for sockets, checked in one go."""
    roots: dict[int, set[int | None]] = {user_id: set() for user_id in user_ids}
    for grant in Grant.objects.filter(user__in=user_ids, user__is_active=True).select_related("role"):
        if action.value in grant.role.actions:
            roots[grant.user_id].add(grant.area_id)
    children = _children() if any(_needs_tree(ids) for ids in roots.values()) else {}
    return {user_id: _area_set(ids, children) for user_id, ids in roots.items()}


def _needs_tree(roots: set[int | None]) -> bool:
    return bool(roots) and None not in roots


def _area_set(roots: set[int | None], children: dict[int | None, list[int]]) -> AreaSet:
    if None in roots:
        return AreaSet(everywhere=True)
    return AreaSet(ids=frozenset(_with_children({r for r in roots if r is not None}, children))) if roots else NOWHERE


def _children() -> dict[int | None, list[int]]:
    children: dict[int | None, list[int]] = {}
    for pk, parent in Area.objects.values_list("pk", "parent_id"):
        children.setdefault(parent, []).append(pk)
    return children


def _with_children(roots: set[int], children: dict[int | None, list[int]]) -> set[int]:
    found: set[int] = set()
    todo = list(roots)
    while todo:
        pk = todo.pop()
        if pk not in found:
            found.add(pk)
            todo += children.get(pk, [])
    return found


def may(user: User | AnonymousUser, action: Action, area: Area | int | None) -> bool:
    """May the user do it there? Area None asks for the whole site: only a grant everywhere answers yes."""
    allowed = areas_where(user, action)
    if area is None:
        return allowed.everywhere
    return (area if isinstance(area, int) else area.pk) in allowed
