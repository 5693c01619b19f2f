"""`audit verify` finds every way of tampering (IEC 62443-3-3 SR 3.9): modify, delete, reorder, insert, cut the tail."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from audit import triggers
from audit.actions import Actor, record
from audit.heads import append_head, heads_path
from audit.sealer import seal_all
from audit.verification import verify_audit
from tests.audit.tampering import TAMPERINGS, delete_in_the_middle, fill, modify, tamper


def fill_and_note_the_head(count: int = 6) -> None:
    fill(count)
    head = seal_all()
    assert head is not None
    append_head(head)


def verify(*options: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("audit", "verify", *options, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_an_audit_that_nobody_touched_is_whole(guarded: Path) -> None:
    fill_and_note_the_head()
    code, text = verify()
    assert code == 0
    assert "The audit is whole: 6 sealed records, compared with 1 heads" in text


@pytest.mark.parametrize("how", TAMPERINGS, ids=lambda how: how.__name__)
def test_tampering_is_found(how: Callable[[], None], guarded: Path) -> None:
    fill_and_note_the_head()
    tamper(how)
    kinds = {finding.kind for finding in verify_audit().findings}
    assert kinds & TAMPERINGS[how]


def test_the_report_says_which_record_and_what(guarded: Path) -> None:
    fill_and_note_the_head()
    tamper(modify)
    code, text = verify()
    assert code == 1
    assert "modified: Record 3 (row " in text
    assert "The audit is NOT whole" in text


def test_one_deleted_record_is_one_finding(guarded: Path) -> None:
    fill_and_note_the_head()
    tamper(delete_in_the_middle)
    findings = verify_audit().findings
    assert [(f.kind, f.sequence) for f in findings] == [("missing", 3)]


def test_records_that_wait_for_the_sealer_are_reported(guarded: Path) -> None:
    fill_and_note_the_head(2)
    record("system", "waiting", Actor.system("test"))
    code, text = verify("--json")
    report = json.loads(text)
    assert code == 0
    assert (report["ok"], report["sealed"], report["unsealed"]) == (True, 2, 1)
    assert report["oldest_unsealed"]


def test_a_missing_guard_is_a_finding(guarded: Path) -> None:
    fill_and_note_the_head()
    triggers.drop(connection)
    assert {finding.kind for finding in verify_audit().findings} == {"unguarded"}


def test_a_changed_heads_file_is_a_finding_but_a_cut_last_line_is_not(guarded: Path) -> None:
    """A power failure leaves half a line; an editor leaves anything."""
    fill_and_note_the_head()
    whole = heads_path().read_bytes()
    heads_path().write_bytes(whole + b'{"sequence": 9')
    assert verify_audit().ok
    heads_path().write_bytes(b"{}\n" + whole)
    assert [finding.kind for finding in verify_audit().findings] == ["replaced"]


def test_the_heads_file_is_read_by_its_owner_only(guarded: Path) -> None:
    fill_and_note_the_head()
    assert heads_path().stat().st_mode & 0o777 == 0o600
