"""History in the schema `history` of a PostgreSQL. Chunks and minutes lie in a table a month, which goes whole."""

import os
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from threading import Event, Timer
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import errors

from historian.samples import Row
from historian.storage.base import Memory, Retention, StorageAway, StorageDamaged
from historian.storage.keeping import Keeping
from historian.storage.schema import LOOSE, SEALED_ALONE, VERSION, steps_after
from historian.summary import FIELDS

_CONNECT_S: Final = 3
_SILENT_MS: Final = 10_000
"""A server that does not answer for so long is away."""
_READ_MS: Final = 30_000
_LOCK_MS: Final = 5_000
WRITE_S: Final = 30.0
"""A server that stands still, with its machine alive, would be waited for without end: after so long it is away."""
_MERGES: Final = 20
"""So many writings expect rows that are there already: at the beginning, and after one that met such."""
_MONTHLY: Final = ("chunk", "minute")
_FIRST_MONTH, _LAST_MONTH = (2000, 1), (2100, 1)
"""Months before and after share one table each: a device with a strange clock must not make thousands."""
_COPY_HEAD: Final = 19
_SAMPLE_COLUMNS: Final = "source_ms, series, number, exact, status, server_ms"
_SAMPLE_TYPES: Final = ["int8", "int8", "float8", "text", "int8", "int8"]


class PostgresqlStorage(Keeping):
    in_ids = "= ANY(?)"
    each_id = "unnest(?::bigint[]) s(value)"
    no_number = "'NaN'::float8"

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._url = url
        self._read_only = read_only
        self._open: psycopg.Connection[tuple[Any, ...]] | None = None
        self._merges = _MERGES
        self._months: set[str] = set()
        """Tables of months that are known to be there."""

    @property
    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._open is None or self._open.closed:
            self._open = None
            self._months.clear()
            self._merges = _MERGES
            self._open = self._connect()
        return self._open

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=_CONNECT_S, application_name="isthmus history",
                keepalives_idle=5, keepalives_interval=2, keepalives_count=3, tcp_user_timeout=_SILENT_MS,
            )  # fmt: skip
        except psycopg.ProgrammingError:  # what it says may quote the password
            raise StorageAway(
                "The address of history's PostgreSQL is not understood. Give HISTORY_DATABASE_URL like "
                "postgres://user:password@host/name, with options that libpq knows, such as ?sslmode=require."
            ) from None
        connection.execute("SET search_path = history")
        connection.execute("SET timezone = 'UTC'")
        connection.execute(f"SET lock_timeout = {_LOCK_MS}")
        if self._read_only:
            connection.execute(f"SET statement_timeout = {_READ_MS}")
            connection.execute("SET default_transaction_read_only = on")
        return connection

    # -- recording

    def write(self, rows: Sequence[Row], memory: Memory | None) -> None:
        is_over = Event()
        watch = Timer(WRITE_S, self._hang_up, [is_over])
        watch.daemon = True
        watch.start()
        try:
            super().write(rows, memory)
        except StorageAway as error:
            if is_over.is_set():
                raise StorageAway(f"PostgreSQL has not finished a writing of history within {WRITE_S:g} s.") from error
            raise
        finally:
            watch.cancel()

    def _hang_up(self, is_over: Event) -> None:
        """From another thread: who waits for an answer is told that the connection has ended."""
        is_over.set()
        connection = self._open
        if connection is not None:
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    # -- transactions

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
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
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
        except psycopg.Error as error:
            self._explain(error)
            raise

    def _explain(self, error: psycopg.Error) -> None:
        """Raise it as what the caller does next: wait, or tell people. Returns where it is a fault of ours."""
        self._months.clear()  # what a transaction made that was rolled back is not there
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
            raise StorageDamaged(
                f"PostgreSQL says that tables of history are damaged ({said}). "
                "Bring back a backup of the schema history."
            ) from error
        if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
            raise StorageAway(
                "There is no history in this PostgreSQL yet: the historian makes it when it starts."
            ) from error
        if isinstance(error, errors.InsufficientPrivilege):
            raise StorageAway(f"PostgreSQL does not let this user at history ({said}): see its rights.") from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            if not isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
                self.close()
            raise StorageAway(f"PostgreSQL cannot be used for history: {said}") from error

    # -- statements

    def rows(self, sql: str, *values: Any) -> list[Any]:
        cursor = self._connection.execute(_worded(sql), values)
        return cursor.fetchall() if cursor.description else []

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_worded(sql), values)

    def ids(self, numbers: Collection[int]) -> list[int]:
        return [int(number) for number in numbers]

    def columns(self, sql: str, values: Sequence[Any], kind: np.dtype[np.void]) -> NDArray[np.void]:
        """By COPY in binary: rows of one length, which numpy takes as they come, without an object each."""
        with (
            self._connection.cursor() as cursor,
            cursor.copy(b"COPY (" + _worded(sql) + b") TO STDOUT (FORMAT BINARY)", values) as copy,
        ):
            raw = bytearray().join(copy)
        names = kind.names or ()
        parts: list[tuple[str, Any]] = [("", ">i2")]
        for name in names:
            parts += [("", ">i4"), (name, kind[name].newbyteorder(">"))]
        tuples = np.dtype(parts)
        found = np.frombuffer(raw, tuples, (len(raw) - _COPY_HEAD - 2) // tuples.itemsize, _COPY_HEAD)
        rows = np.empty(len(found), kind)
        for name in names:
            rows[name] = found[name]
        return rows

    def hour_rows(self, series: Sequence[int], from_ms: int, to_ms: int) -> dict[int, NDArray[np.void]]:
        sql = (
            "SELECT series, string_agg(packed, '' ORDER BY hour_ms) FROM hour"
            " WHERE series = ANY(?) AND hour_ms >= ? AND hour_ms < ? GROUP BY series"
        )
        found = dict.fromkeys(series, np.empty(0, FIELDS))
        with self._connection.cursor(binary=True) as cursor:
            for number, packed in cursor.execute(_worded(sql), (self.ids(series), from_ms, to_ms)):
                found[number] = np.frombuffer(bytearray(packed), FIELDS)
        return found

    def keep_turn(self) -> None:
        self.rows("SELECT value FROM state WHERE name = 'turn' FOR SHARE")

    def insert_samples(self, table: str, rows: Sequence[Row]) -> None:
        """Straight into the table: a third of the time of asking for each row whether it is there. Rows that are, as
        after a kill, are news about the next ones too: for some time those are asked for."""
        last = {(row[0], row[1]): row for row in rows}
        if self._merges:
            self._merges -= 1
        else:
            self.rows("SAVEPOINT straight")
            try:
                self._copy_samples(table, last.values())
            except errors.UniqueViolation:
                self.rows("ROLLBACK TO SAVEPOINT straight")
                self._merges = _MERGES
            else:
                return
        self._merge_samples(table, last.values())

    def _merge_samples(self, table: str, rows: Iterable[Row]) -> None:
        self.rows(f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE {table}) ON COMMIT DELETE ROWS")
        self._copy_samples("pg_temp.incoming", rows)
        self.rows(
            f"INSERT INTO {table} SELECT * FROM pg_temp.incoming ON CONFLICT (source_ms, series) DO UPDATE SET"
            " number = excluded.number, exact = excluded.exact, status = excluded.status,"
            " server_ms = excluded.server_ms"
        )

    def _copy_samples(self, table: str, rows: Iterable[Row]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({_SAMPLE_COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
        ):
            copy.set_types(_SAMPLE_TYPES)
            for row in rows:
                copy.write_row(row)

    def insert(self, table: str, columns: Mapping[str, str], values: Sequence[Sequence[Any]]) -> None:
        sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            copy.set_types(list(columns.values()))
            for row in values:
                copy.write_row(row)

    def delete(self, table: str, condition: str, keys: Sequence[tuple[int, ...]]) -> None:
        parts = [list(part) for part in zip(*keys, strict=True)]
        arrays, names = ", ".join("?::bigint[]" for _ in parts), [f"k.part_{place}" for place in range(len(parts))]
        for name in names:
            condition = condition.replace("?", name, 1)
        if keys:
            named = ", ".join(name.removeprefix("k.") for name in names)
            self.rows(f"DELETE FROM {table} USING unnest({arrays}) k ({named}) WHERE {condition}", *parts)

    # -- tables of months

    def make_room_for(self, hours: Collection[int]) -> None:
        """The month after the newest too, so that the change of a month finds its table there."""
        months = {_month_of(hour) for hour in hours}
        if months:
            months.add(_next(max(months)))
        for month in sorted(months):
            for table in _MONTHLY:
                self._make_month(table, month)

    def _make_month(self, table: str, month: tuple[int, int]) -> None:
        name = f"{table}_{month[0]}_{month[1]:02d}"
        if name in self._months:
            return
        if not self.rows("SELECT to_regclass(?)", name)[0][0]:
            begin = "MINVALUE" if month == _FIRST_MONTH else _begin_ms(month)
            end = "MAXVALUE" if month == _LAST_MONTH else _begin_ms(_next(month))
            # Attached rather than made as a partition: that waits for no reader, nor lets one wait.
            self.rows(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
            self.rows(f"ALTER TABLE {name} ADD CONSTRAINT {name}_month CHECK ({_check(begin, end)})")
            self.rows(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})")
        self._months.add(name)

    def cut(self, table: str, ms: int) -> int:
        """Months go whole: nothing is deleted of one that is not over, so rows stay up to a month longer."""
        return _begin_ms(_month_of(ms)) if table in _MONTHLY else ms

    def drop_whole(self, retention: Mapping[int, Retention], now_ms: int) -> int:
        """Months in which everything is too old, of all series that there are."""
        dropped = 0
        for table in _MONTHLY:
            for month in self._months_over(table, retention, now_ms):
                with suppress(StorageAway):  # somebody reads it: another time
                    dropped += self._drop(table, f"{table}_{month[0]}_{month[1]:02d}")
        return dropped

    def _months_over(self, table: str, retention: Mapping[int, Retention], now_ms: int) -> list[tuple[int, int]]:
        with self.reading():
            if not retention or any(series not in retention for (series,) in self.rows("SELECT series FROM series")):
                return []
            samples_ms, minutes_ms = (
                max(kept.samples_ms for kept in retention.values()),
                max(kept.minutes_ms for kept in retention.values()),
            )
            names = self.rows(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(?)", table
            )
            months = sorted(_named_month(name) for (name,) in names)
            over = []
            for month in months:
                end = _begin_ms(_next(month))
                age_ms = samples_ms if table == "chunk" else minutes_ms
                if month == _LAST_MONTH or end > now_ms - age_ms:
                    continue
                if table == "chunk" and not self._is_droppable(month, end <= now_ms - minutes_ms):
                    continue
                over.append(month)
        return over

    def _is_droppable(self, month: tuple[int, int], are_minutes_over: bool) -> bool:
        """No chunk of it waits to be sealed, and none stands for minutes that are still kept."""
        stages = [LOOSE] if are_minutes_over else [LOOSE, SEALED_ALONE]
        name = f"chunk_{month[0]}_{month[1]:02d}"
        return not self.rows(f"SELECT 1 FROM {name} WHERE stage = ANY(?) LIMIT 1", stages)

    def _drop(self, table: str, name: str) -> int:
        with self.writing():
            counted = "coalesce(sum(count), 0)" if table == "chunk" else "0"
            rows, samples = self.rows(f"SELECT count(*), {counted} FROM {name}")[0]
            self.rows(f"DROP TABLE {name}")
            if table == "chunk":
                self._add_to_samples(-int(samples))
        self._months.discard(name)
        return int(rows)

    # -- the schema

    def prepare(self) -> None:
        with self.writing():
            self.rows("SELECT pg_advisory_xact_lock(hashtext('isthmus history'))")
            if not self.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'history'"):
                self.rows("CREATE SCHEMA IF NOT EXISTS history")
            version = 0
            if self.rows("SELECT to_regclass('history.state')")[0][0]:
                version = self._state("version")
            for sql in steps_after(version, "postgresql"):
                self.rows(sql)
            self.rows(
                "INSERT INTO state VALUES ('version', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                VERSION,
            )
            self.make_room_for([int(datetime.now(UTC).timestamp() * 1000)])

    def emptied(self, table: str) -> None:
        """Its rows were deleted, not truncated: a reader that had begun before must still see them."""
        with suppress(psycopg.Error):  # autovacuum does it later
            self._connection.execute(f"VACUUM (TRUNCATE OFF) {table}")

    def room(self) -> tuple[int, int | None]:
        with self.reading():
            found = self.rows(
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = c.relnamespace WHERE n.nspname = 'history' AND c.relkind = 'r'"
            )
        return int(found[0][0]), None

    def close(self) -> None:
        if self._open is not None:
            connection, self._open = self._open, None
            with suppress(psycopg.Error):
                connection.close()


@lru_cache(maxsize=500)
def _worded(sql: str) -> bytes:
    return sql.replace("%", "%%").replace("?", "%s").encode()


def _month_of(ms: int) -> tuple[int, int]:
    low, high = _begin_ms(_FIRST_MONTH), _begin_ms(_LAST_MONTH)
    day = datetime.fromtimestamp(min(max(ms, low), high) / 1000, UTC)
    return day.year, day.month


def _next(month: tuple[int, int]) -> tuple[int, int]:
    if month >= _LAST_MONTH:
        return _LAST_MONTH
    return (month[0] + 1, 1) if month[1] == 12 else (month[0], month[1] + 1)


def _begin_ms(month: tuple[int, int]) -> int:
    return int(datetime(*month, 1, tzinfo=UTC).timestamp()) * 1000


def _check(begin: int | str, end: int | str) -> str:
    low = "true" if begin == "MINVALUE" else f"hour_ms >= {begin}"
    high = "true" if end == "MAXVALUE" else f"hour_ms < {end}"
    return f"{low} AND {high}"


def _named_month(name: str) -> tuple[int, int]:
    year, month = name.rsplit("_", 2)[1:]
    return int(year), int(month)
