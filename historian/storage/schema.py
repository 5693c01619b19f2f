"""The tables and views, in numbered steps: a storage of version n has had the steps up to n.

Never change a step that a release has had: add one. Words in braces differ between the engines (DIALECTS).
"""

from typing import Final

from historian.summary import FIELDS

VERSION: Final = 1
SEALED, SEALED_ALONE, LOOSE = 0, 1, 2
"""`stage` of a chunk: in the summary of its hour; so too, but without minutes beside it, so that it is kept as long as
they would be; not in the summary yet."""

_MEASURES: Final = [name for name in FIELDS.names or () if name != "start_ms"]
HOUR_COLUMNS: Final = ["hour_ms", *_MEASURES]
"""Columns of `hour` in the order of FIELDS."""


def _hour_columns() -> str:
    return ",\n  ".join(f"{name} {{{'float' if FIELDS[name].kind == 'f' else 'int'}}}" for name in _MEASURES)


_SAMPLES: Final = """
CREATE TABLE sample_{which} (
  source_ms {int} NOT NULL,
  series {int} NOT NULL,
  number {float},
  exact TEXT,
  status {int} NOT NULL,
  server_ms {int} NOT NULL,
  PRIMARY KEY (source_ms, series)
) {by_key}
"""

# `packed` of an hour: its columns once more, as the bytes of FIELDS. Seventy thousand rows of columns become Python
# objects in 300 ms, these in 40. It comes first, so that who reads it does not unpack the others.
_TABLES: Final = [
    "CREATE TABLE state (name TEXT PRIMARY KEY, value {int} NOT NULL) {by_key}",
    # turn: 0 while sample_a takes what is recorded, 1 while sample_b does. samples: in all chunks.
    "INSERT INTO state VALUES ('turn', 0), ('samples', 0)",
    "CREATE TABLE memory (one INTEGER PRIMARY KEY CHECK (one = 1), epoch {int} NOT NULL, entry_id TEXT NOT NULL,"
    " seqs TEXT NOT NULL, recording {bytes} NOT NULL)",
    "CREATE TABLE series (series {number_of_series}, tag TEXT NOT NULL, kind TEXT NOT NULL, unit TEXT NOT NULL,"
    " path TEXT NOT NULL, UNIQUE (tag, kind, unit))",
    _SAMPLES.replace("{which}", "a"),
    _SAMPLES.replace("{which}", "b"),
    # What float64 cannot say is rare in most plants; found without looking at every sample.
    "CREATE INDEX sample_a_exact ON sample_a (series, source_ms) WHERE exact IS NOT NULL",
    "CREATE INDEX sample_b_exact ON sample_b (series, source_ms) WHERE exact IS NOT NULL",
    "CREATE TABLE chunk (series {int} NOT NULL, hour_ms {int} NOT NULL, no {int} NOT NULL, stage {small} NOT NULL,"
    " count {int} NOT NULL, start_ms {int} NOT NULL, end_ms {int} NOT NULL, encoded {bytes} NOT NULL,"
    " PRIMARY KEY (series, hour_ms, no)) {by_month}",
    # Finds the oldest of a series without passing those that are kept longer.
    "CREATE INDEX chunk_age ON chunk (series, stage, hour_ms)",
    "CREATE INDEX chunk_loose ON chunk (hour_ms, series) WHERE stage = 2",
    "CREATE TABLE hour (\n  series {int} NOT NULL,\n  hour_ms {int} NOT NULL,\n  packed {bytes} NOT NULL,\n  "
    + _hour_columns()
    + ",\n  sealed_no {int} NOT NULL,\n  PRIMARY KEY (series, hour_ms) {with_packed}\n) {by_key}",
    # Chunks and minutes that could not be read: kept as they were, with the reason, for who can make something of them.
    "CREATE TABLE damaged (series {int} NOT NULL, hour_ms {int} NOT NULL, what TEXT NOT NULL, no {int} NOT NULL,"
    " reason TEXT NOT NULL, at_ms {int} NOT NULL, encoded {bytes} NOT NULL)",
    "CREATE TABLE minute (series {int} NOT NULL, hour_ms {int} NOT NULL, encoded {bytes} NOT NULL,"
    " PRIMARY KEY (series, hour_ms)) {by_month}",
]

_HOT_VIEW: Final = """
SELECT s.path, s.tag, s.unit, {iso_of_source_ms} AS time, h.source_ms AS time_ms, h.number, h.exact, h.status
FROM sample_{this} h JOIN series s ON s.series = h.series
WHERE (SELECT value FROM state WHERE name = 'turn') = {turn} OR NOT EXISTS
  (SELECT 1 FROM sample_{other} o WHERE o.source_ms = h.source_ms AND o.series = h.series)
"""

_VIEWS: Final = [
    "CREATE VIEW history_samples AS"
    + _HOT_VIEW.replace("{this}", "a").replace("{other}", "b").replace("{turn}", "0")
    + "UNION ALL"
    + _HOT_VIEW.replace("{this}", "b").replace("{other}", "a").replace("{turn}", "1"),
    """
CREATE VIEW history_hours AS
SELECT s.path, s.tag, s.unit, {iso_of_hour_ms} AS time, h.hour_ms AS time_ms,
  h.count AS samples, h.good AS good_samples,
  {min} AS minimum, CASE WHEN h.good > 0 THEN h.min_ms END AS minimum_time_ms,
  {max} AS maximum, CASE WHEN h.good > 0 THEN h.max_ms END AS maximum_time_ms,
  {mean} AS average_of_samples,
  CASE WHEN h.good_ms > 0 THEN h.area_stepped / h.good_ms END AS average_stepped,
  CASE WHEN h.good_ms > 0 THEN h.area_sloped / h.good_ms END AS average_sloped,
  {first} AS first_value, h.first_ms AS first_time_ms, h.first_status,
  {last} AS last_value, h.last_ms AS last_time_ms, h.last_status,
  h.good_ms, CASE WHEN h.last_ms > h.first_ms THEN 100.0 * h.good_ms / (h.last_ms - h.first_ms) END AS percent_good,
  h.changes
FROM hour h JOIN series s ON s.series = h.series
""",
]

STEPS: Final = [[*_TABLES, *_VIEWS]]

_SQLITE: Final = {
    "int": "INTEGER",
    "small": "INTEGER",
    "float": "REAL",
    "bytes": "BLOB",
    "number_of_series": "INTEGER PRIMARY KEY",
    "by_key": "WITHOUT ROWID",
    "with_packed": "",
    "by_month": "",
}
_POSTGRESQL: Final = {
    "int": "BIGINT",
    "small": "SMALLINT",
    "float": "DOUBLE PRECISION",
    "bytes": "BYTEA",
    "number_of_series": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "by_key": "",
    # PostgreSQL lays rows down as they come, an hour of all series together: a year of one series is 8,760 pages. Its
    # index has them in order of series, and what is read of them.
    "with_packed": "INCLUDE (packed)",
    "by_month": "PARTITION BY RANGE (hour_ms)",
}
for _name in ("source_ms", "hour_ms"):
    _SQLITE[f"iso_of_{_name}"] = (
        f"strftime('%Y-%m-%dT%H:%M:%S', h.{_name} / 1000, 'unixepoch') || printf('.%03dZ', h.{_name} % 1000)"
    )
    _POSTGRESQL[f"iso_of_{_name}"] = (
        f"to_char(to_timestamp(h.{_name} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
    )
for _name in ("min", "max", "mean", "first", "last"):  # SQLite keeps NaN as NULL by itself
    _SQLITE[_name] = f"h.{_name}"
    _POSTGRESQL[_name] = f"nullif(h.{_name}, 'NaN')"
DIALECTS: Final = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


def steps_after(version: int, dialect: str) -> list[str]:
    """SQL that brings a storage of that version to this one. Raises ValueError for a newer version."""
    if version > VERSION:
        raise ValueError(
            f"History was written by a newer Isthmus (its tables have version {version}, this one knows {VERSION}). "
            "Start that newer version again, or give this one another place by HISTORY_DATABASE_URL."
        )
    words = DIALECTS[dialect]
    return [_worded(sql, words) for step in STEPS[version:] for sql in step]


def _worded(sql: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        sql = sql.replace(f"{{{name}}}", word)
    return sql
