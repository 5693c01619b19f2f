"""The page behind a one-time link: the first administrator, or a new password."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import links
from accounts.actions import Refused
from accounts.actors import actor_of
from accounts.login import log_in
from accounts.models import OneTimeLink, User


class PasswordForm(forms.Form):
    """A new password, twice. `person`: who it is for, so that it cannot be the name."""

    password1 = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"At least {settings.PASSWORD_MIN_LENGTH} characters. Length is what counts: a sentence of a few "
        "words is good and easy to keep in mind.",
    )
    password2 = forms.CharField(
        label="Password again", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, second = cleaned.get("password1"), cleaned.get("password2")
        if first and second and first != second:
            self.add_error("password2", "The two passwords differ. Type the same one twice.")
        elif first:
            try:
                validate_password(first, self.candidate(cleaned))
            except ValidationError as error:
                self.add_error("password1", error)
        return cleaned

    def candidate(self, cleaned: dict[str, Any]) -> User | None:
        return self.person


class FirstAdministratorForm(PasswordForm):
    username = forms.CharField(
        label="Username",
        max_length=64,
        validators=User._meta.get_field("username").validators,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    full_name = forms.CharField(
        label="Full name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("username", "full_name", "password1", "password2")

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError("There is somebody with this name already. Choose another one.")
        return username

    def candidate(self, cleaned: dict[str, Any]) -> User:
        return User(username=cleaned.get("username", ""), full_name=cleaned.get("full_name", ""))


@login_not_required
@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Show and take the form of a one-time link; then the person is logged in."""
    link = links.find(token)
    if link is None:
        return render(request, "account/setup_spent.html", {"reason": links.SPENT}, status=410)
    posted = request.POST if request.method == "POST" else None
    form = FirstAdministratorForm(posted) if link.user is None else PasswordForm(posted, person=link.user)
    if form.is_valid():
        try:
            user = _use(request, token, link, form.cleaned_data)
        except Refused as refusal:
            return render(request, "account/setup_spent.html", {"reason": str(refusal)}, status=410)
        log_in(request, user)
        return redirect("overview")
    return render(request, "account/setup.html", {"form": form, "person": link.user})


def _use(request: HttpRequest, token: str, link: OneTimeLink, given: dict[str, str]) -> User:
    actor = actor_of(request)
    if link.user is not None:
        return links.use_for_password(actor, token, given["password1"])
    return links.use_for_first_administrator(actor, token, given["username"], given["full_name"], given["password1"])
