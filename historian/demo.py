"""History of the demo plant for the 30 days before its first start: blocks of a simulated month through the recording
that makes the real one, packed as sealed hours.

All of it is held in memory, about 60 MB, and written in one transaction with the note until when history is simulated:
it is there, or it is not, whenever the process was killed. It ends before the first real sample of each series.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from bus.messages import Block
from historian import chunks
from historian.configuration import Configuration
from historian.recording import Recording
from historian.samples import Row, Samples, joined
from historian.series import Rule
from historian.storage.base import HOUR_MS, Chunk, Sealed, Storage
from historian.summary import FIELDS, Summaries, summarise

PACK_ROWS: Final = 200_000
"""So many rows are packed together."""
OPEN_MS: Final = 9 * HOUR_MS
"""An hour is packed so long after it: until then recording may still tell a point of it. What comes later is merged."""
NEWCOMER_MS: Final = HOUR_MS
"""A history that reaches further back than this is a real one, and gets nothing put before it."""
WRITE_HOURS: Final = 4096
SEAM_MS: Final = 1000
"""So long before the real history the simulated one ends, with a marker that no line is drawn across."""


def begins_ms(storage: Storage, now_ms: int) -> int | None:
    """Where real history begins, so that a simulated one may stand before. None: it may not, there is a long one.

    Raises StorageAway.
    """
    first_ms = storage.usage().first_ms
    if first_ms is None:
        return now_ms
    return None if first_ms < now_ms - NEWCOMER_MS else min(now_ms, first_ms)


class DemoHistory:
    """take() blocks of one scan group, then end(), then write(). `numbers`: series of the tags in `wanted`."""

    def __init__(
        self, configuration: Configuration, tags: Collection[int], group: tuple[str, int], storage: Storage
    ) -> None:
        wanted = {pk: configuration.wanted[pk] for pk in tags if pk in configuration.wanted}
        numbers = storage.add_series({w.key: w.path for w in wanted.values()})
        rules: dict[int, Rule] = {pk: replace(w.rule, series=numbers[w.key]) for pk, w in wanted.items()}
        self._recording = Recording(rules, dict.fromkeys(rules, group))
        self._rows: list[Row] = []
        self._packed: dict[tuple[int, int], _Packed] = {}
        self.samples = 0

    def take(self, block: Block) -> None:
        self._rows += self._recording.take(block)
        if len(self._rows) >= PACK_ROWS:
            self._pack(block.read_at_ms - OPEN_MS)

    def end(self, at_ms: int) -> None:
        """The lines end here: what follows is another plant's, the real one."""
        self._rows += self._recording.stop(at_ms)
        self._pack(at_ms + 2 * HOUR_MS)

    def write(self, storage: Storage, before_ms: int) -> bool:
        """All of it, or nothing: False where there is such a history already. Raises StorageAway."""
        series = sorted({number for number, _ in self._packed})
        first = {number: int(found.times[0]) for number, found in storage.after(series, -(2**62)).items()}
        return storage.put_before(self._portions(first), before_ms)

    def _portions(self, first_ms: Mapping[int, int]) -> Iterator[Sequence[Sealed]]:
        """Hour by hour, each up to the first real sample of its series."""
        portion: list[Sealed] = []
        for key in sorted(self._packed, key=lambda key: key[::-1]):
            packed = _until(key, self._packed[key], first_ms.get(key[0], 2**62))
            if packed is not None:
                portion.append(_sealed(key, packed))
            if len(portion) >= WRITE_HOURS:
                yield portion
                portion = []
        yield portion

    def _pack(self, before_ms: int) -> None:
        """Rows of hours that begin before then."""
        limit_ms = before_ms // HOUR_MS * HOUR_MS
        ready = [row for row in self._rows if row[0] < limit_ms]
        self._rows = [row for row in self._rows if row[0] >= limit_ms]
        for series, samples in _by_series(ready):
            self._pack_series(series, samples)

    def _pack_series(self, series: int, samples: Samples) -> None:
        hours = samples.times // HOUR_MS
        edges = (np.flatnonzero(hours[1:] != hours[:-1]) + 1).tolist()
        summaries = summarise(samples, HOUR_MS).rows
        for place, (low, high) in enumerate(pairwise([0, *edges, len(samples)])):
            part, key = samples.part(slice(low, high)), (series, int(hours[low]) * HOUR_MS)
            before = self._packed.get(key)
            if before is None:
                self._packed[key] = _packed(part, summaries[place : place + 1].tobytes())
            else:
                part = joined([chunks.decode(before[3]), part])
                self._packed[key] = _packed(part)
                self.samples -= before[0]
            self.samples += len(part)


def _by_series(rows: Sequence[Row]) -> Iterator[tuple[int, Samples]]:
    """As of_rows() of each series, in columns. Of two with the same source time the later in `rows` is the truth."""
    if not rows:
        return
    times, numbers_of, numbers, _, statuses, server_ms = zip(*rows, strict=True)
    columns = (
        np.array(numbers_of, np.int64), np.array(times, np.int64), np.array(numbers, np.float64),
        np.array(statuses, np.uint32), np.array(server_ms, np.int64),
    )  # fmt: skip
    order = np.lexsort((columns[1], columns[0]))  # keeps the order of equal ones
    series, ms = columns[0][order], columns[1][order]
    order = order[np.append((series[1:] != series[:-1]) | (ms[1:] != ms[:-1]), True)]
    series = columns[0][order]
    with_texts = {row[1] for row in rows if row[3] is not None}
    edges = (np.flatnonzero(series[1:] != series[:-1]) + 1).tolist()
    for low, high in pairwise([0, *edges, len(series)]):
        number, places = int(series[low]), order[low:high]
        exact: dict[int, str] = {}
        if number in with_texts:
            told = [rows[place] for place in places.tolist()]
            exact = {row[0]: row[3] for row in told if row[3] is not None}
        _, ms, values, status, server = (column[places] for column in columns)
        yield number, Samples(ms, values, status, server, exact)


_Packed = tuple[int, int, int, bytes, bytes]
"""Samples of an hour: how many, first and last time, encoded, summary. A hundred thousand of these are held, and as
tuples of plain values the collector of garbage passes them by."""


def _packed(samples: Samples, summary: bytes = b"") -> _Packed:
    """Packed loosely: of few samples that takes hardly more room, and a twentieth of the time."""
    summary = summary or summarise(samples, HOUR_MS).rows.tobytes()
    return len(samples), int(samples.times[0]), int(samples.times[-1]), chunks.encode_loosely(samples), summary


def _until(key: tuple[int, int], packed: _Packed, before_ms: int) -> _Packed | None:
    """What of it lies before then."""
    if packed[2] < before_ms:
        return packed
    samples = chunks.decode(packed[3]).between(key[1], before_ms)
    return _packed(samples) if len(samples) else None


def _sealed(key: tuple[int, int], packed: _Packed) -> Sealed:
    """Number 0: whatever is recorded of this hour comes later, and is the truth."""
    count, first_ms, last_ms, encoded, summary = packed
    chunk = Chunk(*key, 0, count, first_ms, last_ms, encoded)
    return Sealed(chunk, 0, Summaries(np.frombuffer(summary, FIELDS)), None)
