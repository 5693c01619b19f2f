"""Storages of both engines for tests: each test finds an empty one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from historian.storage import postgresql
from historian.storage.base import Storage
from historian.storage.opening import open_storage
from tests.postgres import postgres_url

__all__ = ["ENGINES", "another", "history_url", "postgres_url", "storage"]

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(params=ENGINES)
def history_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """On PostgreSQL nearly each writing tries the straight way first."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.sqlite3'}"
    monkeypatch.setattr(postgresql, "_MERGES", 1)
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA IF EXISTS history CASCADE")
    return url


@pytest.fixture
def storage(history_url: str) -> Iterator[Storage]:
    made = open_storage(history_url)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def another(history_url: str) -> Iterator[Callable[..., Storage]]:
    """Opens the same history once more, as another process would."""
    opened: list[Storage] = []

    def open_it(*, read_only: bool = True) -> Storage:
        opened.append(open_storage(history_url, read_only=read_only))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()
