"""Backup and restore (IEC 62443-3-3 SR 7.3, 7.4): what comes back is what there was, or nothing changes."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import Grant, User
from accounts.permissions import Action
from audit import triggers
from audit.actions import Actor, record
from audit.heads import append_head, read_heads
from audit.models import AuditRecord
from audit.sealer import seal_all
from audit.verification import verify_audit
from bus.messages import Value
from bus.version import VERSION
from devices import interventions
from devices.models import Device, Kind, ManualValue, OutOfUse, Substitution, Tag, TotaliserState
from hmi.backup.sections import LEFT_OUT, SECTIONS
from plant import revisions
from plant.models import Area, Plant
from tests.accounts.test_login import log_in
from tests.audit.conftest import guarded
from tests.cast import PASSWORD, Cast, build_works
from tests.postgres import postgres_url

__all__ = ["guarded", "postgres_url"]

BY = Actor.system("test")


def rows() -> dict[str, list[dict[str, Any]]]:
    """Everything a backup holds, but for what the restore itself adds."""
    return {
        table._meta.label: list(table._base_manager.order_by("pk").values())
        for section in SECTIONS
        for table in section.tables
        if table._meta.model_name not in {"auditrecord", "configrevision"}
    }


def backup(path: Path) -> Path:
    call_command("backup", str(path), stdout=StringIO(), stderr=StringIO())
    return path


def restore(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("restore", str(path), *options, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def site(guarded: Path, cast: Cast) -> Path:
    """The cast's works with some history in the audit, sealed and with a head outside."""
    tokens.create_token(BY, cast.vera, "display", [Action.VIEW])
    for number in range(5):
        record("system", "test.event", BY, new={"level": 0.1 * number, "big": 1e22, "text": "å € \u2028"})
    head = seal_all()
    assert head is not None
    append_head(head)
    return guarded


def wreck() -> None:
    """Change, add and delete something everywhere."""
    Tag.objects.filter(name="level").delete()
    Device.objects.update(host="10.9.9.9")
    Area.objects.filter(name="south").update(title="Changed")
    User.objects.filter(username="sam").update(is_active=False)
    Grant.objects.filter(user__username="vera").delete()
    Plant.objects.create(name="other")


def test_what_comes_back_is_what_there_was(site: Path) -> None:
    before = rows()
    audit_before = list(AuditRecord.objects.order_by("pk").values())
    file = backup(site / "site.zip")
    wreck()
    text = restore(file, "--yes")
    assert rows() == before
    audit_after = list(AuditRecord.objects.order_by("pk").values())
    assert audit_after[: len(audit_before)] == audit_before
    assert [record["event"] for record in audit_after[len(audit_before) :]] == ["backup.restored"]
    assert "before-restore-" in text


def test_the_audit_is_whole_after_a_restore_and_guarded(site: Path) -> None:
    file = backup(site / "site.zip")
    for _ in range(3):
        record("system", "after.backup", BY)
    head = seal_all()
    assert head is not None
    append_head(head)
    restore(file, "--yes")
    report = verify_audit()
    assert report.findings == []
    assert report.unsealed == 0
    assert triggers.missing(connection) == []
    assert len(read_heads()[0]) == 1
    assert len(list(site.glob("audit-heads.until-*.log"))) == 1


def test_every_process_loads_the_restored_configuration(site: Path) -> None:
    """A revision that anybody may hold already must not come again."""
    file = backup(site / "site.zip")
    from django.db import transaction

    for number in range(3):
        with transaction.atomic():
            newest = revisions.bump("ada", f"change {number}")
    restore(file, "--yes")
    assert revisions.current() > newest


def test_what_is_set_by_hand_holds_on_after_a_restore(site: Path) -> None:
    """Forced values, devices out of use, entered values of every type and totals to the last digit."""
    north, plc1 = Area.objects.get(name="north"), Device.objects.get()
    level, run = Tag.objects.get(name="level"), Tag.objects.get(name="run")
    now, end = timezone.now(), timezone.now() + timedelta(hours=1)
    kept: dict[str, tuple[str, Value]] = {
        "grade": ("string", "12.5"),
        "is_clear": ("bool", True),
        "count": ("int64", -(2**63)),
    }
    for name, (data_type, value) in {**kept, "dose": ("float64", 1e25)}.items():
        tag = Tag.objects.create(area=north, name=name, kind=Kind.MANUAL, data_type=data_type)
        interventions.enter_value(BY, tag, value, now, "sample 17")
    interventions.end_substitution(BY, interventions.substitute(BY, level, 1.25, "cleaned", end))
    interventions.substitute(BY, level, 2.5, "cleaned again", end)
    interventions.substitute(BY, run, 1, "interlock test", end)
    interventions.put_back(BY, interventions.take_out_of_use(BY, plc1, "cable moved", end))
    interventions.take_out_of_use(BY, plc1, "program is loaded", end)
    volume = Tag.objects.create(area=north, name="volume", kind=Kind.DERIVED, function="total", data_type="float64")
    TotaliserState.objects.create(tag=volume, total=123456789.12345679, taken_ms=1_795_000_000_123)
    before, held = rows(), interventions.active()
    assert (len(held.manual), len(held.substitutions), len(held.out_of_use)) == (4, 2, 1)

    file = backup(site / "site.zip")
    wreck()
    Substitution.objects.update(ended_at=now, ended_by="somebody")
    OutOfUse.objects.all().delete()
    ManualValue.objects.update(value=0)
    TotaliserState.objects.update(total=0)
    restore(file, "--yes")

    assert rows() == before
    again = interventions.active()
    assert again == held
    assert [type(e.value) for e in again.manual.values()] == [type(e.value) for e in held.manual.values()]
    interventions.put_back(BY, OutOfUse.objects.get(ended_at=None))
    with pytest.raises(ValidationError, match="began this already"):
        interventions.substitute(BY, level, 3, "another", end)


def test_keys_are_not_given_out_again(site: Path, cast: Cast) -> None:
    """The primary key of a tag names it on the bus."""
    file = backup(site / "site.zip")
    area, device = Area.objects.get(name="north"), Device.objects.get()
    late = Tag.objects.create(area=area, device=device, name="late", address=9)
    restore(file, "--yes")
    assert Tag.objects.create(area=area, device=device, name="newer", address=9).pk > late.pk


def test_what_was_there_can_be_brought_back(site: Path) -> None:
    file = backup(site / "site.zip")
    wreck()
    wrecked = rows()
    restore(file, "--yes")
    safety_copy = next(site.glob("before-restore-*.zip"))
    restore(safety_copy, "--yes")
    assert rows() == wrecked


def test_people_and_programs_get_in_as_before_but_nobody_stays_in(site: Path, cast: Cast, client: Client) -> None:
    _, key = tokens.create_token(BY, cast.vera, "kept", [Action.VIEW])
    file = backup(site / "site.zip")
    log_in(client, "ada")
    restore(file, "--yes")
    assert not Session.objects.exists()
    assert log_in(Client(), "ada", PASSWORD).status_code == 302
    assert tokens.authenticate(key) is not None


def test_an_empty_site_needs_no_yes(guarded: Path, bus_url: str) -> None:
    build_works()
    file = backup(guarded / "site.zip")
    expected = rows()
    Tag.objects.all().delete()
    Device.objects.all().delete()
    Area.objects.filter(parent__isnull=False).delete()
    Area.objects.all().delete()
    Plant.objects.all().delete()
    restore(file)
    assert rows() == expected


def test_a_site_in_use_is_not_replaced_without_yes(site: Path) -> None:
    file = backup(site / "site.zip")
    wreck()
    wrecked = rows()
    with pytest.raises(CommandError, match="--yes"):
        restore(file)
    assert rows() == wrecked


# -- files that cannot be used


def flip_a_byte(file: Path) -> None:
    """In the middle of the compressed content of the largest member."""
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda info: info.compress_size)
    content = bytearray(file.read_bytes())
    content[largest.header_offset + 60 + largest.compress_size // 2] ^= 0x55
    file.write_bytes(content)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def rewrite(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """As somebody with a zip program would: every checksum of the zip itself is right."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def manifest_with(**changes: Any) -> Callable[[Path], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **changes}).encode()

    return lambda file: rewrite(file, change)


def edit_a_member(file: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["configuration/devices_device.jsonl"] = members["configuration/devices_device.jsonl"].replace(
            b"127.0.0.1", b"127.0.0.2"
        )

    rewrite(file, change)


def remove_a_member(file: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        del members["audit/audit_auditrecord.jsonl"]

    rewrite(file, change)


def no_zip_at_all(file: Path) -> None:
    file.write_text("this is a letter")


UNUSABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped byte": (flip_a_byte, "damaged"),
    "a cut end": (cut_off, "damaged"),
    "an edited member": (edit_a_member, "configuration/devices_device.jsonl is not what was backed up"),
    "a missing member": (remove_a_member, "audit/audit_auditrecord.jsonl is missing"),
    "no zip": (no_zip_at_all, "damaged or no backup"),
    "a newer version": (manifest_with(version="99.0.0"), "99.0.0"),
    "a newer format": (manifest_with(format=2), "format 2"),
    "no members": (manifest_with(members={}), "another version"),
    "a manifest of nonsense": (manifest_with(members=[1]), "manifest"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_cannot_be_used_is_refused_and_nothing_changes(what: str, site: Path) -> None:
    damage, says = UNUSABLE[what]
    file = backup(site / "site.zip")
    wreck()
    before = rows()
    damage(file)
    with pytest.raises(CommandError, match=says):
        restore(file, "--yes")
    assert rows() == before
    assert verify_audit().ok


def test_a_column_of_a_newer_version_is_refused(site: Path) -> None:
    import hashlib

    def change(members: dict[str, bytes]) -> None:
        name = "configuration/plant_plant.jsonl"
        row = json.loads(members[name].splitlines()[0])
        members[name] = json.dumps({**row, "holiday": True}).encode() + b"\n"
        manifest = json.loads(members["manifest.json"])
        manifest["members"][name] = {
            "sha256": hashlib.sha256(members[name]).hexdigest(),
            "size": len(members[name]),
            "lines": 1,
        }
        members["manifest.json"] = json.dumps(manifest).encode()

    file = backup(site / "site.zip")
    rewrite(file, change)
    with pytest.raises(CommandError, match=r"plant_plant\.holiday"):
        restore(file, "--yes")


def test_a_restore_that_fails_halfway_changes_nothing(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hmi.backup import sections

    file = backup(site / "site.zip")
    wreck()
    before = rows()
    insert = sections.insert_rows

    def fail_at_tags(table: Any, alias: str, lines: Any) -> int:
        if table is Tag:
            raise OSError("disk full")
        return insert(table, alias, lines)

    monkeypatch.setattr(sections, "insert_rows", fail_at_tags)
    with pytest.raises(CommandError, match="changed nothing"):
        restore(file, "--yes")
    assert rows() == before
    assert triggers.missing(connection) == []
    assert verify_audit().ok


def test_a_backup_never_replaces_a_file_and_is_read_by_its_owner_only(site: Path) -> None:
    file = backup(site / "site.zip")
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="exists already"):
        backup(file)
    assert AuditRecord.objects.filter(event="backup.made").count() == 1


def test_a_folder_that_is_not_there_is_said(site: Path) -> None:
    with pytest.raises(CommandError, match="could not be written"):
        backup(site / "gone" / "site.zip")


def test_half_a_backup_is_never_left_behind(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hmi.backup import archive

    def full(*args: Any) -> Any:
        raise OSError("No space left on device")

    monkeypatch.setattr(archive, "_write_member", full)
    with pytest.raises(CommandError, match="No space left"):
        backup(site / "site.zip")
    assert not list(site.glob("site.zip*"))


def test_every_table_is_backed_up_or_left_out_for_a_reason() -> None:
    """A new table must be thought of: put it into a section of hmi/backup/sections.py, or say why not."""
    held = {table._meta.label_lower for section in SECTIONS for table in section.tables}
    every = {model._meta.label_lower for model in apps.get_models() if not model._meta.proxy}
    assert every - held - set(LEFT_OUT) == set()
    assert not held & set(LEFT_OUT)
    assert VERSION


def the_plant_as_it_was(database_url: str, folder: Path) -> None:
    """Run tests/road/backup_meanwhile.py, which changes the plant while it is backed up, on a site of its own."""
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hmi.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=env, check=True, timeout=60)
    file = folder / "site.zip"
    command = [sys.executable, "-m", "tests.road.backup_meanwhile", str(file)]
    done = subprocess.run(
        command,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["Renamed"], done.stdout + done.stderr
    with zipfile.ZipFile(file) as archive:
        areas = archive.read("configuration/plant_area.jsonl")
    assert b"South" in areas
    assert b"Renamed" not in areas


@pytest.mark.slow
def test_a_backup_sees_one_moment_and_keeps_no_writer_waiting(tmp_path: Path) -> None:
    the_plant_as_it_was(f"sqlite:///{tmp_path}/config.sqlite3", tmp_path)


@pytest.mark.slow
def test_a_backup_of_postgresql_sees_one_moment_too(tmp_path: Path, postgres_url: str) -> None:
    the_plant_as_it_was(postgres_url, tmp_path)
