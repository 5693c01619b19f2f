"""What is the same on SQLite and PostgreSQL: nearly all SQL. An engine gives transactions, statements and columns.

SQL is written with `?` for values. Hot tables come last when samples are joined: what they say is newer than any chunk.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from historian import chunks as codec
from historian import minutes as codec_of_minutes
from historian.samples import Row, Samples, joined, of_rows
from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Chunk, Memory
from historian.storage.schema import LOOSE
from historian.summary import FIELDS, Summaries

log = structlog.get_logger(__name__)

_FETCHED: Final = np.dtype(
    [("series_and_status", "<i8"), ("source_ms", "<i8"), ("number", "<f8"), ("server_ms", "<i8")]
)
"""The engine makes an object of each value, and that is what hot rows take: two go as one."""
_HOT: Final = np.dtype(
    [("status", "<u4"), ("series", "<i4"), ("source_ms", "<i8"), ("number", "<f8"), ("server_ms", "<i8")]
)
"""The same bytes."""
TABLES: Final = ("sample_a", "sample_b")
_PORTION: Final = 20_000
_NEAR_MS: Final = 60_000
"""The neighbour of a time is nearly always this near; looking there first spares a walk through the hot tables."""
_FRUITLESS_HOURS: Final = 24
"""Damaged ones, or such of expired texts, that are passed by in search of a neighbour before it counts as none."""
CHUNK_COLUMNS: Final = "series, hour_ms, no, count, start_ms, end_ms, encoded"


def hour_of(ms: int) -> int:
    return ms // HOUR_MS * HOUR_MS


_HOUR_OF_SOURCE: Final = f"source_ms - ((source_ms % {HOUR_MS}) + {HOUR_MS}) % {HOUR_MS}"


class Tables(ABC):
    """Reading, and the writing that needs nothing of the engine's own."""

    in_ids: str
    """SQL after a column: it is among the numbers of the next value (made by `ids`)."""
    each_id: str
    """SQL of a table `s` whose column `value` has the numbers of the next value."""
    no_number: str
    """SQL of what stands for no number in a column of floats."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """One transaction. Raises StorageAway or StorageDamaged; then nothing was written."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """Everything in it sees one state of the tables."""

    @abstractmethod
    def rows(self, sql: str, *values: Any) -> list[Any]: ...

    @abstractmethod
    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None: ...

    @abstractmethod
    def ids(self, numbers: Collection[int]) -> Any: ...

    @abstractmethod
    def columns(self, sql: str, values: Sequence[Any], kind: np.dtype[np.void]) -> NDArray[np.void]:
        """Rows as an array; every column of the SELECT is a number and not NULL."""

    @abstractmethod
    def hour_rows(self, series: Sequence[int], from_ms: int, to_ms: int) -> dict[int, NDArray[np.void]]:
        """FIELDS of sealed hours in order of time."""

    # -- series and memory

    def series(self) -> dict[SeriesKey, int]:
        with self.reading():
            found = self.rows("SELECT series, tag, kind, unit FROM series")
        return {SeriesKey(tag, SeriesKind(kind), unit): number for number, tag, kind, unit in found}

    def add_series(self, keys: Mapping[SeriesKey, str]) -> dict[SeriesKey, int]:
        with self.writing():
            found = self.rows("SELECT tag, kind, unit, path FROM series")
            paths = {SeriesKey(tag, SeriesKind(kind), unit): path for tag, kind, unit, path in found}
            new = [(k.tag, str(k.kind), k.unit, path) for k, path in keys.items() if k not in paths]
            moved = [(path, k.tag, str(k.kind), k.unit) for k, path in keys.items() if k in paths and paths[k] != path]
            self.many("INSERT INTO series (tag, kind, unit, path) VALUES (?, ?, ?, ?)", new)
            self.many("UPDATE series SET path = ? WHERE tag = ? AND kind = ? AND unit = ?", moved)
        numbers = self.series()
        return {key: numbers[key] for key in keys}

    def memory(self) -> Memory | None:
        with self.reading():
            found = self.rows("SELECT epoch, entry_id, seqs, recording FROM memory")
        if not found:
            return None
        epoch, entry_id, seqs, recording = found[0]
        return Memory(epoch, entry_id, json.loads(seqs), bytes(recording))

    def _remember(self, memory: Memory) -> None:
        self.rows(
            "INSERT INTO memory (one, epoch, entry_id, seqs, recording) VALUES (1, ?, ?, ?, ?) ON CONFLICT (one)"
            " DO UPDATE SET epoch = excluded.epoch, entry_id = excluded.entry_id, seqs = excluded.seqs,"
            " recording = excluded.recording",
            memory.epoch, memory.entry_id, json.dumps(dict(memory.seqs)), memory.recording,
        )  # fmt: skip

    def _state(self, name: str) -> int:
        return int(self.rows("SELECT value FROM state WHERE name = ?", name)[0][0])

    def _add_to_samples(self, difference: int) -> None:
        self.rows("UPDATE state SET value = value + ? WHERE name = 'samples'", difference)

    def _hot_tables(self) -> tuple[str, str]:
        """The one that rests, and the one whose turn it is."""
        writing = self._state("turn")
        return TABLES[1 - writing], TABLES[writing]

    # -- samples

    def read(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Samples]:
        if not series or from_ms >= to_ms:
            return {}
        with self.reading():
            packed = self._packed(series, from_ms, to_ms)
            hot = [self._hot(table, series, from_ms, to_ms) for table in self._hot_tables()]
        parts = {number: self._decoded(found) for number, found in packed.items()}
        for found_hot in hot:
            for number, samples in found_hot.items():
                parts.setdefault(number, []).append(samples)
        whole = {number: joined(found).between(from_ms, to_ms) for number, found in parts.items()}
        return {number: samples for number, samples in whole.items() if len(samples)}

    def _packed(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, list[Chunk]]:
        found = self.rows(
            f"SELECT {CHUNK_COLUMNS} FROM chunk WHERE series {self.in_ids} AND hour_ms >= ? AND hour_ms < ?"
            " AND end_ms >= ? AND start_ms < ? ORDER BY series, hour_ms, no",
            self.ids(series), hour_of(from_ms), to_ms, from_ms, to_ms,
        )  # fmt: skip
        chunks: dict[int, list[Chunk]] = {}
        for row in found:
            chunks.setdefault(row[0], []).append(Chunk(*row))
        return chunks

    def _decoded(self, chunks: Iterable[Chunk]) -> list[Samples]:
        """Without those that are damaged: the rest of the history is worth having."""
        parts = []
        for chunk in chunks:
            try:
                parts.append(codec.decode(chunk.encoded))
            except codec.DamagedChunk as error:
                log.error(
                    "history_chunk_damaged", series=chunk.series, hour_ms=chunk.hour_ms, no=chunk.no, error=str(error)
                )
        return parts

    def _hot(self, table: str, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Samples]:
        where = f"source_ms >= ? AND source_ms < ? AND series {self.in_ids}"
        values = (from_ms, to_ms, self.ids(series))
        found = self.columns(
            f"SELECT (series << 32) | status, source_ms, coalesce(number, {self.no_number}), server_ms FROM {table}"
            f" WHERE {where} ORDER BY source_ms, series",
            values, _FETCHED,
        ).view(_HOT)  # fmt: skip
        if not len(found):
            return {}
        exact: dict[int, dict[int, str]] = {}
        sql = f"SELECT series, source_ms, exact FROM {table} WHERE {where} AND exact IS NOT NULL"
        for number, ms, text in self.rows(sql, *values):
            exact.setdefault(number, {})[ms] = text
        return {number: _samples(part, exact.get(number, {})) for number, part in _by_series(found)}

    # -- neighbours

    def before(self, series: Collection[int], ms: int) -> dict[int, Samples]:
        return self._neighbours(series, ms, is_before=True)

    def after(self, series: Collection[int], ms: int) -> dict[int, Samples]:
        return self._neighbours(series, ms, is_before=False)

    def _neighbours(self, series: Collection[int], ms: int, *, is_before: bool) -> dict[int, Samples]:
        if not series:
            return {}
        found = {}
        with self.reading():
            hot = self._hot_neighbours(series, ms, is_before=is_before)
            for number in series:
                packed = self._packed_neighbour(number, ms, hot.get(number), is_before=is_before)
                both = joined([part for part in (packed, hot.get(number)) if part is not None])
                if len(both):
                    found[number] = both.part(slice(-1, None) if is_before else slice(0, 1))
        return found

    def _hot_neighbours(self, series: Collection[int], ms: int, *, is_before: bool) -> dict[int, Samples]:
        """Of each series the nearest row of both hot tables."""
        resting, writing = self._hot_tables()
        rows: dict[int, list[Row]] = {}
        for table in (resting, writing):
            for number, row in self._nearest_rows(table, series, ms, is_before=is_before).items():
                rows.setdefault(number, []).append(row)
        return {number: of_rows(found) for number, found in rows.items()}

    def _nearest_rows(self, table: str, series: Collection[int], ms: int, *, is_before: bool) -> dict[int, Row]:
        edge = "max" if is_before else "min"
        near = (ms - _NEAR_MS, ms) if is_before else (ms, ms + _NEAR_MS)
        times: dict[int, int] = {}
        far = (-(2**62), near[0]) if is_before else (near[1], 2**62)
        for low, high in (near, far):
            missing = [number for number in series if number not in times]
            if missing:
                sql = (
                    f"SELECT series, {edge}(source_ms) FROM {table} WHERE source_ms >= ? AND source_ms < ?"
                    f" AND series {self.in_ids} GROUP BY series"
                )
                times.update(dict(self.rows(sql, low, high, self.ids(missing))))
        columns = "source_ms, series, number, exact, status, server_ms"
        sql = f"SELECT {columns} FROM {table} WHERE source_ms = ? AND series = ?"
        return {number: tuple(self.rows(sql, time, number)[0]) for number, time in times.items()}

    def _packed_neighbour(self, series: int, ms: int, hot: Samples | None, *, is_before: bool) -> Samples | None:
        """Of chunks; of a summary where the samples of its hour have expired. None where the hot one is nearer."""
        bound = hour_of(ms)
        nearest_hot = None if hot is None else hour_of(int(hot.times[-1 if is_before else 0]))
        for _ in range(_FRUITLESS_HOURS):
            sealed, packed = (
                self._summary_hour(series, ms, bound, is_before),
                self._chunk_hour(series, ms, bound, is_before),
            )
            hours = [hour for hour in (sealed, packed) if hour is not None]
            if not hours:
                return None
            hour = max(hours) if is_before else min(hours)
            if nearest_hot is not None and (hour < nearest_hot if is_before else hour > nearest_hot):
                return None
            found = (
                self._of_chunks(series, hour, ms, is_before)
                if hour == packed
                else self._stand_in(series, hour, ms, is_before)
            )
            if found is not None:
                return found
            bound = hour - HOUR_MS if is_before else hour + HOUR_MS  # damaged, or nothing a summary could say
        return None

    def _chunk_hour(self, series: int, ms: int, bound: int, is_before: bool) -> int | None:
        where = "hour_ms <= ? AND start_ms < ?" if is_before else "hour_ms >= ? AND end_ms >= ?"
        order = "DESC" if is_before else "ASC"
        sql = f"SELECT hour_ms FROM chunk WHERE series = ? AND {where} ORDER BY hour_ms {order} LIMIT 1"
        found = self.rows(sql, series, bound, ms)
        return int(found[0][0]) if found else None

    def _summary_hour(self, series: int, ms: int, bound: int, is_before: bool) -> int | None:
        where = "hour_ms <= ? AND first_ms < ?" if is_before else "hour_ms >= ? AND last_ms >= ?"
        order = "DESC" if is_before else "ASC"
        sql = f"SELECT hour_ms FROM hour WHERE series = ? AND {where} ORDER BY hour_ms {order} LIMIT 1"
        found = self.rows(sql, series, bound, ms)
        return int(found[0][0]) if found else None

    def _of_chunks(self, series: int, hour: int, ms: int, is_before: bool) -> Samples | None:
        samples = joined(self._decoded(self._packed([series], hour, hour + HOUR_MS).get(series, [])))
        part = samples.between(-(2**62), ms) if is_before else samples.between(ms, 2**62)
        return part if len(part) else None

    def _stand_in(self, series: int, hour: int, ms: int, is_before: bool) -> Samples | None:
        """The nearest sample that the summaries of an hour remember: its samples themselves are gone."""
        rows = self.hour_rows([series], hour, hour + 1)[series]
        packed = self.rows("SELECT encoded FROM minute WHERE series = ? AND hour_ms = ?", series, hour)
        if packed:
            rows = np.concatenate([rows, self._minutes_of(series, hour, packed[0][0]).rows])
        times = np.concatenate([rows["first_ms"], rows["last_ms"]])
        numbers = np.concatenate([rows["first"], rows["last"]])
        statuses = np.concatenate([rows["first_status"], rows["last_status"]])
        # A Good sample without a number was a text: the summary does not have it, and "Good: nothing" would be untrue.
        usable = ((times < ms) if is_before else (times >= ms)) & ~(np.isnan(numbers) & (statuses >> 30 == 0))
        if not usable.any():
            return None
        times, numbers, statuses = times[usable], numbers[usable], statuses[usable]
        at = int(np.argmax(times) if is_before else np.argmin(times))
        one = slice(at, at + 1)
        return Samples(times[one], numbers[one], statuses[one], times[one])

    # -- summaries

    def hours(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Summaries]:
        if not series:
            return {}
        with self.reading():
            found = self.hour_rows(sorted(series), from_ms, to_ms)
            ends = [int(rows["start_ms"][-1]) + HOUR_MS for rows in found.values() if len(rows)]
            loose = self._loose(series, from_ms, max(ends)) if ends else {}
        for number, hours in loose.items():
            if number in found:
                found[number] = found[number][~np.isin(found[number]["start_ms"], list(hours))]
        return {number: Summaries(rows) for number, rows in found.items() if len(rows)}

    def minutes(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Summaries]:
        if not series:
            return {}
        with self.reading():
            packed = self.rows(
                f"SELECT series, hour_ms, encoded FROM minute WHERE series {self.in_ids} AND hour_ms >= ?"
                " AND hour_ms < ? ORDER BY series, hour_ms",
                self.ids(series), hour_of(from_ms), to_ms,
            )  # fmt: skip
            loose = self._loose(series, hour_of(from_ms), max(h for _, h, _ in packed) + HOUR_MS) if packed else {}
        wanted = [(number, hour, encoded) for number, hour, encoded in packed if hour not in loose.get(number, ())]
        found = codec_of_minutes.decode_all([bytes(encoded) for _, _, encoded in wanted])
        for place, why in found.damaged.items():
            log.error("history_minutes_damaged", series=wanted[place][0], hour_ms=wanted[place][1], error=why)
        ends = {wanted[place][0]: end for place, end in enumerate(found.ends)}  # of the last piece of each series
        summaries, begin = {}, 0
        for number, end in ends.items():
            rows = found.rows[begin:end]
            rows = rows[slice(*np.searchsorted(rows["start_ms"], (from_ms, to_ms)).tolist())]
            if len(rows):
                summaries[number] = Summaries(rows)
            begin = end
        return summaries

    def _minutes_of(self, series: int, hour: int, encoded: bytes) -> Summaries:
        try:
            return codec_of_minutes.decode(bytes(encoded))
        except codec.DamagedChunk as error:
            log.error("history_minutes_damaged", series=series, hour_ms=hour, error=str(error))
            return Summaries(np.empty(0, FIELDS))

    def unsealed(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, set[int]]:
        if not series or from_ms >= to_ms:
            return {}
        with self.reading():
            return self._loose(series, hour_of(from_ms), hour_of(to_ms - 1) + HOUR_MS)

    def _loose(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, set[int]]:
        """Series -> hours from a whole hour to a whole hour that hold samples outside their summary."""
        values = (from_ms, to_ms, self.ids(series))
        found = self.rows(
            f"SELECT DISTINCT series, hour_ms FROM chunk WHERE stage = {LOOSE} AND hour_ms >= ? AND hour_ms < ?"
            f" AND series {self.in_ids}", *values,
        )  # fmt: skip
        for table in TABLES:
            found += self.rows(
                f"SELECT DISTINCT series, {_HOUR_OF_SOURCE} FROM {table} WHERE source_ms >= ? AND source_ms < ?"
                f" AND series {self.in_ids}", *values,
            )  # fmt: skip
        loose: dict[int, set[int]] = {}
        for number, hour in found:
            loose.setdefault(number, set()).add(hour)
        return loose

    # -- for the sealer

    def resting_rows(self) -> Iterator[Sequence[Row]]:
        """By keys, not by one long SELECT: between portions the storage is free for other calls."""
        last = (-(2**62), 0)
        while True:
            with self.reading():
                table = self._hot_tables()[0]
                portion = self.rows(
                    f"SELECT source_ms, series, number, exact, status, server_ms FROM {table}"
                    " WHERE (source_ms, series) > (?, ?) ORDER BY source_ms, series LIMIT ?",
                    *last, _PORTION,
                )  # fmt: skip
            if not portion:
                return
            last = (portion[-1][0], portion[-1][1])
            yield portion

    def unmerged_hours(self, before_ms: int, limit: int) -> list[tuple[int, int]]:
        """Of hours that are over before `before_ms`, the oldest first."""
        with self.reading():
            found = self.rows(
                f"SELECT DISTINCT hour_ms, series FROM chunk WHERE stage = {LOOSE} AND hour_ms <= ?"
                " ORDER BY hour_ms, series LIMIT ?",
                before_ms - HOUR_MS, limit,
            )  # fmt: skip
        return [(series, hour) for hour, series in found]

    def chunks(self, series: int, hour_ms: int) -> list[Chunk]:
        sql = f"SELECT {CHUNK_COLUMNS} FROM chunk WHERE series = ? AND hour_ms = ? ORDER BY no"
        with self.reading():
            return [Chunk(*row) for row in self.rows(sql, series, hour_ms)]


def _by_series(found: NDArray[np.void]) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Parts of rows that are ordered by time, still so."""
    ordered = found[np.argsort(found["series"], kind="stable")]
    numbers, starts = np.unique(ordered["series"], return_index=True)
    yield from zip(numbers.tolist(), np.split(ordered, starts[1:]), strict=True)


def _samples(part: NDArray[np.void], exact: Mapping[int, str]) -> Samples:
    numbers = np.where(np.isinf(part["number"]), np.nan, part["number"])
    times, server_ms = np.ascontiguousarray(part["source_ms"]), np.ascontiguousarray(part["server_ms"])
    return Samples(times, numbers, np.ascontiguousarray(part["status"]), server_ms, exact)
