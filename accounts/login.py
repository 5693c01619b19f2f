"""The login by allauth: username and password, nothing else. Everything that happens here is in the audit."""

from datetime import timedelta
from typing import Any

from allauth.account import forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import lockout
from accounts.actions import change_own_password
from accounts.actors import actor_of, session_mark
from accounts.client_address import address_of
from accounts.models import User
from audit.actions import Result, Subject, record

LOCKED = "Too many failed logins. Wait 15 minutes, or ask an administrator to unlock the name."
MISMATCH = "The username or the password is wrong."


class LoginAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": MISMATCH,
        "too_many_login_attempts": LOCKED,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The user, or None. A wrong name, a wrong password and a person switched off all look the same.

        Raises ValidationError while the name is locked at this address; the password is then not looked at.
        """
        username = str(credentials.get("username", ""))
        attempt = lockout.begin(username, address_of(request))
        who = Subject("accounts.user", "", username[:64])
        if attempt.refused:
            record("access", "login.locked", actor_of(request), result=Result.REFUSED, subject=who)
            raise self.validation_error("too_many_login_attempts")
        user = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()  # allauth would answer a person switched off differently
        if isinstance(user, User):
            lockout.succeeded(attempt)
            return user
        record(
            "access", "login.failed", actor_of(request), result=Result.FAILED, subject=who,
            new={"failures_left": max(0, attempt.left)},
        )  # fmt: skip
        return None

    def login(self, request: HttpRequest, user: User) -> None:
        before = session_mark(request.session.session_key)
        with transaction.atomic():
            super().login(request, user)
            end_session_at_latest(request)
            record("access", "login.ok", actor_of(request), subject=_subject(user), new={"session_before": before})

    def logout(self, request: HttpRequest) -> None:
        record("access", "logout", actor_of(request), subject=_subject(request.user))
        super().logout(request)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """allauth would greet at each login; the page that follows says enough."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """No mail is sent."""


def _subject(user: Any) -> Subject:
    return Subject("accounts.user", str(user.uuid), user.username) if isinstance(user, User) else Subject()


def log_in(request: HttpRequest, user: User) -> None:
    """Log in somebody who has proved to be the person otherwise: by a one-time link."""
    LoginAdapter(request).login(request, user)


def end_session_at_latest(request: HttpRequest) -> None:
    """Set the end of the session as a time, not an age: saving the session must not move it."""
    request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_MAX_S))


class LoginForm(forms.LoginForm):  # type: ignore[misc]  # allauth has no types
    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        response: HttpResponse = super().login(request, redirect_url)
        end_session_at_latest(request)  # allauth has just set an age
        return response


class ChangePasswordForm(forms.ChangePasswordForm):  # type: ignore[misc]  # allauth has no types
    """Somebody at an open screen may guess as often as at the login, not more."""

    def clean_oldpassword(self) -> str:
        request = context.request
        attempt = lockout.begin(self.user.username, address_of(request))
        if attempt.refused:
            raise ValidationError(LOCKED)
        try:
            given: str = super().clean_oldpassword()
        except ValidationError:
            record(
                "access", "password.change", actor_of(request), result=Result.FAILED, subject=_subject(self.user),
                reason="The current password was wrong.",
            )  # fmt: skip
            raise
        lockout.succeeded(attempt)
        return given

    def save(self) -> None:
        change_own_password(actor_of(context.request), self.user, self.cleaned_data["password1"])
