"""API tokens: shown once, stored as a hash, at most what their owner may and only their scopes (SR 1.2)."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import actions
from accounts.actions import Refused
from accounts.models import ApiToken
from accounts.permissions import Action
from accounts.tokens import authenticate, create_token, revoke_token
from audit.actions import Actor
from audit.models import AuditRecord
from tests.cast import Cast, Works

BY = Actor("user", "0", "tester")


def test_a_token_speaks_for_its_owner_within_its_scopes(cast: Cast, works: Works) -> None:
    _, key = create_token(BY, cast.omar, "historian", [Action.VIEW])
    login = authenticate(key)
    assert login is not None
    assert login.user == cast.omar
    assert login.may(Action.VIEW, works.pumps)
    assert not login.may(Action.VIEW, works.south)
    assert not login.may(Action.DIAGNOSE, works.north), "Omar may, the token may not"


def test_a_scope_gives_nothing_that_the_owner_lacks(cast: Cast, works: Works) -> None:
    _, key = create_token(BY, cast.vera, "wish", list(Action))
    login = authenticate(key)
    assert login is not None
    assert {action for action in Action if login.may(action, None)} == {Action.VIEW}


def test_rights_taken_from_the_owner_are_gone_from_the_token_at_once(cast: Cast, works: Works) -> None:
    _, key = create_token(BY, cast.vera, "display", [Action.VIEW])
    actions.revoke_grant(BY, None, cast.vera.grants.get())
    login = authenticate(key)
    assert login is not None
    assert not login.may(Action.VIEW, works.north)


def test_only_the_hash_is_stored(cast: Cast) -> None:
    token, key = create_token(BY, cast.vera, "display", [Action.VIEW])
    assert key.startswith(f"ist_{token.prefix}_")
    secret = key.rpartition("_")[2]
    assert secret not in str(list(ApiToken.objects.values())) + str(list(AuditRecord.objects.values()))


@pytest.mark.parametrize("wrong", ["", "ist_", "Bearer", "ist_00_00", "x" * 5000])
def test_a_wrong_key_is_nobody(wrong: str, cast: Cast) -> None:
    create_token(BY, cast.vera, "display", [Action.VIEW])
    assert authenticate(wrong) is None


def test_a_key_ends_when_revoked_expired_or_when_its_owner_is_switched_off(cast: Cast) -> None:
    revoked, revoked_key = create_token(BY, cast.vera, "a", [Action.VIEW])
    assert revoke_token(BY, revoked)
    assert not revoke_token(BY, revoked)
    _, expired_key = create_token(BY, cast.vera, "b", [Action.VIEW], timezone.now() - timedelta(seconds=1))
    _, orphan_key = create_token(BY, cast.sam, "c", [Action.VIEW])
    actions.change_user(BY, cast.sam, {"is_active": False})
    assert [authenticate(key) for key in (revoked_key, expired_key, orphan_key)] == [None] * 3
    assert AuditRecord.objects.filter(event="token.revoked").count() == 1
    with pytest.raises(Refused):
        create_token(BY, cast.sam, "d", [Action.VIEW])


def test_the_last_use_is_noted_once_a_minute(cast: Cast, django_assert_num_queries: object) -> None:
    token, key = create_token(BY, cast.vera, "display", [Action.VIEW])
    authenticate(key)
    token.refresh_from_db()
    assert token.last_used_at is not None
    with django_assert_num_queries(1):  # type: ignore[operator]  # pytest-django gives it without a type
        authenticate(key)


def test_the_command_makes_lists_and_revokes(cast: Cast) -> None:
    out, err = StringIO(), StringIO()
    call_command("apitoken", "create", "VERA", "--name", "display", "--days", "30", stdout=out, stderr=err)
    key = out.getvalue().strip()
    assert authenticate(key) is not None
    listed = StringIO()
    call_command("apitoken", "list", stdout=listed)
    assert "valid" in listed.getvalue()
    assert "display" in listed.getvalue()
    assert key.rpartition("_")[2] not in listed.getvalue()
    call_command("apitoken", "revoke", key.split("_")[1], stdout=StringIO())
    assert authenticate(key) is None


def test_the_command_says_what_is_wrong(cast: Cast) -> None:
    with pytest.raises(CommandError, match="nobody called 'ghost'"):
        call_command("apitoken", "create", "ghost", "--name", "x")
    with pytest.raises(CommandError, match="no key with the prefix"):
        call_command("apitoken", "revoke", "0000")
