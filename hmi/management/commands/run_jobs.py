from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bus.process import RoleTaken, die_with_parent, hold_role
from hmi.jobs import run


class Command(BaseCommand):
    help = "Do what must not keep a page waiting: seal the audit."

    def handle(self, *args: Any, **options: Any) -> None:
        die_with_parent()
        try:
            role = hold_role(settings.DATA_DIR, "jobs")
        except RoleTaken as error:
            raise CommandError(str(error)) from error
        with role:
            run()
