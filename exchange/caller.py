"""Who asks: a program with a token, or a browser with a session. What either may do is asked of accounts/ only.

A browser sends its session along with whatever page makes it ask; so a request that changes something counts as the
person's own only with the mark of a page of this site (CSRF). A token is never sent by itself.
"""

import time
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from accounts.actors import actor_of
from accounts.client_address import address_of
from accounts.models import User
from accounts.permissions import Action, AreaSet, areas_where
from accounts.tokens import TokenLogin, authenticate
from audit.actions import Actor
from exchange import problems
from exchange.pace import Pace

RATE: Final = 50
BURST: Final = 100
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
pace: Final = Pace(RATE, BURST)


@dataclass(frozen=True, slots=True)
class Caller:
    user: User
    token: TokenLogin | None

    @property
    def key(self) -> str:
        return f"user:{self.user.pk}" if self.token is None else f"token:{self.token.token_id}"

    def areas_where(self, action: Action) -> AreaSet:
        """Scope of the token and right of its owner, both."""
        return areas_where(self.user, action) if self.token is None else self.token.areas_where(action)

    def actor(self, request: HttpRequest) -> Actor:
        """As the audit keeps it."""
        if self.token is None:
            return actor_of(request)
        return self.token.actor(ip=address_of(request), request_id=str(getattr(request, "request_id", ""))[:64])

    def areas_or_problem(self, action: Action) -> AreaSet:
        """Raises Problem 403 where the action is allowed nowhere."""
        areas = self.areas_where(action)
        if areas:
            return areas
        if self.token is not None and action not in self.token.scopes:
            raise problems.not_allowed(
                f"The token '{self.token.name}' has no scope '{action.value}'.",
                f"Make a token with the scope '{action.value}'.",
            )
        raise problems.not_allowed(
            f"{self.user.username} may not '{action.value}' in any area.",
            "An administrator can grant a role that allows it.",
        )


def caller_of(request: HttpRequest) -> Caller:
    """Raises Problem: 401 for nobody, 429 for who asks too fast."""
    header = request.headers.get("Authorization")
    try:
        caller = _by_session(request) if header is None else _by_token(header)
    except problems.Problem:
        _keep_pace(f"address:{address_of(request)}")
        raise
    _keep_pace(caller.key)
    return caller


def _by_token(header: str) -> Caller:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise problems.not_logged_in("The header Authorization is not of the kind 'Bearer'.")
    login = authenticate(key.strip())
    if login is None:
        raise problems.not_logged_in("The token is wrong, expired or revoked, or its owner is switched off.")
    return Caller(login.user, login)


def _by_session(request: HttpRequest) -> Caller:
    user = getattr(request, "user", None)
    if isinstance(user, User) and user.is_active:
        if request.method not in SAFE and not _is_of_our_page(request):
            raise problems.not_allowed(
                "The request carries a session, but not the mark of a page of this site (CSRF).",
                "Send the CSRF token as 'X-CSRFToken', or use an API token.",
            )
        return Caller(user, None)
    raise problems.not_logged_in("There is neither a token nor a session.")


def _is_of_our_page(request: HttpRequest) -> bool:
    check = CsrfViewMiddleware(_nothing)
    return check.process_view(request, _nothing, (), {}) is None


def _nothing(_: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _keep_pace(key: str) -> None:
    wait_s = pace.wait_s(key, time.monotonic())
    if wait_s is not None:
        raise problems.too_fast(wait_s, pace.rate)
