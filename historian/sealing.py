"""Keeping house over a storage: hot rows become chunks, past hours are sealed, what is too old goes (HIS-08, HIS-10).

Every step is one short transaction of the storage, and what lies between two steps is only in memory: killed at any
point, the next one begins again with what is stored, and comes to the same.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from historian import chunks
from historian.samples import Row, Samples, joined
from historian.storage.base import HOUR_MS, Chunk, Retention, Sealed, Storage, StorageAway, StorageDamaged
from historian.summary import summarise

log = structlog.get_logger(__name__)

MOST_HOT: Final = 300_000
"""Rows after which the hot tables change turns: what fits into the database's memory is written fast."""
TURN_AFTER_MS: Final = 30_000
"""So long after its end an hour's rows stay hot: readers and late samples of the last scan are quickest there."""
SEAL_AFTER_MS: Final = 11 * 60_000
"""So long after its end an hour is sealed: a link that was lost for ten minutes has handed over what it kept."""
FEW: Final = 1000
"""Samples in an hour up to which minutes would take more room than the samples; those are kept as long instead."""
MINUTE_MS: Final = 60_000
_LOOK_S: Final = 5.0
_EXPIRE_S: Final = 60.0
_AT_ONCE: Final = 32
"""Hours sealed, or rows looked for, in one transaction."""
_EXPIRE_AT_ONCE: Final = 500
_CHUNKS_AT_ONCE: Final = 2000
_QUEUE: Final = 4096
_LATE: Final = "It can be read, but came after the hour was sealed, and the chunk of that is damaged."


class Housekeeper:
    def __init__(
        self, storage: Storage, now_ms: Callable[[], int], retention: Callable[[], Mapping[int, Retention]]
    ) -> None:
        self._storage = storage
        self._now_ms = now_ms
        self._retention = retention
        self._packing: Iterator[None] | None = None
        self._to_seal: Iterator[tuple[int, int]] = iter(())
        self._failed: set[tuple[int, int]] = set()
        self._turned_for: int | None = None
        self._rests = True
        """The resting table may hold rows: of a process that was killed before it had packed them."""
        self._looked_s = self._expired_s = -float("inf")

    def work(self, budget_s: float) -> bool:
        """About so long of what is due. True: there is more.

        Raises StorageAway: what was not written is tried again.
        """
        until = monotonic() + budget_s
        if self._pack(until) or self._turn(until):
            return True
        has_more = self._expire()  # a little each time, before the sealing: a full disk must not wait for it
        while self._seal(until):
            if monotonic() >= until:
                return True
        return has_more

    # -- hot rows to chunks

    def _turn(self, until: float) -> bool:
        """True: what rests now is not packed yet."""
        hour = (self._now_ms() - TURN_AFTER_MS) // HOUR_MS
        is_over = self._turned_for != hour
        if not is_over and monotonic() - self._looked_s < _LOOK_S:
            return False
        self._looked_s = monotonic()
        hot = self._storage.usage().hot_rows
        if hot > (0 if is_over else MOST_HOT):
            self._rests = True  # first: it may have turned although the answer did not come
            self._storage.turn()
        self._turned_for = hour
        return self._pack(until)

    def _pack(self, until: float) -> bool:
        """The resting table, in portions of the time there is. True: it is not finished."""
        if not self._rests:
            return False
        if self._packing is None:
            self._packing = self._packed()
        try:
            for _ in self._packing:
                if monotonic() >= until:
                    return True
        except BaseException:
            self._packing = None  # the rows are still there, and are packed from the beginning
            raise
        self._packing = None
        self._rests = False
        return False

    def _packed(self) -> Iterator[None]:
        """Takes a breath after each few milliseconds. Rows are columns at once: as tuples they would be 100 MB."""
        columns: list[Sequence[NDArray[np.generic]]] = []
        exact: dict[int, dict[int, str]] = {}
        for portion in self._storage.resting_rows():
            columns.append(_columns(portion))
            for ms, series, _number, text, _status, _server_ms in portion:
                if text is not None:
                    exact.setdefault(series, {})[ms] = text
            yield
        if not columns:
            return
        made = []
        for series, hour_ms, samples in _by_hours(columns, exact):
            encoded = chunks.encode_loosely(samples)
            made.append(_chunk(series, hour_ms, samples, encoded))
            if len(made) % 64 == 0:
                yield
        # In portions: the recorder waits while one is written, and those of ten thousand series take 200 ms.
        while len(made) > _CHUNKS_AT_ONCE:
            self._storage.chunked(made[:_CHUNKS_AT_ONCE], is_last=False)
            del made[:_CHUNKS_AT_ONCE]
            yield
        self._storage.chunked(made)

    # -- past hours

    def _seal(self, until: float) -> bool:
        """A few hours of a few series. True: there are more."""
        keys = list(itertools.islice(self._to_seal, _AT_ONCE))
        if not keys:
            due = self._storage.unmerged_hours(self._now_ms() - SEAL_AFTER_MS, _QUEUE)
            self._to_seal = iter([key for key in due if key not in self._failed])
            keys = list(itertools.islice(self._to_seal, _AT_ONCE))
        made = []
        for place, (series, hour_ms) in enumerate(keys):
            sealed = self._sealed(series, hour_ms)
            if sealed is not None:
                made.append(sealed)
            if monotonic() >= until:
                self._to_seal = itertools.chain(keys[place + 1 :], self._to_seal)
                break
        if made:
            self._storage.seal(made)
        return bool(keys)

    def _sealed(self, series: int, hour_ms: int) -> Sealed | None:
        """An hour that raises what nobody expected is left as it is until the next start; others do not wait for it."""
        try:
            return seal(self._storage, series, hour_ms, self._now_ms())
        except (StorageAway, StorageDamaged):
            raise
        except Exception:
            self._failed.add((series, hour_ms))
            log.exception("history_hour_not_sealed", series=series, hour_ms=hour_ms)
            return None

    def _expire(self) -> bool:
        if monotonic() - self._expired_s < _EXPIRE_S:
            return False
        gone = self._storage.expire(self._retention(), self._now_ms(), _EXPIRE_AT_ONCE)
        if gone < _EXPIRE_AT_ONCE:
            self._expired_s = monotonic()
        return gone >= _EXPIRE_AT_ONCE


def seal(storage: Storage, series: int, hour_ms: int, now_ms: int) -> Sealed | None:
    """What all chunks of an hour become. One that cannot be read is put aside with the reason, and is in nobody's way.

    None: nothing is left to seal. So it is too where the chunk that the hour was sealed in is damaged: its summary is
    all there is of most of the hour, and one of what came late alone would be untrue. What came late is put aside too.
    """
    found = storage.chunks(series, hour_ms)
    read, damaged = [], []
    for chunk in found:
        try:
            read.append((chunk, _read(chunk)))
        except chunks.DamagedChunk as error:
            damaged.append((chunk, str(error)))
    if damaged and any(chunk.no in storage.filed(series, hour_ms).sealed for chunk, _ in damaged):
        damaged += [(chunk, _LATE) for chunk, _ in read]
        read = []
    for chunk, reason in damaged:
        storage.put_aside(series, hour_ms, chunk.no, reason, now_ms)
        log.error("history_chunk_put_aside", series=series, hour_ms=hour_ms, no=chunk.no, reason=reason)
    return sealed_of(series, hour_ms, joined([samples for _, samples in read]), found[-1].no) if read else None


def sealed_of(series: int, hour_ms: int, samples: Samples, up_to_no: int) -> Sealed:
    """`samples`: at least one, all within the hour."""
    minutes = summarise(samples, MINUTE_MS) if len(samples) > FEW else None
    chunk = _chunk(series, hour_ms, samples, chunks.encode(samples))
    return Sealed(chunk, up_to_no, summarise(samples, HOUR_MS), minutes)


def _read(chunk: Chunk) -> Samples:
    """Raises DamagedChunk, also where its samples are not of its hour: they would make that untrue. Where only the row
    is wrong about them, sealing makes it right."""
    samples = chunks.decode(chunk.encoded)
    problem = None if len(samples) else "It holds no samples."
    problem = problem or outside(chunk, samples)
    if problem is not None:
        raise chunks.DamagedChunk(problem)
    return samples


def outside(chunk: Chunk, samples: Samples) -> str | None:
    """A sentence, where not all samples are of the hour."""
    first, last = int(samples.times[0]), int(samples.times[-1])
    if first < chunk.hour_ms or last >= chunk.hour_ms + HOUR_MS:
        return f"Its samples from {first} to {last} do not lie in its hour, which begins at {chunk.hour_ms}."
    return None


def _chunk(series: int, hour_ms: int, samples: Samples, encoded: bytes) -> Chunk:
    return Chunk(series, hour_ms, 0, len(samples), int(samples.times[0]), int(samples.times[-1]), encoded)


def _columns(portion: Sequence[Row]) -> Sequence[NDArray[np.generic]]:
    times, series, numbers, _exact, statuses, server_ms = zip(*portion, strict=True)
    return (
        np.array(series, np.int64), np.array(times, np.int64), np.array(numbers, np.float64),
        np.array(statuses, np.uint32), np.array(server_ms, np.int64),
    )  # fmt: skip


def _by_hours(
    columns: Sequence[Sequence[NDArray[np.generic]]], exact: Mapping[int, Mapping[int, str]]
) -> Iterator[tuple[int, int, Samples]]:
    series, times, numbers, statuses, server_ms = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    order = np.lexsort((times, series))
    series, times, numbers, statuses, server_ms = (c[order] for c in (series, times, numbers, statuses, server_ms))
    hours = times // HOUR_MS * HOUR_MS
    edges = np.flatnonzero((series[1:] != series[:-1]) | (hours[1:] != hours[:-1])) + 1
    bounds = [0, *edges.tolist(), len(series)]
    for low, high in itertools.pairwise(bounds):
        part, number = slice(low, high), int(series[low])
        texts = exact.get(number, {})
        if texts:
            texts = {ms: texts[ms] for ms in times[part].tolist() if ms in texts}
        yield number, int(hours[low]), Samples(times[part], numbers[part], statuses[part], server_ms[part], texts)
