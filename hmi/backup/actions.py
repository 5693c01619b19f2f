"""Make a backup while everything runs; put one back, all of it or nothing."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.utils import timezone

from accounts.models import LoginFailure, OneTimeLink, User
from audit.actions import Actor, Subject, record
from audit.heads import append_head, heads_path
from audit.sealer import last_link, seal_all
from audit.verification import verify_audit
from bus.version import VERSION
from devices.models import Device
from hmi.backup import sections
from hmi.backup.archive import Manifest, Reader, Unusable, sha256_of, write
from hmi.backup.sections import SECTIONS, Section
from plant import revisions
from plant.models import ConfigRevision, Plant

_SNAPSHOT: Final = "backup_"


class NotEmpty(Exception):
    """There is something here that the restore would replace."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`safety_copy`: the backup of what was there before, None when nothing was. `findings`: of the restored audit."""

    rows: int
    revision: int
    safety_copy: Path | None
    findings: list[str]


def back_up(path: Path, actor: Actor) -> str:
    """Write a consistent backup beside running processes. Returns its SHA-256. Raises OSError."""
    if path.exists():
        raise FileExistsError(f"{path} exists already. Give another name: a backup never replaces a file.")
    with _snapshot() as aliases:
        config = aliases["default"]
        newest = ConfigRevision.objects.using(config).order_by("-number").first()
        manifest = Manifest(VERSION, newest.number if newest else 0, timezone.now().isoformat(timespec="seconds"))
        digest = write(path, manifest, _members(aliases))
    record("backup", "backup.made", actor, subject=Subject("backup", digest, str(path)), new={"sha256": digest})
    return digest


def _members(aliases: dict[str, str]) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    for section in SECTIONS:
        for table in section.tables:
            yield section.member(table), sections.rows_of(table, aliases[section.database])


@contextmanager
def _snapshot() -> Iterator[dict[str, str]]:
    """Connections that all see one moment of their database and keep no writer waiting. Gives alias -> alias of it."""
    with ExitStack() as stack:
        aliases: dict[str, str] = {}
        for alias in sorted({section.database for section in SECTIONS}):
            aliases[alias] = stack.enter_context(_reading_at_one_moment(alias))
        yield aliases


@contextmanager
def _reading_at_one_moment(alias: str) -> Iterator[str]:
    live = connections[alias]
    if live.in_atomic_block:  # inside somebody's transaction, which is one moment already
        yield alias
        return
    own = _SNAPSHOT + alias
    copy = live.copy(own)
    copy.settings_dict["OPTIONS"] = {**copy.settings_dict.get("OPTIONS", {})}
    if copy.vendor == "sqlite":
        copy.settings_dict["OPTIONS"]["transaction_mode"] = "DEFERRED"  # a reader, not a writer, of the WAL
    connections.databases[own] = copy.settings_dict
    connections[own] = copy
    try:
        with transaction.atomic(using=own):
            if copy.vendor == "postgresql":
                with copy.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield own
    finally:
        copy.close()
        del connections[own]
        del connections.databases[own]


def restore(path: Path, actor: Actor, *, replace: bool) -> Restored:
    """Put a backup in place of everything here. All or nothing; what was there is backed up first.

    Raises Unusable for a file that cannot be used, NotEmpty when something is here and `replace` is not given.
    """
    reader = Reader(path)
    try:
        _check(reader)
        with ExitStack() as stack:
            for alias in sorted({section.database for section in SECTIONS}):
                stack.enter_context(transaction.atomic(using=alias))
            revisions.lock()
            safety_copy = _safety_copy(actor, replace=replace)
            rows, revision = _replace_everything(reader, path, actor)
    finally:
        reader.close()
    return Restored(rows, revision, safety_copy, _begin_new_heads())


def _safety_copy(actor: Actor, *, replace: bool) -> Path | None:
    if not (Plant.objects.exists() or Device.objects.exists() or User.objects.exists()):
        return None
    if not replace:
        raise NotEmpty("There are a plant, devices or people here already. Give --yes to replace all of it.")
    path = Path(settings.DATA_DIR) / f"before-restore-{time.time_ns()}.zip"
    back_up(path, actor)
    return path


def _check(reader: Reader) -> None:
    if _number(reader.manifest.version) > _number(VERSION):
        raise Unusable(
            f"This backup was made by Isthmus {reader.manifest.version}; this is {VERSION}. Install that version first."
        )
    known = {section.member(table): table for section in SECTIONS for table in section.tables}
    missing = [name for name in known if name not in reader.manifest.members]
    unknown = [name for name in reader.manifest.members if name not in known]
    if missing or unknown:
        what = f"lacks {missing[0]}" if missing else f"has {unknown[0]}, which is unknown here"
        raise Unusable(f"This backup {what}: it was made by another version of Isthmus ({reader.manifest.version}).")
    for name, table in known.items():
        sections.check_rows(table, reader.rows(name))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _replace_everything(reader: Reader, path: Path, actor: Actor) -> tuple[int, int]:
    before = {"revision": revisions.current(), "audit_head": list(last_link())}
    _end_sessions()
    rows = sum(_replace(section, reader) for section in SECTIONS)
    revision = revisions.bump(actor.name, f"Restored from {path.name}")
    record(
        "backup", "backup.restored", actor,
        subject=Subject("backup", sha256_of(path), str(path)),
        old=before, new={"made_at": reader.manifest.made_at, "revision": reader.manifest.revision, "rows": rows},
    )  # fmt: skip
    return rows, revision


def _replace(section: Section, reader: Reader) -> int:
    connection = connections[section.database]
    if section.open_up is not None:
        section.open_up(connection)
    for table in reversed(section.tables):
        sections.empty(table, section.database)
    rows = 0
    for table in section.tables:
        rows += sections.insert_rows(table, section.database, reader.rows(section.member(table)))
        sections.never_reuse_keys(table, section.database)
    connection.check_constraints()
    if section.close_again is not None:
        section.close_again(connection)
    return rows


def _end_sessions() -> None:
    """Nobody stays logged in as somebody who may be another person now; open links and locks end too."""
    Session.objects.all().delete()
    OneTimeLink.objects.all().delete()
    LoginFailure.objects.all().delete()


def _begin_new_heads() -> list[str]:
    """The heads noted so far belong to the chain that was replaced: they are kept aside. Returns what is wrong now."""
    old = heads_path()
    try:
        if old.exists():
            old.rename(old.with_name(f"audit-heads.until-{time.time_ns()}.log"))
        head = seal_all()
        if head is not None:
            append_head(head)
    except OSError as error:
        return [f"{old} could not be begun anew ({error}). Move it away by hand."]
    return [finding.text for finding in verify_audit().findings]
