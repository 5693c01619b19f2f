"""History for tests of pages: a file of its own with what a test says was recorded."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from devices.current import current_snapshot
from devices.models import Tag
from historian.configuration import key_of
from historian.samples import Row
from historian.storage.opening import open_storage

Point = tuple[int, float | None, int]
"""(ms UTC, value, status)."""


def keep(settings: Any, folder: Path) -> str:
    """From now on history lies in this folder; its tables are there, and empty."""
    settings.HISTORY_DATABASE_URL = f"sqlite:///{folder / 'history.sqlite3'}"
    storage = open_storage(settings.HISTORY_DATABASE_URL)
    storage.prepare()
    storage.close()
    return str(settings.HISTORY_DATABASE_URL)


def record(url: str, tag: Tag, points: Iterable[Point]) -> None:
    entry = current_snapshot().tags[tag.pk]
    storage = open_storage(url)
    key = key_of(entry)
    number = storage.add_series({key: entry.path})[key]
    rows: list[Row] = [(ms, number, value, None, status, ms) for ms, value, status in points]
    storage.write(rows, None)
    storage.close()
