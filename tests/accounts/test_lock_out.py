"""Lock-out (IEC 62443-3-3 SR 1.11): five failures in 15 minutes lock a name at an address, and nothing more."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import actions, lockout
from accounts.login import LOCKED
from accounts.models import LoginFailure
from audit.actions import Actor
from audit.models import AuditRecord
from tests.accounts.test_login import log_in
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def fail(client: Client, username: str, times: int, **extra: Any) -> None:
    for _ in range(times):
        log_in(client, username, "wrong", **extra)


def test_the_sixth_try_is_refused_even_with_the_right_password(cast: Cast, client: Client) -> None:
    fail(client, "ada", 5)
    answer = log_in(client, "ada")
    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors() == [LOCKED]
    assert AuditRecord.objects.filter(event="login.locked", result="refused", object_text="ada").count() == 1


def test_four_failures_lock_nobody(cast: Cast, client: Client) -> None:
    fail(client, "ada", 4)
    assert log_in(client, "ada").status_code == 302
    assert not LoginFailure.objects.exists()


def test_the_same_name_at_another_station_still_works(cast: Cast, client: Client) -> None:
    fail(client, "ada", 6, REMOTE_ADDR="10.1.1.1")
    assert log_in(client, "ada", REMOTE_ADDR="10.1.1.2").status_code == 302


def test_an_unknown_name_is_locked_with_the_same_words(cast: Cast, client: Client) -> None:
    fail(client, "nobody", 5)
    assert log_in(client, "nobody", "wrong").context["form"].non_field_errors() == [LOCKED]


def test_the_lock_opens_after_15_minutes(cast: Cast, client: Client) -> None:
    fail(client, "ada", 5)
    LoginFailure.objects.update(at=timezone.now() - timedelta(minutes=15, seconds=1))
    assert log_in(client, "ada").status_code == 302


def test_trying_while_locked_does_not_make_it_longer(cast: Cast, client: Client) -> None:
    fail(client, "ada", 9)
    assert LoginFailure.objects.count() == 5


def test_an_administrator_unlocks_the_name(cast: Cast, client: Client) -> None:
    fail(client, "ada", 5)
    assert actions.unlock(Actor.system("test"), cast.ada) == 5
    assert log_in(client, "ada").status_code == 302


def test_one_address_cannot_try_names_without_end(cast: Cast, client: Client, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 7
    for number in range(7):
        fail(client, f"guess{number}", 1)
    assert log_in(client, "ada").context["form"].non_field_errors() == [LOCKED]


def test_guesses_at_the_same_moment_all_count() -> None:
    """Each is counted before its password is looked at."""
    tries = [lockout.begin("ada", "10.0.0.1") for _ in range(8)]
    assert [attempt.refused for attempt in tries] == [False] * 5 + [True] * 3
    assert [attempt.left for attempt in tries] == [4, 3, 2, 1, 0, 0, 0, 0]


def test_addresses_of_one_ipv6_subscriber_are_one() -> None:
    for last in range(5):
        lockout.begin("ada", f"2001:db8:1:2::{last}")
    assert lockout.begin("ada", "2001:db8:1:2:ffff::9").refused
    assert not lockout.begin("ada", "2001:db8:1:3::1").refused


def test_a_clock_set_back_does_not_keep_the_lock() -> None:
    for _ in range(5):
        lockout.begin("ada", "10.0.0.1")
    LoginFailure.objects.update(at=timezone.now() + timedelta(hours=1))
    assert not lockout.begin("ada", "10.0.0.1").refused


def test_the_lock_counts_the_client_behind_a_trusted_proxy(cast: Cast, client: Client, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    fail(client, "ada", 5, HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert log_in(client, "ada", HTTP_X_FORWARDED_FOR="203.0.113.8").status_code == 302
    assert AuditRecord.objects.filter(event="login.failed", ip="203.0.113.7").count() == 5


def test_a_stranger_cannot_write_its_own_address(cast: Cast, client: Client) -> None:
    for number in range(5):
        log_in(client, "ada", "wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert log_in(client, "ada", PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.99").status_code == 200


def test_logging_in_needs_no_redis(cast: Cast, client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD}).status_code == 302
