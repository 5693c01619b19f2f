"""The seven roles, and the one question that is asked everywhere (IEC 62443-3-3 SR 2.1)."""

import pytest
from django.core.management import call_command

from accounts.models import Grant, Role
from accounts.permissions import Action, may
from accounts.standard_roles import STANDARD_ROLES
from tests.cast import Cast, Works

OPERATOR = {"view", "diagnose", "enter", "acknowledge", "shelve", "silence", "reset"}
SUPERVISOR = OPERATOR | {"substitute", "take_out_of_use", "suppress"}
EXPECTED = {
    "viewer": {"view"},
    "operator": OPERATOR,
    "supervisor": SUPERVISOR,
    "maintenance": SUPERVISOR,
    "engineer": SUPERVISOR | {"configure", "configure_alarms"},
    "administrator": {"view", "diagnose", "administer"},
    "auditor": {"view", "audit"},
}


def test_seven_roles_are_there_from_the_start(db: None) -> None:
    assert {role.name: set(role.actions) for role in Role.objects.all()} == EXPECTED


def test_every_action_belongs_to_a_role() -> None:
    assert {action for _, _, actions in STANDARD_ROLES for action in actions} == set(Action)


def test_a_role_that_a_site_deleted_stays_deleted(db: None) -> None:
    Role.objects.get(name="supervisor").delete()
    call_command("migrate", verbosity=0)
    assert not Role.objects.filter(name="supervisor").exists()


def test_a_grant_covers_the_areas_below(cast: Cast, works: Works) -> None:
    assert may(cast.omar, Action.VIEW, works.north)
    assert may(cast.omar, Action.VIEW, works.pumps)


def test_a_stranger_sees_nothing_of_north(cast: Cast, works: Works) -> None:
    assert not any(may(cast.sam, action, area) for action in Action for area in (works.north, works.pumps, None))


def test_a_grant_below_does_not_reach_up(cast: Cast, works: Works) -> None:
    Grant.objects.create(user=cast.sam, role=Role.objects.get(name="engineer"), area=works.pumps)
    assert may(cast.sam, Action.CONFIGURE, works.pumps)
    assert not may(cast.sam, Action.CONFIGURE, works.north)


def test_only_a_grant_everywhere_answers_for_the_whole_site(cast: Cast) -> None:
    assert may(cast.vera, Action.VIEW, None)
    assert not may(cast.omar, Action.VIEW, None)


def test_who_is_switched_off_may_nothing(cast: Cast, works: Works) -> None:
    cast.ada.is_active = False
    assert not any(may(cast.ada, action, works.north) for action in Action)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_role_allows_exactly_its_actions(name: str, cast: Cast, works: Works) -> None:
    Grant.objects.filter(user=cast.sam).delete()
    Grant.objects.create(user=cast.sam, role=Role.objects.get(name=name), area=works.north)
    assert {action.value for action in Action if may(cast.sam, action, works.pumps)} == EXPECTED[name]
    assert not any(may(cast.sam, action, works.south) for action in Action)
