from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actions import Actor
from hmi.backup.actions import back_up


class Command(BaseCommand):
    help = "Write configuration, people and audit to one file, while everything runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file to make; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"].resolve()
        try:
            digest = back_up(path, Actor.system("backup"))
        except OSError as error:
            raise CommandError(f"The backup could not be written: {error}") from error
        self.stdout.write(f"{digest}  {path}")
        self.stderr.write("Keep it where only you can read it: hashes of passwords are in it.")
