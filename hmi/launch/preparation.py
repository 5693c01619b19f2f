"""The steps of `manage.py prepare`. Each looks first and does nothing where nothing is to be done."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from audit.actions import Actor
from bus.client import redacted
from devices.actions import set_port
from devices.models import Device
from devices.simulator.site import PORTS
from hmi import environment as env
from hmi.launch.progress import Refused, say, step
from plant.document.problems import DocumentError
from plant.document.transfer import import_document
from plant.models import Plant

DEMO: Final = Path(__file__).resolve().parents[2] / "devices" / "simulator" / "northgate.yaml"
DEMO_PORT: Final = 15020
"""Of the first simulated device, as the document has it; the others follow it at ports of their own."""
LAST_DEMO_PORT: Final = 65535 - (PORTS - 1)


def migrate_database() -> None:
    try:
        executor = MigrationExecutor(connection)
        is_needed = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if is_needed:
            with step("Preparing the database"):
                call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise Refused(_about_the_database(error)) from error


def _about_the_database(error: DatabaseError) -> str:
    said = " ".join(str(error).split())
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return (
            f"the database {name} cannot be used ({said}). Is the disk full or the file damaged? "
            "A backup is brought back by: manage.py restore FILE"
        )
    return f"the database of DATABASE_URL ({redacted(env.text('DATABASE_URL'))}) cannot be used: {said}"


def collect_static_files() -> None:
    """Only when a file was added, removed or changed since the last time: looking takes milliseconds, doing seconds."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    fingerprint = _fingerprint()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    with step("Collecting pages' scripts and styles"):
        try:
            call_command("collectstatic", verbosity=0, interactive=False, clear=True)
            stamp.write_text(fingerprint)
        except OSError as error:
            raise Refused(f"{settings.STATIC_ROOT} cannot be written ({error.strerror}). Is the disk full?") from error


def _fingerprint() -> str:
    found = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for line in sorted(_static_files()):
        found.update(line.encode())
    return found.hexdigest()


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            stat = Path(storage.path(name)).stat()
            yield f"{name} {stat.st_size} {stat.st_mtime_ns}\n"


def first_plant(document: Path | None) -> None:
    """On a site without a plant: the given document, else the demo. A site that has one keeps it."""
    existing = Plant.objects.first()
    if existing is not None:
        if document is not None:
            say(
                f"PLANT={document} is left aside: this site has the plant {existing.name} already. "
                "To change it: manage.py plant import FILE"
            )
        return
    if document is None:
        with step("Setting up the demo plant"):
            _import(_demo_document(), "the demo plant")
        return
    try:
        content = document.read_bytes()
    except OSError as error:
        raise Refused(
            f"PLANT={document} cannot be read ({error.strerror}). Give the path of a plant document."
        ) from error
    with step(f"Setting up the plant of {document}"):
        _import(content, document.name)


def _demo_document() -> bytes:
    """The demo's document, its ports counted from SIMULATOR_PORT in place of the one that stands in it."""
    base = _wanted_port()

    def moved(found: re.Match[str]) -> str:
        return f"port: {int(found[1]) - DEMO_PORT + base},"

    return re.sub(r"port: (\d+),", moved, DEMO.read_text(encoding="utf-8")).encode()


def _wanted_port() -> int:
    port = env.port("SIMULATOR_PORT", DEMO_PORT)
    if port > LAST_DEMO_PORT:
        raise Refused(f"SIMULATOR_PORT={port}: {PORTS - 1} more ports follow it. Give one up to {LAST_DEMO_PORT}.")
    return port


def _import(content: bytes, name: str) -> None:
    try:
        import_document(content, name, Actor.system("setup"))
    except DocumentError as error:
        raise Refused(f"the plant document was not accepted, and nothing of it was kept.\n{error}") from error


def follow_simulator_port() -> None:
    """The demo's devices go where SIMULATOR_PORT says. Unset, they stay where they are."""
    if not env.text("SIMULATOR_PORT"):
        return
    wanted, base, devices = _wanted_port(), simulator_port(), simulated_devices()
    if base is None or base == wanted:
        return
    say(f"The demo's devices move from port {base} and after to SIMULATOR_PORT={wanted} and after.")
    for offset, moving in devices.items():
        set_port(Actor.system("setup"), moving, wanted + offset)


def simulator_port() -> int | None:
    """The first of the ports where the demo plant expects its simulated devices; None when this is not the demo."""
    return _base_of(_candidates())


def simulated_devices() -> dict[int, list[Device]]:
    """Of the demo's plant, those that are served by the simulator: distance from its first port -> devices.

    They stand on this machine and as far from each other as in the document; what an engineer points elsewhere is real.
    """
    found = _candidates()
    base = _base_of(found)
    served: dict[int, list[Device]] = {}
    for device, offset in found:
        if device.port - offset == base:
            served.setdefault(offset, []).append(device)
    return served


def _base_of(found: list[tuple[Device, int]]) -> int | None:
    """The first port that most of them agree on; the lower one of two."""
    bases = Counter(device.port - offset for device, offset in found)
    return min(bases, key=lambda base: (-bases[base], base)) if bases else None


def _candidates() -> list[tuple[Device, int]]:
    """Devices of the demo's document on this machine, with their distance from the first port."""
    plant, offsets = _demo_devices()
    here = Device.objects.filter(area__plant__name=plant, enabled=True, host__in=env.LOOPBACK).order_by("pk")
    return [(device, offsets[device.name]) for device in here if device.name in offsets]


@cache
def _demo_devices() -> tuple[str, dict[str, int]]:
    """Name of the demo's plant, and its devices -> how far their ports lie from the first."""
    if not DEMO.is_file():
        return "", {}
    document = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    return document["plant"]["name"], {d["name"]: d["port"] - DEMO_PORT for d in document["devices"]}
