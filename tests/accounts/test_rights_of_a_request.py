"""What the person behind a request may do is read once for it, and anew for the next (IEC 62443-3-3 SR 2.1)."""

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Grant, Role, User
from accounts.permissions import Action, areas_by_action
from accounts.request_rights import rights_of
from tests.cast import Cast, Works

pytestmark = pytest.mark.django_db


def visit(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asking(user: User) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    return request


@pytest.mark.parametrize(
    "path", ["/", "/devices/", "/alarms/", "/admin/", "/admin/devices/tag/", "/admin/accounts/user/"]
)
@pytest.mark.parametrize("role", ["engineer", "administrator"])
def test_a_page_reads_the_grants_of_its_visitor_once(path: str, role: str, cast: Cast) -> None:
    Grant.objects.create(user=cast.vera, role=Role.objects.get(name=role))
    client = visit(cast.vera)
    with CaptureQueriesContext(connection) as asked:
        client.get(path)
    of_visitor = f'"accounts_grant"."user_id" = {cast.vera.pk}'
    assert sum(of_visitor in query["sql"] for query in asked) == 1


@pytest.mark.parametrize("path", ["/admin/", "/admin/devices/tag/"])
def test_what_was_taken_away_is_gone_at_the_next_request(path: str, cast: Cast) -> None:
    client = visit(cast.ada)
    assert client.get(path).status_code == 200
    Grant.objects.filter(user=cast.ada).delete()
    assert client.get(path, follow=True).status_code == 403


def test_what_was_granted_is_there_at_the_next_request(cast: Cast) -> None:
    client = visit(cast.vera)
    assert client.get("/admin/", follow=True).status_code == 403
    Grant.objects.create(user=cast.vera, role=Role.objects.get(name="auditor"))
    assert client.get("/admin/").status_code == 200


def test_who_logs_in_within_a_request_has_the_own_rights(cast: Cast, works: Works) -> None:
    request = asking(cast.ada)
    assert rights_of(request).areas[Action.CONFIGURE].everywhere
    request.user = cast.omar
    assert not rights_of(request).areas[Action.CONFIGURE]
    assert works.pumps.pk in rights_of(request).areas[Action.VIEW]


def test_who_is_switched_off_has_no_rights(cast: Cast) -> None:
    cast.ada.is_active = False
    assert rights_of(asking(cast.ada)).grants == []
    assert not any(rights_of(asking(cast.ada)).areas.values())


@pytest.mark.parametrize("action", list(Action))
def test_the_admin_site_is_open_to_who_has_something_to_do_there(action: Action, cast: Cast, works: Works) -> None:
    role = Role.objects.create(name="one", title="One", actions=[action.value])
    person = User.objects.create_user("one")
    Grant.objects.create(user=person, role=role, area=works.pumps)
    rights = rights_of(asking(person))
    assert rights.areas == areas_by_action(person)
    assert rights.manages == person.is_staff
    status = visit(person).get("/admin/", follow=True).status_code
    assert status == (200 if person.is_staff else 403)
