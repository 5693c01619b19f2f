"""manage.py alarms export | import: the master alarm database of a plant as CSV. docs/alarms.md describes it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from accounts.management.commands.plant import ERROR, find_actor, find_plant, read_file, write_file
from accounts.permissions import Action
from alarms.document.csv_exchange import Reader, export_csv
from alarms.muting import SHORTEST_REASON
from plant.document import transfer
from plant.document.problems import DocumentError
from plant.document.report import summary_of, text_of


class Command(BaseCommand):
    help = "Export or import the alarms of a plant as CSV. docs/alarms.md describes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        save = verbs.add_parser("export", help="Write every alarm, one a line.")
        save.add_argument("file", nargs="?", default="-", help="Where to; '-' (the default) is standard output.")
        load = verbs.add_parser("import", help="Make the alarms like the file; all or nothing.")
        load.add_argument("file", help="The CSV file; '-' reads standard input.")
        load.add_argument("--dry-run", action="store_true", help="Say what would change and change nothing.")
        load.add_argument("--prune", action="store_true", help="Also delete alarms that the file does not name.")
        load.add_argument("--why", default="", help="The reason, for the records. Needed unless it is a dry run.")
        load.add_argument("--as", dest="user", metavar="USER", help="The person on whose behalf it is recorded.")
        for verb in (save, load):
            verb.add_argument("--plant", help="Which plant, when the site has several.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except DocumentError as error:
            raise CommandError(str(error), returncode=ERROR) from None
        except DatabaseError as error:
            text = f"The database cannot be used: {error}. Is it up, and was 'manage.py migrate' run?"
            raise CommandError(text, returncode=ERROR) from error

    def _export(self, options: dict[str, Any]) -> None:
        text = export_csv(find_plant(options["plant"]))
        if options["file"] == "-":
            self.stdout.write(text, ending="")
            return
        write_file(Path(options["file"]), text)
        self.stderr.write(f"Exported to {options['file']}.")

    def _import(self, options: dict[str, Any]) -> None:
        content, read = read_file(options["file"]), Reader(find_plant(options["plant"]))
        actor = find_actor(options["user"], Action.CONFIGURE_ALARMS, "configure alarms of")
        why = options["why"].strip()
        if options["dry_run"]:
            self._report(transfer.compare(content, options["file"], prune=options["prune"], read=read))
            self.stdout.write("Dry run: nothing was changed.")
            return
        if len(why) < SHORTEST_REASON:
            raise CommandError("Say why with --why 'TEXT': it stands in the records.", returncode=ERROR)
        done = transfer.import_document(content, options["file"], actor, prune=options["prune"], why=why, read=read)
        self._report(done)
        if done.revision is not None:
            self.stdout.write(f"Imported into '{done.plant}' as revision {done.revision}.")

    def _report(self, outcome: transfer.Outcome) -> None:
        if outcome.changes:
            self.stdout.write(text_of(outcome.changes))
        self.stdout.write(f"{summary_of(outcome.changes)}.")
        if outcome.kept:
            self.stdout.write("Not in the file and kept (--prune deletes them):")
            self.stdout.write("\n".join(f"    {change.key}" for change in outcome.kept))
        for note in outcome.notes:
            self.stdout.write(f"Note: {note}")
