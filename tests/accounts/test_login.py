"""Logging in and out (IEC 62443-3-3 SR 1.1, 1.5, 1.7, 1.10, 3.8)."""

import statistics
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts.login import MISMATCH
from accounts.models import User
from audit.models import AuditRecord
from tests.cast import PASSWORD, Cast


def log_in(client: Client, username: str, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post(reverse("account_login"), {"login": username, "password": password}, **extra)


def events() -> list[tuple[str, str]]:
    return list(AuditRecord.objects.filter(category="access").order_by("pk").values_list("event", "result"))


def test_ada_logs_in_and_the_audit_knows_from_where(cast: Cast, client: Client) -> None:
    answer = log_in(client, "ada")
    assert (answer.status_code, answer["Location"]) == (302, reverse("overview"))
    record = AuditRecord.objects.get(event="login.ok")
    assert (record.actor_name, record.actor_id, record.ip) == ("ada", str(cast.ada.uuid), "127.0.0.1")
    assert len(record.session) == 16
    assert str(client.session.session_key) not in record.session


def test_the_name_is_not_case_sensitive(cast: Cast, client: Client) -> None:
    assert log_in(client, "ADA").status_code == 302


def test_a_wrong_password_an_unknown_name_and_a_person_switched_off_look_the_same(cast: Cast, client: Client) -> None:
    User.objects.filter(pk=cast.sam.pk).update(is_active=False)
    pages = [log_in(client, *pair) for pair in (("ada", "wrong"), ("nobody", "wrong"), ("sam", PASSWORD))]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert all(page.context["form"].non_field_errors() == [MISMATCH] for page in pages)
    assert events() == [("login.failed", "failed")] * 3


def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    cast: Cast, client: Client, settings: Any, django_user_model: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    settings.LOGIN_FAILURES = settings.LOGIN_FAILURES_PER_ADDRESS = 1000
    cast.ada.set_password(PASSWORD)
    cast.ada.save()

    def typical_s(username: str) -> float:
        times = []
        for _ in range(4):
            begin = time.process_time()
            log_in(client, username, "wrong")
            times.append(time.process_time() - begin)
        return statistics.median(times)

    known, unknown = typical_s("ada"), typical_s("nobody")
    assert unknown > known / 2, "an unknown name answers at once: names can be found out by the clock"
    assert known > unknown / 2


def test_passwords_are_stored_by_argon2(cast: Cast, settings: Any) -> None:
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]
    cast.ada.set_password(PASSWORD)
    assert cast.ada.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("correct horse battery staple", True),
        ("a" * 14, False),
        ("fjord kapsel lykta vinter stig mossa hamn dimma regn " * 2, True),
        ("a" * 40, False),
        ("abc" * 6, False),
        ("ein langer Satz ohne Ziffern", True),
        ("1qaz2wsx3edc4rfv", False),
        ("1234567890123456", False),
        ("ada.lovelace.1815", False),
    ],
)
def test_length_counts_and_composition_does_not(password: str, is_good: bool) -> None:
    person = User(username="ada.lovelace.1815", full_name="Ada Lovelace")
    try:
        validate_password(password, person)
    except ValidationError:
        assert not is_good
    else:
        assert is_good


def test_the_session_is_a_new_one_after_the_login(cast: Cast, client: Client) -> None:
    """Fixation: whoever planted a session in the browser does not hold the one that is logged in."""
    session = client.session
    session["planted"] = "x"
    session.save()
    client.cookies[_cookie_name()] = str(session.session_key)
    log_in(client, "ada")
    assert client.session.session_key != session.session_key
    assert (AuditRecord.objects.get(event="login.ok").new or {})["session_before"] != ""


def _cookie_name() -> str:
    return str(settings.SESSION_COOKIE_NAME)


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(cast: Cast, client: Client) -> None:
    cookie = log_in(client, "ada").cookies[_cookie_name()]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]


def test_a_session_ends_twelve_hours_after_the_login_whatever_is_saved_in_it(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    first = client.session.get_expiry_date()
    assert timedelta(hours=11, minutes=59) < first - timezone.now() <= timedelta(hours=12)
    session = client.session
    session["touched"] = True
    session.save()
    assert client.session.get_expiry_date() == first


def test_logging_out_ends_the_session_and_is_recorded(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    old_key = str(client.session.session_key)
    assert client.post(reverse("account_logout")).status_code == 302
    assert AuditRecord.objects.get(event="logout").actor_name == "ada"
    client.cookies[_cookie_name()] = old_key
    assert client.get(reverse("account_change_password")).status_code == 302


def test_a_link_cannot_log_anybody_out(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    client.get(reverse("account_logout"))
    assert "_auth_user_id" in client.session


def test_the_login_sends_nobody_to_another_site(cast: Cast, client: Client) -> None:
    answer = client.post(
        reverse("account_login") + "?next=https://evil.example/", {"login": "ada", "password": PASSWORD}
    )
    assert answer["Location"] == reverse("overview")


def test_a_new_password_ends_every_other_session(cast: Cast, client: Client) -> None:
    elsewhere = Client()
    log_in(client, "ada")
    log_in(elsewhere, "ada")
    new = "another horse, another battery"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post(reverse("account_change_password"), form).status_code == 302
    assert client.get(reverse("account_change_password")).status_code == 200
    assert elsewhere.get(reverse("account_change_password")).status_code == 302
    assert AuditRecord.objects.filter(event="password.change", result="ok", actor_name="ada").exists()
    assert log_in(Client(), "ada", new).status_code == 302


def test_an_open_screen_does_not_let_the_password_be_guessed(cast: Cast, client: Client) -> None:
    log_in(client, "ada")
    new = "another horse, another battery"
    for _ in range(5):
        client.post(reverse("account_change_password"), {"oldpassword": "guess", "password1": new, "password2": new})
    client.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new})
    cast.ada.refresh_from_db()
    assert cast.ada.check_password(PASSWORD)


@pytest.mark.parametrize(
    "name", ["account_signup", "account_email", "account_reset_password", "account_inactive", "account_set_password"]
)
def test_there_is_no_other_way_in(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_an_audit_that_cannot_be_written_lets_nobody_in(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts import login

    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(login, "record", broken)
    client.raise_request_exception = False
    assert log_in(client, "ada").status_code == 500
    assert client.get(reverse("account_change_password")).status_code == 302
