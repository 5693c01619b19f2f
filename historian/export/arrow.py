"""Portions as Arrow (IPC stream) and Parquet, for pandas, DuckDB, Spark: times in the zone, numbers as stored."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bus.quality import Severity
from historian.aggregate import Aggregate
from historian.export.batches import Batch, Source

ROW_GROUP: Final = 131_072
"""Rows of a Parquet file that are packed together; what waits for it is all that is held."""
_QUALITIES: Final = [level.name.lower() for level in Severity]


class Layout:
    """Columns of one file. Words that repeat stand in it once, and each row names its own by number."""

    def __init__(
        self, sources: Sequence[Source], zone: ZoneInfo, *, of_aggregates: bool = False, about: Mapping[str, str]
    ) -> None:
        self._words = {
            "path": list(dict.fromkeys(source.path for source in sources)),
            "unit": list(dict.fromkeys([*(source.unit for source in sources), *(["", "ms", "%"] * of_aggregates)])),
            "quality": _QUALITIES,
            "aggregate": [kind.value for kind in Aggregate],
        }
        self._dictionaries = {name: pa.array(words, pa.string()) for name, words in self._words.items()}
        word, when = pa.dictionary(pa.int16(), pa.string()), pa.timestamp("ms", tz=zone.key)
        fields = [pa.field("path", word, nullable=False)]
        if of_aggregates:
            fields += [pa.field("aggregate", word), pa.field("interval_from", when), pa.field("interval_to", when)]
        fields += [
            pa.field("time", when, nullable=False), pa.field("number", pa.float64()), pa.field("exact", pa.string()),
            pa.field("unit", word), pa.field("status", pa.uint32(), nullable=False), pa.field("quality", word),
        ]  # fmt: skip
        self.schema = pa.schema(fields, metadata={f"isthmus.{name}": text for name, text in about.items()})

    def record(self, batch: Batch) -> Any:
        size = len(batch)
        severities = np.minimum(batch.statuses >> 30, len(_QUALITIES) - 1)
        columns = {
            "path": self._same("path", batch.source.path, size),
            "time": batch.times,
            "number": pa.array(batch.numbers, pa.float64(), mask=np.isnan(batch.numbers)),
            "exact": pa.array([batch.exact.get(n) for n in range(size)], pa.string())
            if batch.exact
            else pa.nulls(size, pa.string()),
            "unit": self._same("unit", batch.unit, size),
            "status": pa.array(batch.statuses, pa.uint32()),
            "quality": self._named("quality", severities),
        }
        if batch.aggregate:
            columns |= {"interval_from": batch.starts, "interval_to": batch.ends}
            columns["aggregate"] = self._same("aggregate", batch.aggregate, size)
        arrays = [
            pa.array(columns[field.name]).cast(field.type) if pa.types.is_timestamp(field.type) else columns[field.name]
            for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _same(self, name: str, word: str, size: int) -> Any:
        return self._named(name, np.full(size, self._words[name].index(word)))

    def _named(self, name: str, places: Any) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int16)), self._dictionaries[name])


class _Outlet(io.RawIOBase):
    """A file that is never there whole: what was written is taken away portion by portion."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._at += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def arrow_stream(batches: Iterable[Batch], layout: Layout) -> Iterator[bytes]:
    outlet = _Outlet()
    writer = pa.ipc.new_stream(outlet, layout.schema)
    yield outlet.taken()
    for batch in batches:
        writer.write_batch(layout.record(batch))
        yield outlet.taken()
    writer.close()
    yield outlet.taken()


def parquet(batches: Iterable[Batch], layout: Layout) -> Iterator[bytes]:
    """A reader finds nothing in a file that breaks off: its table of contents comes last."""
    outlet = _Outlet()
    writer = pq.ParquetWriter(outlet, layout.schema, compression="zstd")
    yield outlet.taken()
    for group in _groups(layout.record(batch) for batch in batches):
        writer.write_table(pa.Table.from_batches(group, layout.schema), row_group_size=ROW_GROUP * 8)
        yield outlet.taken()
    writer.close()
    yield outlet.taken()


def _groups(records: Iterable[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    rows = 0
    for record in chain(records, [None]):
        if group and (record is None or rows >= ROW_GROUP):
            yield group
            group, rows = [], 0
        if record is not None:
            group.append(record)
            rows += record.num_rows
