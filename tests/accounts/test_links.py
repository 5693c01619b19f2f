"""One-time links: the first administrator, and a password that was forgotten. There is no default password."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.links import setup_link
from accounts.models import OneTimeLink, User
from accounts.permissions import Action, may
from audit.models import AuditRecord
from tests.accounts.test_login import log_in
from tests.cast import Cast

pytestmark = pytest.mark.django_db

NEW = "an entirely new horse"


def printed_link(*args: str) -> str:
    out = StringIO()
    call_command("setup_link", *args, stdout=out)
    return out.getvalue().strip()


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def first(client: Client, link: str, username: str = "root", password: str = NEW) -> Any:
    form = {"username": username, "full_name": "First Person", "password1": password, "password2": password}
    return client.post(path_of(link), form)


def test_the_first_start_gives_a_link_that_makes_an_administrator(client: Client, settings: Any) -> None:
    link = setup_link()
    assert link is not None
    assert link.startswith(f"http://127.0.0.1:{settings.PORT}/setup/")
    assert client.get(path_of(link)).status_code == 200
    answer = first(client, link)
    assert (answer.status_code, answer["Location"]) == (302, reverse("overview"))
    person = User.objects.get()
    assert all(may(person, action, None) for action in Action)
    assert client.get(reverse("account_change_password")).status_code == 200
    assert setup_link() is None
    events = AuditRecord.objects.order_by("pk").values_list("event", flat=True)
    assert list(events) == ["link.created", "user.created", "login.ok"]
    made = AuditRecord.objects.get(event="user.created")
    assert (made.actor_kind, made.actor_name, made.actor_id) == ("user", "root", str(person.uuid))
    assert made.new is not None
    assert made.new["made_by"] == "set-up link"


def test_the_link_works_once(client: Client) -> None:
    link = printed_link()
    first(client, link)
    again = Client()
    assert again.get(path_of(link)).status_code == 410
    assert first(again, link, "second").status_code == 410
    assert User.objects.count() == 1


def test_a_mistake_in_the_form_does_not_spend_the_link(client: Client) -> None:
    link = printed_link()
    assert first(client, link, password="short").status_code == 200
    assert first(client, link).status_code == 302


def test_the_link_ends_after_a_day(client: Client) -> None:
    link = printed_link()
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(path_of(link)).status_code == 410


def test_a_new_link_ends_the_old_one(client: Client) -> None:
    old, new = printed_link(), printed_link()
    assert client.get(path_of(old)).status_code == 410
    assert client.get(path_of(new)).status_code == 200


def test_two_who_open_the_link_together_do_not_both_become_administrators(client: Client) -> None:
    """The form of the second was open before the first was done."""
    link = printed_link()
    second = Client()
    assert second.get(path_of(link)).status_code == 200
    first(client, link)
    assert first(second, link, "second").status_code == 410
    assert not User.objects.filter(username="second").exists()


def test_only_the_hash_of_the_link_is_stored() -> None:
    token = printed_link().rstrip("/").rpartition("/")[2]
    assert len(token) >= 43
    assert token not in str(list(OneTimeLink.objects.values()))
    assert token not in str(list(AuditRecord.objects.values()))


def test_a_guessed_link_leads_nowhere(client: Client) -> None:
    printed_link()
    assert client.get(reverse("setup", args=["guess"])).status_code == 410


def test_there_is_no_link_while_there_is_an_administrator(client: Client) -> None:
    first(client, printed_link())
    with pytest.raises(CommandError, match="--reset-user"):
        printed_link()


def test_a_link_that_is_still_open_ends_when_an_administrator_appears(client: Client, cast: Cast) -> None:
    from accounts.models import Grant, Role

    link = printed_link()
    Grant.objects.create(user=cast.ada, role=Role.objects.get(name="administrator"), area=None)
    assert client.get(path_of(link)).status_code == 410


def test_a_forgotten_password_is_set_by_link_and_every_session_ends(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    link = printed_link("--reset-user", "ADA")
    other = Client()
    assert other.post(path_of(link), {"password1": NEW, "password2": NEW}).status_code == 302
    assert client.get(reverse("account_change_password")).status_code == 302
    assert log_in(Client(), "ada", NEW).status_code == 302
    record = AuditRecord.objects.get(event="link.created")
    assert (record.actor_name, record.object_id) == ("system:setup_link", str(cast.ada.uuid))
    assert AuditRecord.objects.filter(event="password.set_by_link", object_id=cast.ada.uuid).exists()


def test_a_link_does_not_wake_somebody_who_is_switched_off(cast: Cast, client: Client) -> None:
    link = printed_link("--reset-user", "sam")
    User.objects.filter(pk=cast.sam.pk).update(is_active=False)
    assert client.get(path_of(link)).status_code == 410
    with pytest.raises(CommandError, match="switched off"):
        printed_link("--reset-user", "sam")


def test_a_link_for_nobody_is_refused() -> None:
    with pytest.raises(CommandError, match="nobody called 'ghost'"):
        printed_link("--reset-user", "ghost")
