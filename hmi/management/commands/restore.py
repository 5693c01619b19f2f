from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from audit.actions import Actor
from hmi.backup.actions import NotEmpty, restore
from hmi.backup.archive import Unusable


class Command(BaseCommand):
    help = "Put a backup in place of everything here. What was here is backed up first. Everybody logs in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="replace what is here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restore(options["file"].resolve(), Actor.system("restore"), replace=options["yes"])
        except (Unusable, NotEmpty) as refusal:
            raise CommandError(str(refusal)) from refusal
        except (DatabaseError, OSError) as error:
            raise CommandError(f"The restore failed and changed nothing: {error}") from error
        self.stdout.write(f"{done.rows} rows restored; the configuration is revision {done.revision}.")
        if done.safety_copy:
            self.stdout.write(f"What was here before: {done.safety_copy}")
        for text in done.findings:
            self.stderr.write(f"The audit in this backup is not whole: {text}")
