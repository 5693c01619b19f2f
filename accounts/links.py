"""One-time links: the first administrator, a new person's password, a forgotten one."""

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.actions import Refused, administrators, note, subject_of
from accounts.models import Grant, OneTimeLink, Role, User
from accounts.standard_roles import FIRST_PERSON
from audit.actions import Actor, Subject, record
from audit.rows import as_row

LIFE: Final = timedelta(hours=24)

SPENT: Final = "This link has been used, has expired, or was never given out. Ask for a new one."


def make_link(actor: Actor, user: User | None = None) -> str:
    """A new link, as an absolute address. Older links for the same purpose end. Without user: the first administrator.

    Raises Refused when there is an administrator already, or the person is switched off.
    """
    if user is None and administrators().exists():
        raise Refused(
            "There is an administrator already. To recover access, use: manage.py setup_link --reset-user NAME"
        )
    if user is not None and not user.is_active:
        raise Refused(f"{user.username} is switched off. An administrator must switch the account on first.")
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        OneTimeLink.objects.filter(user=user, used_at=None).delete()
        OneTimeLink.objects.create(user=user, digest=_digest(token), expires_at=timezone.now() + LIFE)
        who = subject_of(user) if user else Subject("accounts.user", "", "the first administrator")
        record("access", "link.created", actor, subject=who)
    return f"{base_address()}{reverse('setup', args=[token])}"


def setup_link() -> str | None:
    """The link for the first administrator, to be printed at a start; None when there is an administrator."""
    if administrators().exists():
        return None
    return make_link(Actor.system("setup"))


def base_address() -> str:
    """Where a browser on this machine finds Isthmus."""
    if settings.USE_TLS:
        return f"https://{settings.ALLOWED_HOSTS[0]}"
    host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::", "") else settings.HOST  # noqa: S104  # compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"


def find(token: str) -> OneTimeLink | None:
    """The link if it can still be used."""
    now = timezone.now()
    link = (
        OneTimeLink.objects.select_related("user")
        .filter(Q(user=None) | Q(user__is_active=True), digest=_digest(token), used_at=None, expires_at__gt=now)
        .first()
    )
    if link is not None and link.user is None and administrators().exists():
        return None
    return link


def use_for_password(actor: Actor, token: str, password: str) -> User:
    """Set the password of the link's person; every session of the person ends. Raises Refused, ValidationError."""
    with transaction.atomic():
        link = _spend(token)
        user = link.user
        if user is None:
            raise Refused(SPENT)
        validate_password(password, user)
        user.set_password(password)
        user.session_generation += 1
        user.save(update_fields=["password", "session_generation"])
        record("access", "password.set_by_link", actor, subject=subject_of(user))
    return user


def use_for_first_administrator(actor: Actor, token: str, username: str, full_name: str, password: str) -> User:
    """Make the first administrator with every standard right everywhere. Raises Refused, ValidationError."""
    with transaction.atomic():
        link = _spend(token)
        if link.user is not None:
            raise Refused(SPENT)
        user = User(username=username, full_name=full_name)
        validate_password(password, user)
        user.set_password(password)
        user.full_clean()
        user.save()
        roles = list(Role.objects.filter(name__in=FIRST_PERSON))
        Grant.objects.bulk_create([Grant(user=user, role=role, area=None) for role in roles])
        if not administrators().exists():
            raise Refused("The role 'administrator' is missing or does not administer. Restore it, then try again.")
        # The new person is who did it: nobody else was there, and the link is how they came in.
        maker = replace(actor, kind="user", id=str(user.uuid), name=user.username)
        new = {**as_row(user), "roles_everywhere": [role.name for role in roles], "made_by": "set-up link"}
        note(maker, "user.created", user, None, new)
    return user


def _spend(token: str) -> OneTimeLink:
    """Mark the link as used; whoever comes second is refused."""
    link = find(token)
    won = OneTimeLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()) if link else 0
    if link is None or not won:
        raise Refused(SPENT)
    return link


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
