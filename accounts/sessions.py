"""Is a session still good? For sockets, which outlive the request that opened them. Web process only."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User

UserSession = tuple[int, str]
"""(user id, session key)."""


def still_valid(sessions: Iterable[UserSession]) -> set[UserSession]:
    """Those that still stand: not logged out, not expired, the person active, the password the same.

    Blocking; two queries for any number. Raises DatabaseError when the database is away: nothing is known then.
    """
    asked = set(sessions)
    if not asked:
        return set()
    users = {u.pk: u for u in User.objects.filter(pk__in={user_id for user_id, _ in asked}, is_active=True)}
    rows = Session.objects.filter(session_key__in={key for _, key in asked}, expire_date__gt=timezone.now())
    contents = {key: _content(text) for key, text in rows.values_list("session_key", "session_data")}
    return {
        (user_id, key)
        for user_id, key in asked
        if user_id in users and key in contents and _belongs(contents[key], users[user_id])
    }


@lru_cache(maxsize=4096)
def _content(session_data: str) -> dict[str, Any]:
    """What a session holds. The same text is read again every other second for each screen, and seldom changes."""
    content: dict[str, Any] = SessionStore().decode(session_data)
    return content


def _belongs(content: dict[str, str], user: User) -> bool:
    stamp = content.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return content.get(SESSION_KEY) == str(user.pk) and any(constant_time_compare(stamp, h) for h in hashes)
