"""Bring a site to where its programs can start: database, static files, a first plant. Says what it does on stderr."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.links import setup_link
from bus.parent import die_with_parent
from devices.simulator.site import PORTS
from hmi.launch.preparation import (
    collect_static_files,
    first_plant,
    follow_simulator_port,
    migrate_database,
    simulator_port,
)
from hmi.launch.progress import Refused


class Command(BaseCommand):
    help = "Prepare database, static files and the first plant; run by `make run` before the programs start."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--plant", type=Path, help="The plant document to begin with. Default: the demo.")
        parser.add_argument("--json", action="store_true", help="Print what the launcher needs to know, as JSON.")

    def handle(self, *, plant: Path | None, **options: Any) -> None:
        die_with_parent()
        try:
            migrate_database()
            self.check(databases=["default"])  # after the database: some checks look into it
            collect_static_files()
            first_plant(plant)
            follow_simulator_port()
        except Refused as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            found = {"simulator_port": simulator_port(), "simulator_ports": PORTS, "setup_link": setup_link()}
            self.stdout.write(json.dumps(found))
