"""What was recorded of some tags, as a file: of any length, and there whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from devices.snapshot import Snapshot
from historian.export import batches
from historian.export.batches import Batch, Source
from historian.export.csv_lines import csv_lines
from historian.query import Query
from historian.storage.base import Storage

FORMATS: Final = ("csv", "parquet")


class NothingRecorded(ValueError):
    """The sentence says of which tag."""


def sources_of(storage: Storage, plant: Snapshot, names: Sequence[str]) -> list[Source]:
    """`names`: paths of tags as they are now; of tags that are gone the path they had, or their uuid. Everything that
    was recorded of each, under whatever unit. Raises NothingRecorded."""
    series, paths = storage.series(), storage.paths()
    found: dict[int, Source] = {}
    for name in names:
        tag = plant.tag(name)
        uuids = {name.lower()} if tag is None else {tag.uuid}
        if tag is None:
            uuids |= {key.tag for key, number in series.items() if paths[number].lower() == name.lower()}
        of_tag = sorted((number, key) for key, number in series.items() if key.tag in uuids)
        if not of_tag:
            raise NothingRecorded(
                f"Nothing was recorded of '{name}'. Give the path of a tag, as the tag list shows it."
            )
        for number, key in of_tag:
            path = paths[number] if tag is None else tag.path
            found[number] = Source(path, key.tag, key.kind, key.unit, number)
    return list(found.values())


def export(
    storage: Storage, sources: Sequence[Source], from_ms: int, to_ms: int, zone: ZoneInfo, form: str, file: Path
) -> int:
    """Returns how many samples. What fails leaves no file; one that is there is replaced at the end."""
    counted = _Counted(batches.raw(Query(storage), sources, from_ms, to_ms))
    parts = _writer(form, sources, zone, from_ms, to_ms)(iter(counted))
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with unfinished.open("wb") as out:
            for part in parts:
                out.write(part)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return counted.rows


class _Counted:
    def __init__(self, found: Iterator[Batch]) -> None:
        self._found = found
        self.rows = 0

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._found:
            self.rows += len(batch)
            yield batch


def _writer(
    form: str, sources: Sequence[Source], zone: ZoneInfo, from_ms: int, to_ms: int
) -> Callable[[Iterator[Batch]], Iterator[bytes]]:
    if form == "csv":
        return lambda found: csv_lines(found, zone)
    from historian.export.arrow import Layout, parquet  # tens of MB, which the other commands do without

    about = {
        "from": _utc(from_ms), "to": _utc(to_ms), "zone": zone.key, "mode": "raw",
        "made": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }  # fmt: skip
    layout = Layout(sources, zone, about=about)
    return lambda found: parquet(found, layout)


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
