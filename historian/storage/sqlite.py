"""History in a file of its own: SQLite in WAL mode. Readers never wait for the writer, nor it for them."""

import json
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from historian.samples import Row
from historian.storage.base import StorageAway, StorageDamaged
from historian.storage.keeping import Keeping
from historian.storage.schema import VERSION, steps_after
from historian.summary import FIELDS

BUSY_MS: Final = 10_000
_PAGE_BYTES: Final = 8192
_CACHE_KIB: Final = 32 * 1024
_WAL_BYTES: Final = 64 * 1024 * 1024
_VACUUM_PAGES: Final = 512
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REASONS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: f"somebody else has held it for longer than {BUSY_MS // 1000} s",
    sqlite3.SQLITE_LOCKED: "somebody else holds it",
    sqlite3.SQLITE_IOERR: "its disk cannot be read or written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; is its folder there, and may this user write in it?",
    sqlite3.SQLITE_READONLY: "this user may not write it",
    sqlite3.SQLITE_PERM: "this user may not open it",
    sqlite3.SQLITE_NOMEM: "no memory is left",
}


class SqliteStorage(Keeping):
    in_ids = "IN (SELECT value FROM json_each(?))"
    each_id = "json_each(?) s"
    no_number = "9e999"  # infinity, which no sample has (historian/samples.py stored)

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._open: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._connect()
        return self._open

    def _connect(self) -> sqlite3.Connection:
        mode = "rw" if self._read_only else "rwc"
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False,
            timeout=BUSY_MS / 1000,
        )  # fmt: skip
        try:
            if self._read_only:
                connection.execute("PRAGMA query_only = ON")
            elif not connection.execute("PRAGMA page_count").fetchone()[0]:  # these stay with the file
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
            # NORMAL: after a loss of power the last transactions may be missing, whole. That loses no sample: what the
            # recorder remembers goes with them, so it reads the same entries of the stream again.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    # -- transactions

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            connection = self._connection
            connection.execute(begin)
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has rolled back by itself
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            self._explain(error)
            raise

    def _explain(self, error: sqlite3.DatabaseError) -> None:
        """Raise it as what the caller does next: wait, or tell people. Returns where it is a fault of ours."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _DAMAGED:
            self.close()
            raise StorageDamaged(
                f"The history file {self._path} is damaged ({error}). Stop the historian, move the file and its -wal"
                " and -shm away (`sqlite3 FILE .recover` saves what can be read), or bring back a backup: a new one"
                " is made."
            ) from error
        if code in _REASONS:
            if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                self.close()  # the next call begins with a fresh view of the disk
            raise StorageAway(f"The history file {self._path} cannot be used: {_REASONS[code]} ({error}).") from error
        if "no such table" in str(error):
            raise StorageAway(
                f"There is no history in {self._path} yet: the historian makes it when it starts."
            ) from error

    # -- statements

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, values)

    def ids(self, numbers: Collection[int]) -> str:
        return json.dumps([int(number) for number in numbers])

    def columns(self, sql: str, values: Sequence[Any], kind: np.dtype[np.void]) -> NDArray[np.void]:
        return np.fromiter(self._connection.execute(sql, values), kind)

    def hour_rows(self, series: Sequence[int], from_ms: int, to_ms: int) -> dict[int, NDArray[np.void]]:
        found = {}
        for number in series:
            rows = self._connection.execute(
                "SELECT packed FROM hour WHERE series = ? AND hour_ms >= ? AND hour_ms < ? ORDER BY hour_ms",
                (number, from_ms, to_ms),
            )
            found[number] = np.frombuffer(bytearray().join(packed for (packed,) in rows), FIELDS)
        return found

    def insert_samples(self, table: str, rows: Sequence[Row]) -> None:
        self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?)", rows)

    def insert(self, table: str, columns: Mapping[str, str], values: Sequence[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)

    def delete(self, table: str, condition: str, keys: Sequence[tuple[int, ...]]) -> None:
        self._connection.executemany(f"DELETE FROM {table} WHERE {condition}", keys)

    def given_back(self) -> None:
        try:
            self._connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        except sqlite3.DatabaseError as error:
            self._explain(error)
            raise

    # -- the file

    def prepare(self) -> None:
        with self.writing():
            version = 0
            if self.rows("SELECT 1 FROM sqlite_master WHERE name = 'state'"):
                version = self._state("version")
            for sql in steps_after(version, "sqlite"):
                self.rows(sql)
            self.rows("INSERT OR REPLACE INTO state VALUES ('version', ?)", VERSION)

    def room(self) -> tuple[int, int | None]:
        used = sum(f.stat().st_size for f in (self._path, self._beside("-wal"), self._beside("-shm")) if f.exists())
        try:
            return used, shutil.disk_usage(self._path.parent).free
        except OSError as error:
            raise StorageAway(f"The folder of the history file {self._path} cannot be looked at ({error}).") from error

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(self._path.name + ending)

    def close(self) -> None:
        if self._open is not None:
            connection, self._open = self._open, None
            with suppress(sqlite3.Error):
                connection.close()
