"""What lies where, unread: for the integrity check, and for setting damaged pieces aside."""

from typing import Final

from historian.storage.base import Aside, Chunk, Filed
from historian.storage.schema import LOOSE
from historian.storage.tables import CHUNK_COLUMNS, Tables
from historian.summary import Summaries

_HOURLY: Final = ("chunk", "hour", "minute")
_DAMAGED: Final = "series, hour_ms, what, no, reason, at_ms, encoded"


class Filing(Tables):
    def paths(self) -> dict[int, str]:
        with self.reading():
            known = dict(self.rows("SELECT series, path FROM series"))
            for table in _HOURLY:
                found = self.rows(
                    f"SELECT DISTINCT series FROM {table} WHERE series NOT IN (SELECT series FROM series)"
                )
                known.update({series: "" for (series,) in found})
        return known

    def filed_hours(self, series: int, from_ms: int, to_ms: int) -> list[int]:
        where = "WHERE series = ? AND hour_ms >= ? AND hour_ms < ?"
        sql = " UNION ".join(f"SELECT hour_ms FROM {table} {where}" for table in _HOURLY)
        with self.reading():
            return [hour for (hour,) in self.rows(f"{sql} ORDER BY 1", *(series, from_ms, to_ms) * len(_HOURLY))]

    def filed(self, series: int, hour_ms: int) -> Filed:
        where = "WHERE series = ? AND hour_ms = ?"
        with self.reading():
            chunks = self.rows(f"SELECT {CHUNK_COLUMNS}, stage FROM chunk {where} ORDER BY no", series, hour_ms)
            rows = self.hour_rows([series], hour_ms, hour_ms + 1)[series]
            minutes = self.rows(f"SELECT encoded FROM minute {where}", series, hour_ms)
        return Filed(
            [Chunk(*row[:-1]) for row in chunks],
            frozenset(row[2] for row in chunks if row[-1] != LOOSE),
            Summaries(rows) if len(rows) else None,
            bytes(minutes[0][0]) if minutes else None,
        )

    def put_aside(self, series: int, hour_ms: int, no: int | None, reason: str, at_ms: int) -> None:
        table, what = ("minute", "minutes") if no is None else ("chunk", "chunk")
        where = "WHERE series = ? AND hour_ms = ?" + ("" if no is None else " AND no = ?")
        key = (series, hour_ms) if no is None else (series, hour_ms, no)
        with self.writing():
            count = "0" if no is None else "count"
            for encoded, samples in self.rows(f"SELECT encoded, {count} FROM {table} {where}", *key):
                self.rows(
                    f"INSERT INTO damaged ({_DAMAGED}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    series, hour_ms, what, no or 0, reason, at_ms, bytes(encoded),
                )  # fmt: skip
                self._add_to_samples(-samples)
            self.rows(f"DELETE FROM {table} {where}", *key)

    def aside(self) -> list[Aside]:
        with self.reading():
            found = self.rows(f"SELECT {_DAMAGED} FROM damaged ORDER BY at_ms, series, hour_ms, no")
        return [Aside(*row) for row in found]
