"""Actions on people and rights: nobody rises by themselves, somebody always remains, everything is recorded."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts import actions
from accounts.actions import Refused
from accounts.models import Grant, Role, User
from accounts.permissions import Action, may
from accounts.sessions import still_valid
from audit.actions import Actor
from audit.models import AuditRecord
from plant import revisions
from tests.accounts.test_login import log_in
from tests.cast import Cast, Works

BY = Actor("user", "0", "tester")


def role(name: str) -> Role:
    return Role.objects.get(name=name)


@pytest.fixture
def boss(cast: Cast) -> User:
    """The only administrator of the site."""
    return make_boss("boss")


def make_boss(username: str) -> User:
    user = User.objects.create_user(username, "x" * 20)
    Grant.objects.create(user=user, role=role("administrator"), area=None)
    return user


def test_a_new_person_has_no_password_and_no_rights(db: None) -> None:
    before = revisions.current()
    user = actions.create_user(BY, "nils", "Nils Ny")
    assert not user.has_usable_password()
    assert not any(may(user, action, None) for action in Action)
    new = AuditRecord.objects.get(event="user.created").new or {}
    assert new["username"] == "nils"
    assert new["password"] == "(set)"  # what the audit shows in its place
    assert revisions.current() > before


def test_a_name_that_differs_only_in_case_is_taken(cast: Cast) -> None:
    with pytest.raises(ValidationError):
        actions.create_user(BY, "ADA")


def test_switching_off_ends_every_session_at_once(cast: Cast, client: Client) -> None:
    """ASVS 7.4.2; switching on again does not bring them back."""
    log_in(client, "ada")
    session = (cast.ada.pk, client.session.session_key or "")
    assert still_valid([session]) == {session}
    actions.change_user(BY, cast.ada, {"is_active": False})
    assert still_valid([session]) == set()
    assert client.get(reverse("account_change_password")).status_code == 302
    actions.change_user(BY, cast.ada, {"is_active": True})
    assert client.get(reverse("account_change_password")).status_code == 302
    assert still_valid([session]) == set()
    assert [r.event for r in AuditRecord.objects.filter(object_id=cast.ada.uuid, event__startswith="user.")] == [
        "user.deactivated",
        "user.reactivated",
    ]


def test_sessions_can_be_ended_without_switching_off(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    actions.end_sessions(BY, cast.ada)
    assert client.get(reverse("account_change_password")).status_code == 302
    assert log_in(client, "ada").status_code == 302


def test_a_session_of_one_person_is_not_good_for_another(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    key = client.session.session_key or ""
    assert still_valid([(cast.vera.pk, key), (cast.ada.pk, "unknown"), (cast.ada.pk, key)]) == {(cast.ada.pk, key)}


@pytest.mark.parametrize("names", [["ada"], ["ada", "omar", "vera", "vera"]])
def test_any_number_of_sessions_costs_two_queries(
    names: list[str], cast: Cast, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    sessions = set()
    for name in names:
        client = Client()
        log_in(client, name)
        sessions.add((User.objects.get(username=name).pk, client.session.session_key or ""))
    assert len(sessions) == len(names)
    with django_assert_num_queries(2):
        assert still_valid(sessions) == sessions


def test_an_administrator_everywhere_may_grant_anything(boss: User, cast: Cast, works: Works) -> None:
    actions.grant(BY, boss, cast.sam, role("engineer"), works.north)
    assert may(cast.sam, Action.CONFIGURE, works.pumps)
    assert (AuditRecord.objects.get(event="grant.created").new or {})["role"]["text"] == "Engineer"


@pytest.mark.parametrize(
    ("name", "where"), [("engineer", "north"), ("viewer", "south"), ("viewer", None), ("auditor", "north")]
)
def test_an_administrator_of_north_cannot_grant_what_is_not_theirs(
    name: str, where: str | None, cast: Cast, works: Works
) -> None:
    Grant.objects.create(user=cast.omar, role=role("administrator"), area=works.north)
    area = getattr(works, where) if where else None
    with pytest.raises(Refused):
        actions.grant(BY, cast.omar, cast.sam, role(name), area)
    assert not AuditRecord.objects.filter(event="grant.created").exists()


def test_an_administrator_of_north_shares_out_there_what_they_have(cast: Cast, works: Works) -> None:
    Grant.objects.create(user=cast.omar, role=role("administrator"), area=works.north)
    given = actions.grant(BY, cast.omar, cast.sam, role("operator"), works.pumps)
    assert may(cast.sam, Action.VIEW, works.pumps)
    actions.revoke_grant(BY, cast.omar, given)
    assert not may(cast.sam, Action.VIEW, works.pumps)


def test_who_administers_nothing_grants_nothing(cast: Cast, works: Works) -> None:
    for area in (works.north, works.south, None):
        with pytest.raises(Refused):
            actions.grant(BY, cast.ada, cast.sam, role("viewer"), area)


def test_only_an_administrator_of_the_site_changes_roles(cast: Cast, works: Works) -> None:
    Grant.objects.create(user=cast.omar, role=role("administrator"), area=works.north)
    own = role("operator")
    own.actions = [action.value for action in Action]
    with pytest.raises(Refused):
        actions.save_role(BY, cast.omar, own)
    assert "configure" not in role("operator").actions


def test_a_changed_role_counts_at_once_everywhere_it_is_granted(boss: User, cast: Cast, works: Works) -> None:
    operator = role("operator")
    operator.actions = ["view", "diagnose", "configure"]
    before = revisions.current()
    actions.save_role(BY, boss, operator)
    assert may(cast.omar, Action.CONFIGURE, works.north)
    assert revisions.current() > before


def test_a_role_in_use_is_not_deleted(boss: User) -> None:
    with pytest.raises(Refused):
        actions.delete_role(BY, boss, role("operator"))
    actions.delete_role(BY, boss, role("supervisor"))
    assert not Role.objects.filter(name="supervisor").exists()


def test_the_last_administrator_stays(boss: User) -> None:
    own = boss.grants.get()
    administrator = role("administrator")
    administrator.actions = ["view"]
    with pytest.raises(Refused):
        actions.change_user(BY, boss, {"is_active": False})
    with pytest.raises(Refused):
        actions.revoke_grant(BY, boss, own)
    with pytest.raises(Refused):
        actions.save_role(BY, boss, administrator)
    boss.refresh_from_db()
    assert boss.is_active
    assert may(boss, Action.ADMINISTER, None)
    assert not AuditRecord.objects.filter(event__in=["user.deactivated", "grant.deleted", "role.changed"]).exists()


def test_with_a_second_administrator_the_first_may_go(boss: User) -> None:
    make_boss("second")
    actions.change_user(BY, boss, {"is_active": False})
    boss.refresh_from_db()
    assert not boss.is_active


def test_a_second_administrator_who_is_switched_off_does_not_count(boss: User) -> None:
    actions.change_user(BY, make_boss("second"), {"is_active": False})
    with pytest.raises(Refused):
        actions.change_user(BY, boss, {"is_active": False})
