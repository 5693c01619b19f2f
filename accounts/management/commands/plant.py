"""manage.py plant import | export | diff: the plant document on the command line.

It stands in accounts because `--as USER` asks for a person's rights, and plant may not import accounts.
"""

import getpass
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from accounts.actors import actor_of_user
from accounts.models import User
from accounts.permissions import Action, may
from audit.actions import Actor
from plant.document import transfer
from plant.document.problems import DocumentError, suggestion
from plant.document.report import summary_of, text_of
from plant.document.source import MAX_BYTES
from plant.models import Plant

DIFFERS: Final = 1
ERROR: Final = 2


class Command(BaseCommand):
    help = "Import, export or compare a plant document (YAML). docs/plant-document.md describes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        load = verbs.add_parser("import", help="Make the plant like the document; all or nothing.")
        load.add_argument("file", help="The document; '-' reads standard input.")
        load.add_argument("--dry-run", action="store_true", help="Say what would change and change nothing.")
        load.add_argument("--prune", action="store_true", help="Also delete what the document does not name.")
        load.add_argument("--why", default="", help="The reason, for the records.")
        load.add_argument("--as", dest="user", metavar="USER", help="The person on whose behalf it is recorded.")
        save = verbs.add_parser("export", help="Write the plant as a document.")
        save.add_argument("file", nargs="?", default="-", help="Where to; '-' (the default) is standard output.")
        save.add_argument("--plant", help="Which plant, when the site has several.")
        compare = verbs.add_parser(
            "diff", help="Compare a document with the plant. Exit code 0: same, 1: differs, 2: error."
        )
        compare.add_argument("file", help="The document; '-' reads standard input.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except DocumentError as error:
            raise CommandError(str(error), returncode=ERROR) from None
        except DatabaseError as error:
            text = f"The database cannot be used: {error}. Is it up, and was 'manage.py migrate' run?"
            raise CommandError(text, returncode=ERROR) from error

    def _import(self, options: dict[str, Any]) -> None:
        content = read_file(options["file"])
        actor = find_actor(options["user"], Action.CONFIGURE)
        if options["dry_run"]:
            found = transfer.compare(content, options["file"], prune=options["prune"])
            self._report(found, "would be")
            if not found.changes and not found.kept:
                self.stdout.write(f"{summary_of([])}.")
            self.stdout.write("Dry run: nothing was changed.")
            return
        outcome = transfer.import_document(content, options["file"], actor, prune=options["prune"], why=options["why"])
        self._report(outcome, "were")
        if outcome.revision is None:
            self.stdout.write(f"The plant '{outcome.plant}' is as the document says; nothing was changed.")
        else:
            self.stdout.write(f"Imported into '{outcome.plant}' as revision {outcome.revision}.")

    def _diff(self, options: dict[str, Any]) -> None:
        outcome = transfer.compare(read_file(options["file"]), options["file"])
        found = [*outcome.changes, *outcome.kept]
        if found:
            self.stdout.write(text_of(found))
        self.stdout.write(summary_of(outcome.changes) if outcome.changes or not found else "nothing added or changed")
        if outcome.kept:
            self.stdout.write(
                f"{len(outcome.kept):,} not in the document (-): an import keeps that; with --prune it deletes it."
            )
        if found:
            sys.exit(DIFFERS)

    def _export(self, options: dict[str, Any]) -> None:
        text = transfer.export(find_plant(options["plant"]))
        if options["file"] == "-":
            self.stdout.write(text, ending="")
            return
        write_file(Path(options["file"]), text)
        self.stderr.write(f"Exported to {options['file']}.")

    def _report(self, outcome: transfer.Outcome, verb: str) -> None:
        if outcome.changes:
            self.stdout.write(text_of(outcome.changes))
            self.stdout.write(f"{summary_of(outcome.changes)}.")
        if outcome.kept:
            self.stdout.write(f"Not in the document and {verb} kept (--prune deletes them):")
            self.stdout.write("\n".join(f"    {change.noun} {change.key}" for change in outcome.kept))
        for note in outcome.notes:
            self.stdout.write(f"Note: {note}")


def read_file(name: str) -> bytes:
    """The bytes of a file or of standard input, at most one more than a document may have."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        folder = Path(name).absolute().parent
        near = suggestion(Path(name).name, [p.name for p in folder.iterdir()] if folder.is_dir() else [])
        raise CommandError(f"There is no file '{name}' (looked in {folder}).{near}", returncode=ERROR) from None
    except IsADirectoryError:
        raise CommandError(f"'{name}' is a folder. Name the document in it.", returncode=ERROR) from None
    except OSError as error:
        raise CommandError(f"'{name}' cannot be read: {error.strerror}.", returncode=ERROR) from error


def write_file(path: Path, text: str) -> None:
    """Write beside and rename: an export that fails half way leaves the old file whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_dir():
            raise CommandError(f"'{path}' is a folder. Name a file in it.", returncode=ERROR)
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CommandError(f"'{path}' cannot be written: {error.strerror}.", returncode=ERROR) from error


def find_plant(name: str | None) -> Plant:
    plants = list(Plant.objects.all())
    if name is not None:
        found = [plant for plant in plants if plant.name.lower() == name.lower()]
        if not found:
            hint = suggestion(name, [plant.name for plant in plants], listing="Plants")
            raise CommandError(f"There is no plant '{name}'.{hint}", returncode=ERROR)
        return found[0]
    if not plants:
        raise CommandError("There is no plant yet: import a document first.", returncode=ERROR)
    if len(plants) > 1:
        names = ", ".join(plant.name for plant in plants)
        raise CommandError(f"There are several plants ({names}): say which with --plant.", returncode=ERROR)
    return plants[0]


def find_actor(username: str | None, action: Action, what: str = "configure") -> Actor:
    """Who an import is recorded for: the named person, who must be allowed to, or whoever has this shell."""
    if username is None:
        try:
            return Actor("system", "manage.py", f"system:manage.py ({getpass.getuser()})")
        except (KeyError, OSError):
            return Actor.system("manage.py")
    user = User.objects.filter(username__iexact=username).first()
    if user is None:
        names = User.objects.values_list("username", flat=True)
        raise CommandError(f"There is no user '{username}'.{suggestion(username, names)}", returncode=ERROR)
    if not may(user, action, None):
        text = f"{user.username} may not {what} the whole site; an import needs that right everywhere."
        raise CommandError(text, returncode=ERROR)
    return actor_of_user(user)
