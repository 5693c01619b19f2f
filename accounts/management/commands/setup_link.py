from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import Refused
from accounts.links import make_link
from accounts.models import User
from audit.actions import Actor


class Command(BaseCommand):
    help = "Print a one-time link: for the first administrator, or for somebody who has lost the password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset-user", metavar="USERNAME", help="whose password the link sets anew")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["reset_user"]
        user = None
        if name:
            user = User.objects.filter(username__iexact=name).first()
            if user is None:
                raise CommandError(f"There is nobody called {name!r}.")
        try:
            self.stdout.write(make_link(Actor.system("setup_link"), user))
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
