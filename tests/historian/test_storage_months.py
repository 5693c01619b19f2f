"""On PostgreSQL a month in which everything is too old goes in one piece (HIS-10)."""

import psycopg
import pytest

from historian.storage.base import HOUR_MS, Retention
from historian.storage.opening import open_storage
from tests.historian.rows import T0, a_series, everything, merged, row, turned
from tests.postgres import postgres_url

__all__ = ["postgres_url"]

pytestmark = pytest.mark.slow
DAY_MS = 24 * HOUR_MS
KEPT = Retention(30 * DAY_MS, 400 * DAY_MS, 900 * DAY_MS)


def tables_of(url: str, table: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
            " WHERE inhparent = to_regclass(%s) ORDER BY 1",
            [f"history.{table}"],
        )
        return [name for (name,) in found]


def test_a_month_goes_whole_when_all_series_are_over_it_and_not_before(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("SET client_min_messages = warning")
        admin.execute("DROP SCHEMA IF EXISTS history CASCADE")
    storage = open_storage(postgres_url)
    storage.prepare()
    one, two = a_series(storage, "one", "two")
    wild = [row(one, -5 * HOUR_MS), row(one, 4_200_000_000_000)]  # a device whose clock is nobody's
    storage.write([*wild, *(row(s, T0 + n * 30 * DAY_MS) for s in (one, two) for n in range(3))], None)
    turned(storage)
    merged(storage)
    assert {"chunk_2000_01", "chunk_2026_09", "chunk_2026_10", "chunk_2026_11", "chunk_2100_01"} <= set(
        tables_of(postgres_url, "chunk")
    )
    now = T0 + 80 * DAY_MS  # in December: September and October are over by 30 days

    assert storage.expire({one: KEPT}, now, 100) >= 1  # the other series is not named
    assert "chunk_2026_09" in tables_of(postgres_url, "chunk")
    assert len(everything(storage, [two])[two]) == 3
    storage.expire({one: KEPT, two: KEPT}, now, 100)

    assert {"chunk_2000_01", "chunk_2026_09", "chunk_2026_10"}.isdisjoint(tables_of(postgres_url, "chunk"))
    assert "minute_2026_09" in tables_of(postgres_url, "minute")
    assert [len(rows) for rows in storage.read([one, two], 0, now).values()] == [1, 1]
    assert len(storage.hours([two], T0, now)[two]) == 3
    assert storage.usage().samples == 3

    storage.write([row(two, T0 + 5)], None)  # late, into a month that is gone
    turned(storage)
    assert len(storage.read([two], T0, T0 + 9)[two]) == 1
    storage.close()
