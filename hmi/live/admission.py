"""Who is behind a socket, and is that still so? Asked when it opens, then every other second. Blocking (database)."""

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from accounts.permissions import Action, AreaSet, areas_of_many
from accounts.sessions import UserSession, still_valid


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is logged in. `areas`: where this person may look."""

    user_id: int
    session_key: str
    areas: AreaSet

    @property
    def session(self) -> UserSession:
        return self.user_id, self.session_key


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of the visitors who were asked about: whose sessions stand, and where these people may look."""

    asked: frozenset[UserSession]
    valid: frozenset[UserSession]
    areas: dict[int, AreaSet]


def admit(session_key: str) -> Visitor | None:
    """The visitor with this session; None for nobody. Raises DatabaseError when nothing can be known."""
    if not session_key:
        return None
    stated = SessionStore(session_key).load().get(SESSION_KEY, "")
    if not stated.isdigit():
        return None
    session = (int(stated), session_key)
    standing = check([session])
    return Visitor(*session, standing.areas[session[0]]) if session in standing.valid else None


def check(sessions: Collection[UserSession]) -> Standing:
    """Four queries for any number of visitors."""
    valid = frozenset(still_valid(sessions))
    return Standing(frozenset(sessions), valid, areas_of_many({user_id for user_id, _ in valid}, Action.VIEW))
