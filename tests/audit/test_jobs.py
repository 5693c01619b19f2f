"""The jobs process seals whatever is away, says so once, and notes the end of the chain outside."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from audit import triggers
from audit.actions import Actor, record
from audit.heads import heads_path, read_heads
from audit.models import AuditRecord
from audit.sealer import seal
from audit.verification import verify_audit
from hmi.jobs import Sealing


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's transaction lives in the connection that sealing would give up."""
    monkeypatch.setattr("hmi.jobs.connections.close_all", lambda: None)


def note(times: int = 1) -> None:
    for _ in range(times):
        record("system", "test.event", Actor.system("test"))


def test_a_turn_seals_what_is_there(guarded: Path) -> None:
    note(3)
    sealing = Sealing()
    sealing.turn()
    assert AuditRecord.objects.filter(sequence=None).count() == 0
    assert sealing.detail() == {"sealed": 3, "sequence": 3, "away": []}


def test_the_head_is_noted_at_most_every_ten_seconds_and_at_the_end(guarded: Path, open_connection: None) -> None:
    clock = Clock()
    sealing = Sealing(clock)
    for step_s in (0.0, 0.5, 5.0, 5.0, 0.5):
        clock.now_s += step_s
        note()
        sealing.turn()
    assert [head.sequence for head in read_heads()[0]] == [1, 4]
    sealing.finish()
    assert [head.sequence for head in read_heads()[0]] == [1, 4, 5]


def test_a_table_without_its_guard_is_said_at_the_start(guarded: Path) -> None:
    triggers.drop(connection)
    sealing = Sealing()
    with capture_logs() as said:
        sealing.turn()
        sealing.turn()
    assert [entry["missing"] for entry in said] == triggers.missing(connection) != []


def test_a_quiet_audit_writes_no_heads(guarded: Path, open_connection: None) -> None:
    clock = Clock()
    sealing = Sealing(clock)
    note()
    for _ in range(5):
        sealing.turn()
        clock.now_s += 60
    sealing.finish()
    assert len(read_heads()[0]) == 1


def test_a_database_that_is_away_is_said_once_and_once_when_it_is_back(
    guarded: Path, open_connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:

    def away(*args: Any) -> Any:
        raise OperationalError("unable to open database file")

    note()
    sealing = Sealing()
    with capture_logs() as said:
        monkeypatch.setattr("hmi.jobs.seal", away)
        for _ in range(4):
            sealing.turn()
        assert sealing.detail()["away"] == ["database"]
        monkeypatch.setattr("hmi.jobs.seal", seal)
        sealing.turn()
        sealing.turn()
    assert [entry["event"] for entry in said] == ["audit sealing waits", "audit sealing goes on", "audit head"]
    assert sealing.sealed == 1


def test_a_full_disk_does_not_stop_the_sealing(guarded: Path, settings: Any) -> None:
    settings.DATA_DIR = guarded / "gone"
    note()
    sealing = Sealing()
    with capture_logs() as said:
        sealing.turn()
        sealing.turn()
    assert [entry.get("lost") for entry in said] == ["heads file"]
    assert sealing.sealed == 1
    settings.DATA_DIR = guarded
    sealing.turn()
    assert len(read_heads()[0]) == 1


# -- the process itself


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """A folder with a migrated database, and no Redis anywhere."""
    env = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/config.sqlite3",
        "DJANGO_SETTINGS_MODULE": "hmi.worker_settings",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=env, check=True, timeout=60)
    return env


def start_jobs(env: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "run_jobs"]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def insert(database: Path, number: int) -> None:
    values = (f"{number:032x}", "2026-01-01 00:00:00", "system", "test.event", "ok", "system", "test", "test")
    with sqlite3.connect(database, timeout=10) as connection:
        connection.execute(
            "INSERT INTO audit_auditrecord (uuid, at, category, event, result, actor_kind, actor_id, actor_name, "
            "session, ip, station, request_id, object_type, object_id, object_text, reason, previous_hash, hash) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', '', '', '', '', '', '', '', '')",
            values,
        )
    connection.close()


def sealed(database: Path) -> int:
    with sqlite3.connect(database, timeout=10) as connection:
        count: int = connection.execute("SELECT count(*) FROM audit_auditrecord WHERE sequence > 0").fetchone()[0]
    connection.close()
    return count


def wait_until_sealed(database: Path, count: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while sealed(database) < count:
        assert time.monotonic() < deadline, f"{sealed(database)} of {count} records sealed after {timeout_s} s"
        time.sleep(0.02)


@pytest.mark.slow
def test_the_process_seals_without_redis_and_ends_cleanly(site: dict[str, str]) -> None:
    database = Path(site["DATA_DIR"]) / "config.sqlite3"
    insert(database, 1)
    process = start_jobs(site)
    try:
        wait_until_sealed(database, 1, 20)
        insert(database, 2)
        wait_until_sealed(database, 2, 2)
        second = subprocess.run(
            [sys.executable, "manage.py", "run_jobs"], env=site, capture_output=True, text=True, timeout=30, check=False
        )
        assert second.returncode != 0
        assert "a jobs is running already" in second.stderr
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - begin < 2
    finally:
        process.kill()
        process.communicate()
    heads = [json.loads(line) for line in (Path(site["DATA_DIR"]) / heads_path().name).read_text().splitlines()]
    assert heads[-1]["sequence"] == 2


@pytest.mark.slow
def test_a_killed_sealer_leaves_a_whole_chain(site: dict[str, str]) -> None:
    database = Path(site["DATA_DIR"]) / "config.sqlite3"
    done = 0
    for _ in range(3):
        for _ in range(300):
            done += 1
            insert(database, done)
        process = start_jobs(site)
        try:
            wait_until_sealed(database, done - 150, 20)
        finally:
            process.kill()
            process.communicate()
    process = start_jobs(site)
    try:
        wait_until_sealed(database, done, 20)
        process.terminate()
        process.communicate(timeout=10)
    finally:
        process.kill()
    answer = subprocess.run(
        [sys.executable, "manage.py", "audit", "verify"],
        env=site,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
    assert f"The audit is whole: {done} sealed records" in answer.stdout


def test_a_site_of_its_own_is_whole(guarded: Path) -> None:
    note(2)
    Sealing().turn()
    assert verify_audit().ok
