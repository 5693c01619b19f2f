from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.actions import Refused
from accounts.models import ApiToken, User
from accounts.permissions import Action
from accounts.tokens import create_token, revoke_token
from audit.actions import Actor


class Command(BaseCommand):
    help = "Keys for programs: create, list, revoke."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        create = what.add_parser("create", help="make a key and print it, this once")
        create.add_argument("user", help="username of whom the key speaks for")
        create.add_argument("--name", required=True, help="what the key is for")
        create.add_argument(
            "--scope", nargs="+", default=["view"], choices=[a.value for a in Action], help="what it may do (view)"
        )
        create.add_argument("--days", type=int, help="days until it expires (never)")
        what.add_parser("list", help="show the keys, without their secrets")
        revoke = what.add_parser("revoke", help="end a key")
        revoke.add_argument("prefix", help="the part of the key between ist_ and the next _")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["what"])(options)
        except (Refused, ValidationError) as refusal:
            raise CommandError(str(refusal)) from refusal

    def create(self, options: dict[str, Any]) -> None:
        user = User.objects.filter(username__iexact=options["user"]).first()
        if user is None:
            raise CommandError(f"There is nobody called {options['user']!r}.")
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError(f"--days {days}: give a whole number from 1.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        scopes = [Action(scope) for scope in options["scope"]]
        _, key = create_token(Actor.system("apitoken"), user, options["name"], scopes, expires_at)
        self.stdout.write(key)
        self.stderr.write("Keep it now: only its hash is stored, it cannot be shown again.")

    def list(self, options: dict[str, Any]) -> None:
        for token in ApiToken.objects.select_related("user"):
            self.stdout.write(
                f"{token.prefix}  {_state(token):8}  {token.user.username}  {token.name}  {','.join(token.scopes)}"
            )

    def revoke(self, options: dict[str, Any]) -> None:
        prefix = options["prefix"].removeprefix("ist_").partition("_")[0]
        token = ApiToken.objects.filter(prefix=prefix).first()
        if token is None:
            raise CommandError(f"There is no key with the prefix {prefix!r}. See: manage.py apitoken list")
        done = revoke_token(Actor.system("apitoken"), token)
        self.stdout.write(f"{token} works no more." if done else f"{token} was revoked before.")


def _state(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return "expired"
    return "valid"
