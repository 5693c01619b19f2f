"""The test database as a file, as sites have it: the usual one in memory locks whole tables and knows no WAL."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection


@pytest.fixture
def file_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """For tests with threads that read and write at once. Every thread closes its connection itself."""
    if connection.vendor != "sqlite" or not connection.is_in_memory_db():  # type: ignore[attr-defined]  # SQLite's
        yield
        return
    settings = connection.settings_dict
    in_memory = str(settings["NAME"])
    kept = sqlite3.connect(in_memory, uri=True)  # what lives in memory ends with its last connection
    path = tmp_path / "config.sqlite3"
    copy = sqlite3.connect(path)
    kept.backup(copy)
    copy.close()
    settings["NAME"] = str(path)
    _reconnect()
    try:
        yield
    finally:
        settings["NAME"] = in_memory
        _reconnect()
        kept.close()


def _reconnect() -> None:
    connection._close()  # type: ignore[attr-defined]  # close() leaves a database in memory open
    connection.connection = None
    connection.connect()
