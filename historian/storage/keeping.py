"""Keeping house, the same on both engines: hot tables by turns, chunks, sealed hours, what is too old."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from historian import minutes as codec
from historian.samples import Row
from historian.storage.base import HOUR_MS, Chunk, Memory, Retention, Sealed, Usage
from historian.storage.filing import Filing
from historian.storage.schema import HOUR_COLUMNS, LOOSE, SEALED, SEALED_ALONE
from historian.storage.tables import CHUNK_COLUMNS, TABLES
from historian.summary import FIELDS

_NO_NUL = str.maketrans("\x00", "\u2400")
"""PostgreSQL cannot store the character NUL in a text. Its picture stands for it, on both engines."""

_SIMULATED = "simulated_before_ms"
"""The name of the state that says it."""
_CHUNK_TYPES = dict.fromkeys(CHUNK_COLUMNS.split(", "), "int8") | {"encoded": "bytea", "stage": "int2"}
_MINUTE_TYPES = {"series": "int8", "hour_ms": "int8", "encoded": "bytea"}
_HOUR_TYPES = {
    "series": "int8",
    "hour_ms": "int8",
    "packed": "bytea",
    **{name: "float8" if FIELDS[name].kind == "f" else "int8" for name in HOUR_COLUMNS[1:]},
    "sealed_no": "int8",
}


def storable(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows with texts that every database takes."""
    if not any(row[3] is not None and not row[3].isprintable() for row in rows):
        return rows
    return [row if row[3] is None else (*row[:3], _storable_text(row[3]), *row[4:]) for row in rows]


def _storable_text(text: str) -> str:
    return text.translate(_NO_NUL).encode("utf-8", "replace").decode()


class Keeping(Filing):
    @abstractmethod
    def insert_samples(self, table: str, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def insert(self, table: str, columns: Mapping[str, str], values: Sequence[Sequence[Any]]) -> None:
        """Many rows. `columns`: name -> its type in PostgreSQL's words."""

    @abstractmethod
    def delete(self, table: str, condition: str, keys: Sequence[tuple[int, ...]]) -> None:
        """Rows for which `condition` holds with one of `keys`: SQL with a `?` for each part of a key."""

    def keep_turn(self) -> None:  # for engines that let two write at once
        """Until the end of this transaction the hot tables do not change turns: rows that came into the resting one
        while it is packed would go with it."""

    def make_room_for(self, hours: Collection[int]) -> None:
        """Whatever the engine needs before chunks and minutes of these hours come."""

    def emptied(self, table: str) -> None:  # for engines that need it
        """After the transaction that emptied it."""

    def cut(self, table: str, ms: int) -> int:  # noqa: ARG002  # the same
        """Rows of hours up to this one go where `ms` is the limit."""
        return ms

    def drop_whole(self, retention: Mapping[int, Retention], now_ms: int) -> int:  # noqa: ARG002  # the same
        """What goes in one piece; the rows in it."""
        return 0

    def given_back(self) -> None:
        """Room that expired rows have left goes back to the disk, a little at a time."""

    @abstractmethod
    def room(self) -> tuple[int, int | None]:
        """Bytes that are used, and free."""

    # -- recording

    def write(self, rows: Sequence[Row], memory: Memory | None) -> None:
        rows = storable(rows)
        with self.writing():
            if rows:
                self.keep_turn()
                self.insert_samples(self._hot_tables()[1], rows)
            if memory is not None:
                self._remember(memory)

    # -- hot tables by turns

    def turn(self) -> None:
        with self.writing():
            resting, _ = self._hot_tables()
            if self.rows(f"SELECT 1 FROM {resting} LIMIT 1"):
                raise ValueError(f"{resting} is not empty yet: it becomes chunks before the hot tables change turns")
            self.rows("UPDATE state SET value = ? WHERE name = 'turn'", TABLES.index(resting))

    def chunked(self, chunks: Sequence[Chunk], *, is_last: bool = True) -> None:
        with self.writing():
            resting, _ = self._hot_tables()
            self.make_room_for({chunk.hour_ms for chunk in chunks})
            last = self._last_numbers(chunks)
            numbered = []
            for chunk in chunks:
                key = (chunk.series, chunk.hour_ms)
                last[key] = last.get(key, 0) + 1
                numbered.append((*key, last[key], chunk.count, chunk.start_ms, chunk.end_ms, chunk.encoded, LOOSE))
            self._insert_chunks(numbered)
            self._add_to_samples(sum(chunk.count for chunk in chunks))
            if is_last:
                self.rows(f"DELETE FROM {resting}")
        if is_last:
            self.emptied(resting)

    def _last_numbers(self, chunks: Sequence[Chunk]) -> dict[tuple[int, int], int]:
        """The highest number an hour ever had; also where its samples have expired."""
        last: dict[tuple[int, int], int] = {}
        for hour in {chunk.hour_ms for chunk in chunks}:
            ids = self.ids([chunk.series for chunk in chunks if chunk.hour_ms == hour])
            for table, column in (("chunk", "no"), ("hour", "sealed_no")):
                found = self.rows(
                    f"SELECT series, max({column}) FROM {table} WHERE series {self.in_ids} AND hour_ms = ?"
" GROUP BY series",
                    ids, hour,
                )  # fmt: skip
                for series, no in found:
                    last[series, hour] = max(no, last.get((series, hour), 0))
        return last

    def _insert_chunks(self, values: Sequence[Sequence[Any]]) -> None:
        self.insert("chunk", _CHUNK_TYPES, values)

    # -- sealed hours

    def seal(self, sealed: Sequence[Sealed]) -> None:
        """An hour that was sealed before and whose samples have expired keeps its summary: what came late is older than
        samples are kept, and a summary of it alone would be untrue."""
        with self.writing():
            stored = self._stored_chunks(sealed)
            gone = [s for s in sealed if self._have_expired(s, stored.get((s.chunk.series, s.chunk.hour_ms), []))]
            made = [s for s in sealed if s not in gone] if gone else list(sealed)
            self.make_room_for({s.chunk.hour_ms for s in made})
            replaced = sum(
                count
                for s in sealed
                for no, count, _stage in stored.get((s.chunk.series, s.chunk.hour_ms), [])
                if no <= s.up_to_no
            )
            keys = [(s.chunk.series, s.chunk.hour_ms, s.up_to_no) for s in sealed]
            self.delete("chunk", "series = ? AND hour_ms = ? AND no <= ?", keys)
            self._insert_chunks([_sealed_row(s) for s in made])
            self._add_to_samples(sum(s.chunk.count for s in made) - replaced)
            self._insert_summaries(made)

    def _stored_chunks(self, sealed: Sequence[Sealed]) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
        """(no, count, stage) of what lies in these hours."""
        stored: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for hour in {s.chunk.hour_ms for s in sealed}:
            ids = self.ids([s.chunk.series for s in sealed if s.chunk.hour_ms == hour])
            sql = f"SELECT series, no, count, stage FROM chunk WHERE series {self.in_ids} AND hour_ms = ?"
            for series, *found in self.rows(sql, ids, hour):
                stored.setdefault((series, hour), []).append(tuple(found))
        return stored

    def _have_expired(self, sealed: Sealed, stored: Sequence[tuple[int, int, int]]) -> bool:
        if any(stage != LOOSE for _no, _count, stage in stored):
            return False
        sql = "SELECT 1 FROM hour WHERE series = ? AND hour_ms = ?"
        return bool(self.rows(sql, sealed.chunk.series, sealed.chunk.hour_ms))

    def _insert_summaries(self, sealed: Sequence[Sealed]) -> None:
        keys = [(s.chunk.series, s.chunk.hour_ms) for s in sealed]
        for table in ("hour", "minute"):
            self.delete(table, "series = ? AND hour_ms = ?", keys)
        self.insert("hour", _HOUR_TYPES, [_hour_row(s) for s in sealed])
        minutes = [(s.chunk.series, s.chunk.hour_ms, codec.encode(s.minutes)) for s in sealed if s.minutes is not None]
        self.insert("minute", _MINUTE_TYPES, minutes)

    # -- a simulated past

    def put_before(self, portions: Iterable[Sequence[Sealed]], before_ms: int) -> bool:
        with self.writing():
            if self._simulated_before() is not None:
                return False
            for portion in portions:
                self._put(portion)
            self.rows("INSERT INTO state VALUES (?, ?)", _SIMULATED, before_ms)
        return True

    def _put(self, sealed: Sequence[Sealed]) -> None:
        if not sealed:
            return
        hours = {s.chunk.hour_ms for s in sealed}
        sql = "SELECT series, hour_ms FROM hour WHERE series {} AND hour_ms >= ? AND hour_ms <= ?"
        found = self.rows(sql.format(self.in_ids), self.ids({s.chunk.series for s in sealed}), min(hours), max(hours))
        held = {(series, hour) for series, hour in found}
        free = [s for s in sealed if (s.chunk.series, s.chunk.hour_ms) not in held]
        self.make_room_for(hours)
        self._insert_chunks([_sealed_row(s) for s in free])
        self._add_to_samples(sum(s.chunk.count for s in free))
        self.insert("hour", _HOUR_TYPES, [_hour_row(s) for s in free])

    def simulated_before(self) -> int | None:
        with self.reading():
            return self._simulated_before()

    def _simulated_before(self) -> int | None:
        found = self.rows("SELECT value FROM state WHERE name = ?", _SIMULATED)
        return int(found[0][0]) if found else None

    # -- what is too old

    def expire(self, retention: Mapping[int, Retention], now_ms: int, limit: int) -> int:
        deleted = self.drop_whole(retention, now_ms)
        classes: dict[Retention, list[int]] = {}
        for number, kept in retention.items():
            classes.setdefault(kept, []).append(number)
        for kept, series in classes.items():
            ages = (
                ("chunk", f"AND t.stage = {SEALED}", kept.samples_ms),
                ("minute", "", kept.minutes_ms),
                ("chunk", f"AND t.stage = {SEALED_ALONE}", kept.minutes_ms),
                ("chunk", f"AND t.stage = {LOOSE}", max(kept.hours_ms, kept.minutes_ms, kept.samples_ms)),
                ("hour", "", kept.hours_ms),
            )
            for table, condition, age_ms in ages:
                if deleted < limit:
                    deleted += self._expire(table, condition, series, now_ms - age_ms, limit - deleted)
        if deleted:
            self.given_back()
        return deleted

    def _expire(self, table: str, condition: str, series: Sequence[int], before_ms: int, limit: int) -> int:
        """Of whole hours that are over before then."""
        key = "series, hour_ms, no" if table == "chunk" else "series, hour_ms"
        keys = ", ".join(f"t.{column}" for column in key.split(", "))
        counted = "count" if table == "chunk" else "0"
        with self.writing():
            found = self.rows(
                f"DELETE FROM {table} WHERE ({key}) IN (SELECT {keys} FROM {self.each_id} CROSS JOIN {table} t"
                f" WHERE t.series = s.value {condition} AND t.hour_ms <= ? LIMIT ?) RETURNING {counted}",
                self.ids(series), self.cut(table, before_ms) - HOUR_MS, limit,
            )  # fmt: skip
            if table == "chunk" and found:
                self._add_to_samples(-sum(count for (count,) in found))
        return len(found)

    def usage(self) -> Usage:
        used, free = self.room()
        with self.reading():
            hot = sum(int(self.rows(f"SELECT count(*) FROM {table}")[0][0]) for table in TABLES)
            samples = self._state("samples")
            firsts = [self.rows(f"SELECT min(source_ms) FROM {table}")[0][0] for table in TABLES]
            for table, column in (("chunk", "start_ms"), ("hour", "first_ms")):
                firsts += self.rows(
                    f"SELECT min((SELECT t.{column} FROM {table} t WHERE t.series = s.series"
                    " ORDER BY t.hour_ms LIMIT 1))"
                    " FROM series s"
                )[0]
        return Usage(used, free, samples + hot, min((ms for ms in firsts if ms is not None), default=None), hot)


def _sealed_row(sealed: Sealed) -> tuple[Any, ...]:
    chunk = sealed.chunk
    stage = SEALED_ALONE if sealed.minutes is None else SEALED
    return (
        chunk.series, chunk.hour_ms, sealed.up_to_no, chunk.count, chunk.start_ms, chunk.end_ms, chunk.encoded, stage,
    )  # fmt: skip


def _hour_row(sealed: Sealed) -> tuple[Any, ...]:
    """Values of _HOUR_TYPES. The key is that of the chunk, which is the beginning of the hour."""
    _start_ms, *measures = sealed.hour.rows[0].item()
    return (sealed.chunk.series, sealed.chunk.hour_ms, sealed.hour.rows[:1].tobytes(), *measures, sealed.up_to_no)
