"""One door to where history lies, by its address."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from historian.storage.base import Storage
from historian.storage.sqlite import SqliteStorage

_POSTGRESQL: Final = ("postgres", "postgresql", "pgsql")


def open_storage(url: str, *, read_only: bool = False) -> Storage:
    """`sqlite:////absolute/file` or `postgres://user:password@host/name`. Connects at the first call of it."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and len(parts.path) > 1:
        return SqliteStorage(Path(unquote(parts.path[1:])), read_only=read_only)
    if parts.scheme in _POSTGRESQL:
        from historian.storage.postgresql import PostgresqlStorage  # a site on SQLite does not load the driver

        return PostgresqlStorage(url.replace(parts.scheme, "postgresql", 1), read_only=read_only)
    raise ValueError(f"history cannot lie at {parts.scheme or 'this address'}: give postgres:// or sqlite:///")
