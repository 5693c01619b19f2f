"""Keys for programs: `ist_<prefix>_<secret>`. Shown once, stored as a hash, at most what their owner may."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.actions import Refused, note
from accounts.models import ApiToken, User
from accounts.permissions import NOWHERE, Action, AreaSet, areas_where
from audit.actions import Actor
from audit.rows import as_row
from plant.models import Area

_LAST_USED_EVERY: Final = timedelta(minutes=1)
_PREFIX_BYTES: Final = 5
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """Who a valid key speaks for, and how far. Ask it, not the user, what may be done."""

    token_id: int
    name: str
    user: User
    scopes: frozenset[Action]

    def areas_where(self, action: Action) -> AreaSet:
        return areas_where(self.user, action) if action in self.scopes else NOWHERE

    def may(self, action: Action, area: Area | int | None) -> bool:
        allowed = self.areas_where(action)
        return allowed.everywhere if area is None else (area if isinstance(area, int) else area.pk) in allowed

    def actor(self, *, ip: str = "", request_id: str = "") -> Actor:
        name = f"{self.user.username} by token {self.name}"
        return Actor("token", str(self.user.uuid), name, f"token:{self.token_id}", ip, request_id=request_id)


def create_token(
    actor: Actor, user: User, name: str, scopes: Iterable[Action], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new key: the row and, this once, the key itself."""
    if not user.is_active:
        raise Refused(f"{user.username} is switched off: a token for that account would not work.")
    prefix = secrets.token_hex(_PREFIX_BYTES)
    key = f"ist_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with transaction.atomic():
        token = ApiToken(
            user=user, name=name, prefix=prefix, digest=_digest(key),
            scopes=sorted({Action(scope).value for scope in scopes}), expires_at=expires_at,
        )  # fmt: skip
        token.full_clean(exclude=["scopes"])  # an empty list is a key that may do nothing, not a mistake of form
        token.save()
        note(actor, "token.created", token, None, as_row(token))
    return token, key


def revoke_token(actor: Actor, token: ApiToken) -> bool:
    """Returns False when it was revoked before."""
    with transaction.atomic():
        if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            return False
        token.refresh_from_db()
        note(actor, "token.revoked", token, None, {"prefix": token.prefix})
    return True


def authenticate(raw: str) -> TokenLogin | None:
    """Whom the key speaks for; None when it is wrong, revoked, expired, or its owner is switched off. One query."""
    if not raw.startswith("ist_") or len(raw) > 200:
        return None
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), digest=_digest(raw), revoked_at=None, user__is_active=True)
        .first()
    )
    if token is None:
        return None
    if token.last_used_at is None or not timedelta(0) <= now - token.last_used_at < _LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    scopes = frozenset(Action(scope) for scope in token.scopes if scope in set(Action))
    return TokenLogin(token.pk, token.name, token.user, scopes)


def _digest(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()
