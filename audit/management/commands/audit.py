import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit.verification import Report, verify_audit


class Command(BaseCommand):
    help = "Check the audit: nothing changed, removed, moved, slipped in or cut off since it was sealed."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        check = what.add_parser("verify", help="walk the whole chain; exit code 1 when something is wrong")
        check.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify_audit()
        if options["json"]:
            self.stdout.write(json.dumps({"ok": report.ok, **asdict(report)}, indent=2))
        else:
            self._tell(report)
        if not report.ok:
            sys.exit(1)

    def _tell(self, report: Report) -> None:
        for finding in report.findings:
            self.stdout.write(f"{finding.kind}: {finding.text}")
        verdict = "The audit is whole" if report.ok else "The audit is NOT whole"
        self.stdout.write(
            f"{verdict}: {report.sealed} sealed records, compared with {report.heads_outside} heads noted outside."
        )
        if report.unsealed:
            self.stdout.write(
                f"{report.unsealed} records are not sealed yet, the oldest of {report.oldest_unsealed}: "
                "nothing can be said of them. Is the jobs process running?"
            )
