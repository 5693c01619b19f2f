"""Full disks, locks, damage, servers that go and processes that are killed: a sentence, and nothing half."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from historian.samples import Row
from historian.storage import postgresql, sqlite
from historian.storage.base import Memory, Storage, StorageAway, StorageDamaged
from historian.storage.opening import open_storage
from tests.historian.rows import MEMORY, T0, a_series, everything, packed, row
from tests.historian.storages import another, history_url, postgres_url, storage
from tests.postgres import running_postgres

__all__ = ["another", "history_url", "postgres_url", "storage"]

ROOT = Path(__file__).resolve().parents[2]
Another = Callable[..., Storage]


def opened(path: Path, *, read_only: bool = False) -> Storage:
    return open_storage(f"sqlite:///{path}", read_only=read_only)


def test_a_full_disk_is_said_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    storage = opened(tmp_path / "history.sqlite3")
    storage.prepare()
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0)], MEMORY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))  # SIGXFSZ is ignored by Python
        with pytest.raises(StorageAway, match=r"history\.sqlite3 cannot be used: (its disk|the disk)"):
            storage.write([row(one, T0 + n, float(n)) for n in range(1, 20_000)], None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert everything(storage, [one])[one] == [row(one, T0)]
    assert storage.memory() == MEMORY
    storage.write([row(one, T0 + 1)], None)
    assert len(everything(storage, [one])[one]) == 2
    storage.close()


def test_a_history_that_somebody_else_holds_is_away_and_then_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 20)
    storage = opened(tmp_path / "history.sqlite3")
    storage.prepare()
    (one,) = a_series(storage, "one")
    somebody = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageAway, match="somebody else has held it"):
        storage.write([row(one, T0)], None)
    assert everything(storage, [one]) == {}  # reading goes on meanwhile
    somebody.execute("ROLLBACK")
    storage.write([row(one, T0)], None)
    somebody.close()

    assert len(everything(storage, [one])[one]) == 1
    storage.close()


@pytest.mark.parametrize("content", [b"this was never a database" * 100, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "history.sqlite3").write_bytes(content)
    storage = opened(tmp_path / "history.sqlite3")

    with pytest.raises(StorageDamaged, match=r"history\.sqlite3 is damaged .* move the file"):
        storage.prepare()


def test_a_reader_of_a_history_that_is_not_there_yet_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(StorageAway, match="cannot be opened"):
        opened(tmp_path / "none.sqlite3", read_only=True).series()
    assert list(tmp_path.iterdir()) == []
    sqlite3.connect(tmp_path / "empty.sqlite3").close()
    with pytest.raises(StorageAway, match=r"There is no history in .* yet"):
        opened(tmp_path / "empty.sqlite3", read_only=True).series()


def test_who_reads_cannot_write(storage: Storage, another: Another) -> None:
    (one,) = a_series(storage, "one")
    with pytest.raises((StorageAway, psycopg.Error, sqlite3.Error), match=r"read-?only"):
        another().write([row(one, T0)], None)


WRITER = """
import sys
from tests.historian.rows import T0, packed, row
from historian.storage.base import Memory
from historian.storage.opening import open_storage
storage = open_storage(sys.argv[1])
print("ready", flush=True)
n = int(sys.argv[2])
while True:
    rows = [row(series, T0 + n * 1000 + k, float(n)) for series in (1, 2) for k in range(50)]
    n += 1
    storage.write(rows, Memory(1, str(n), {}, b""))
    if n % 7 == 0:
        storage.turn()
        resting = [each for portion in storage.resting_rows() for each in portion]
        storage.chunked(packed(resting))
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_nothing_half(history_url: str, storage: Storage, another: Another) -> None:
    """Killed at any place, six times: what the recorder remembers and the rows agree, and no row is there twice."""
    a_series(storage, "one", "two")
    reader, n = another(), 0
    for pause_s in [0.05, 0.08, 0.11, 0.14, 0.17, 0.2]:
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, history_url, str(n)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        ends = time.monotonic() + pause_s
        while time.monotonic() < ends:  # another process reads all the while, and never sees half a transaction
            assert len(everything(reader, [1]).get(1, [])) % 50 == 0
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        memory = storage.memory()
        n = int(memory.entry_id) if memory else 0
        found = everything(storage, [1, 2])
        expected = [T0 + m * 1000 + k for m in range(n) for k in range(50)]
        assert {s: [r[0] for r in rows] for s, rows in found.items()} == ({1: expected, 2: expected} if n else {})
        if list(storage.resting_rows()):  # killed between turning and packing: the next one packs
            storage.chunked(packed([each for portion in storage.resting_rows() for each in portion]))
    assert n > 0
    assert storage.usage().samples == 100 * n


def test_the_hot_tables_do_not_change_turns_under_rows_that_are_being_written(
    storage: Storage, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HIS-11: rows that came into the resting table after it was read would be deleted with those that were packed."""
    (one,) = a_series(storage, "one")
    has_turned = threading.Event()

    def keep_house() -> None:
        keeper = another(read_only=False)
        keeper.turn()
        has_turned.set()
        turned_rows.extend(each for portion in keeper.resting_rows() for each in portion)
        keeper.close()

    turned_rows: list[Row] = []
    thread = threading.Thread(target=keep_house)

    def remember(_memory: Memory) -> None:  # the last thing before the transaction ends
        thread.start()
        assert not has_turned.wait(0.5)

    monkeypatch.setattr(storage, "_remember", remember)
    storage.write([row(one, T0)], MEMORY)
    thread.join(5)
    assert turned_rows == [row(one, T0)]


@pytest.mark.slow
@pytest.mark.parametrize("history_url", ["postgresql"], indirect=True)
def test_a_server_that_stands_still_is_away_and_its_return_doubles_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(storage, postgresql.PostgresqlStorage)
    monkeypatch.setattr(postgresql, "WRITE_S", 0.5)
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0)], MEMORY)
    (server,) = storage.rows("SELECT pg_backend_pid()")[0]
    os.kill(server, signal.SIGSTOP)
    try:
        with pytest.raises(StorageAway, match=r"not finished a writing of history within 0\.5 s"):
            storage.write([row(one, T0 + 1)], None)
        storage.write([row(one, T0 + 1)], None)
    finally:
        os.kill(server, signal.SIGCONT)
    assert everything(storage, [one])[one] == [row(one, T0), row(one, T0 + 1)]


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back_is_found_again() -> None:
    with running_postgres() as url:
        storage = open_storage(url)
        storage.prepare()
        (one,) = a_series(storage, "one")
        storage.write([row(one, T0)], MEMORY)
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'isthmus history'"
            )
        with pytest.raises(StorageAway, match="PostgreSQL cannot be used for history"):
            storage.write([row(one, T0 + 1)], None)
        storage.write([row(one, T0 + 1)], None)
        assert len(everything(storage, [one])[one]) == 2
        storage.close()  # a server waits for its clients when it ends in peace
    with pytest.raises(StorageAway):
        storage.write([row(one, T0 + 2)], None)
    with pytest.raises(StorageAway):
        storage.prepare()
    storage.close()


@pytest.mark.parametrize("rest", ["host/name?currentSchema=x", "host:port/name", "[host/name"])
def test_an_address_that_postgresql_does_not_understand_is_refused_without_its_password(rest: str) -> None:
    with pytest.raises((StorageAway, ValueError)) as refusal:
        open_storage(f"postgres://user:sesame@{rest}").series()
    assert "sesame" not in str(refusal.value)


def test_a_place_that_is_no_database_we_know_is_refused() -> None:
    with pytest.raises(ValueError, match="give postgres:// or sqlite:///"):
        open_storage("mysql://user:sesame@host/name")
