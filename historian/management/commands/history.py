"""`manage.py history verify | repair | …`: docs/history.md describes each."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from bus.roles import HISTORIAN, RoleTaken, hold_role
from devices import snapshot as plant_snapshot
from historian.export.to_file import FORMATS, export, sources_of
from historian.integrity import FAR_AHEAD, LONG_AGO, Report, repair, verify
from historian.place import history_url
from historian.storage.base import StorageAway, StorageDamaged
from historian.storage.opening import open_storage

MOST_SHOWN: Final = 200


class Subcommand(NamedTuple):
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[OutputWrapper, dict[str, Any]], bool]
    """True: all is well. False: exit code 1."""


def moment(text: str) -> int:
    """ms of a time in ISO 8601; without an offset it is UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"'{text}' is no time like 2026-09-21 or 2026-09-21T14:00+02:00") from error
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def add_span(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="from_ms", type=moment, default=LONG_AGO, help="First hour, like 2026-09-21T14:00."
    )
    parser.add_argument("--to", dest="to_ms", type=moment, default=FAR_AHEAD, help="The hour to stop before.")


def run_verify(out: OutputWrapper, options: dict[str, Any]) -> bool:
    storage = open_storage(history_url(), read_only=True)
    try:
        report = verify(storage, options["from_ms"], options["to_ms"])
    finally:
        storage.close()
    _tell(out, report)
    return report.ok


def run_repair(out: OutputWrapper, options: dict[str, Any]) -> bool:
    try:
        lock = hold_role(settings.DATA_DIR, HISTORIAN)
    except RoleTaken as error:
        raise CommandError(f"{error}. Stop it first: repair writes, and history has one writer.") from error
    storage = open_storage(history_url())
    try:
        now_ms = round(datetime.now(UTC).timestamp() * 1000)
        report = repair(storage, now_ms, options["from_ms"], options["to_ms"])
    finally:
        storage.close()
        lock.close()
    for finding in report.repaired[:MOST_SHOWN]:
        out.write(f"repaired: {finding.text}")
    _tell(out, report)
    return report.ok


def add_export(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--tag", action="append", required=True, help="Path of a tag, or its uuid; may be given several times."
    )
    parser.add_argument("--from", dest="from_ms", type=moment, required=True, help="Begin, like 2026-09-21T14:00.")
    parser.add_argument("--to", dest="to_ms", type=moment, help="End, not included; default: now.")
    parser.add_argument("--format", choices=FORMATS, help="Default: what the name of the file ends with.")
    parser.add_argument(
        "--zone", type=time_zone, help="Of the times in the file; default: the plant's of the first tag."
    )
    parser.add_argument("file", type=Path)


def time_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentTypeError(f"'{text}' is not a time zone like Europe/Stockholm or UTC") from error


def run_export(out: OutputWrapper, options: dict[str, Any]) -> bool:
    file: Path = options["file"]
    form = options["format"] or file.suffix.lstrip(".").lower()
    if form not in FORMATS:
        raise CommandError(f"{file.name} does not say what it shall be: give --format {' or '.join(FORMATS)}.")
    to_ms = round(datetime.now(UTC).timestamp() * 1000) if options["to_ms"] is None else options["to_ms"]
    plant = plant_snapshot.load()
    tag = plant.tag(options["tag"][0])
    home = ZoneInfo("UTC") if tag is None else plant.plants[plant.areas[tag.area_id].plant_id].zone
    storage = open_storage(history_url(), read_only=True)
    try:
        sources = sources_of(storage, plant, options["tag"])
        rows = export(storage, sources, options["from_ms"], to_ms, options["zone"] or home, form, file)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error}.") from error
    finally:
        storage.close()
    out.write(f"{rows:,} samples of {len(sources):,} series in {file}.")
    return True


SUBCOMMANDS: Final = {
    "export": Subcommand("Write samples of tags to a CSV or Parquet file.", add_export, run_export),
    "verify": Subcommand("Read every chunk and compare every summary; writes nothing.", add_span, run_verify),
    "repair": Subcommand("Put aside what cannot be read, reckon summaries again.", add_span, run_repair),
}


class Command(BaseCommand):
    help = "Check, mend and take out history. docs/history.md describes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for name, subcommand in SUBCOMMANDS.items():
            subcommand.add_arguments(verbs.add_parser(name, help=subcommand.help))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            is_well = SUBCOMMANDS[options["verb"]].run(self.stdout, options)
        except (StorageAway, StorageDamaged, ValueError) as error:
            raise CommandError(str(error)) from error
        if not is_well:
            sys.exit(1)


def _tell(out: OutputWrapper, report: Report) -> None:
    for finding in report.findings[:MOST_SHOWN]:
        out.write(finding.text)
    if len(report.findings) > MOST_SHOWN:
        out.write(f"... and {len(report.findings) - MOST_SHOWN} more. Name a shorter time by --from and --to.")
    verdict = "History is whole" if report.ok else f"History is NOT whole: {len(report.findings)} findings"
    out.write(
        f"{verdict}. Read: {report.samples:,} samples in {report.chunks:,} chunks, {report.hours:,} hours of "
        f"{report.series:,} series. Put aside before: {report.aside} pieces."
    )
