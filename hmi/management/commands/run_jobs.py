from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bus.parent import die_with_parent
from bus.roles import JOBS, RoleTaken, hold_role
from hmi.jobs import run


class Command(BaseCommand):
    help = "Do what must not keep a page waiting: seal the audit."

    def handle(self, *args: Any, **options: Any) -> None:
        die_with_parent()
        try:
            role = hold_role(settings.DATA_DIR, JOBS)
        except RoleTaken as error:
            raise CommandError(str(error)) from error
        with role:
            run()
