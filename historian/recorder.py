"""The historian as a process: every sample of the stream into its series, exactly once (HIS-11).

The stream is read on one side; rows are written on the other, in order. Rows that cannot be written wait in memory,
then in the spool on the disk, then in the stream itself, which reaches back a quarter of an hour. Only behind that
something is lost, and that is counted. With rows goes, in the same transaction, about every SAVE_S what the recorder
needs to go on from there: after a kill it says the rows since then again, and a row said twice is one.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis

from bus.client import BusError
from bus.following import Anew, Entries, Following, Idle, Lost, Mark
from bus.latest import read_latest
from bus.messages import FULL, Block
from bus.process import Heartbeat
from bus.roles import HISTORIAN
from historian.configuration import Configuration, load
from historian.housekeeping import Housekeeping
from historian.recording import BadState, Recording
from historian.samples import Row
from historian.series import Rule, SeriesKey
from historian.spool import Batch, Spool, SpoolFull
from historian.storage.base import Memory, Retention, Storage, StorageAway
from plant.watching import RevisionWatch

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

FLUSH_S: Final = 1.0
FLUSH_ROWS: Final = 20_000
SAVE_S: Final = 5.0
MEMORY_ROWS: Final = 200_000
"""So many rows may wait in memory; then they go to the spool."""
SPOOL_AFTER_S: Final = 30.0
"""Nor longer than this, while the database is away: a kill would have to say them again from ever further back."""
RETRY_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
LAST_WORDS_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Where history and its spool lie. `open_storage` gives a Storage for the thread that calls it."""

    open_storage: Callable[[], Storage]
    spool: Path
    spool_bytes: int


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Recorder:
    def __init__(
        self, client: Redis, kept: Kept, watch: Callable[..., RevisionWatch[Configuration]] = RevisionWatch
    ) -> None:
        self._client = client
        self._watch = watch(client, load, self._configure)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._open_storage = kept.open_storage
        self._storage: Storage | None = None
        self._spool = Spool(kept.spool, kept.spool_bytes)
        self._housekeeping = Housekeeping(kept.open_storage, self._retention)
        self._newest: Configuration | None = None
        self._applied: Configuration | None = None
        self._is_configured = asyncio.Event()
        self._series: dict[SeriesKey, int] = {}
        self._recording: Recording | None = None
        self._following: Following | None = None
        self._owed: set[int] = set()
        """Tags that are recorded from now on: one that stands still would not come by itself."""
        self._rows: list[Row] = []
        self._batches: deque[Batch] = deque()
        self._has_batches = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._said_stands = False
        self._waiting_rows = 0
        self._flushed_at = time.monotonic()
        self._saved_at = -SAVE_S
        """At the first chance: a start that is killed without a place would begin with the newest values again."""
        self._reached_ms = 0
        self._is_unread = False
        """An epoch ended, and how much of it nobody has read is not known before the next one speaks."""
        self._why_away = ""
        self._away_since_s = 0.0
        self._missed_at_s: float | None = None
        self.written = self.missed_ms = self.put_aside = 0

    async def run(self) -> None:
        """Until cancelled; then what waits is written or spooled."""
        heartbeat = Heartbeat(self._client, HISTORIAN, revision=self._revision, detail=self.figures)
        parts = [heartbeat.run(), self._watch.run(), self._record(), self._write(), self._housekeeping.run()]
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
        finally:
            await self._end()

    async def _end(self) -> None:
        """A stop is no kill: the next start has nothing to say again."""
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                if self._recording is not None:
                    self._flush(is_save=True)
                while self._batches:
                    if not await self._write_first():
                        break
        except TimeoutError:
            log.warning("the end was not written; the next start records it again")
        finally:
            await self._watch.close()
            await self._housekeeping.close()
            self._thread.submit(self._close)
            self._thread.shutdown(wait=True)

    def _close(self) -> None:
        self._spool.close()
        if self._storage is not None:
            self._storage.close()

    # -- what it says of itself

    def _revision(self) -> int:
        return self._applied.revision if self._applied is not None else 0

    def figures(self) -> dict[str, Any]:
        recording, following, missed = self._recording, self._following, self._missed_at_s
        return {
            "tags": len(self._applied.wanted) if self._applied is not None else 0,
            "rows": self.written,
            "behind_ms": max(0, now_ms() - self._reached_ms) if self._reached_ms else 0,
            "waiting": self._waiting_rows + len(self._rows),
            "spooled_bytes": self._spool.size_bytes,
            "storage": "away" if self._why_away else "held",
            "why_away": self._why_away,
            "stands": not self._has_room.is_set(),
            "missed_ms": self.missed_ms,
            "missed_age_ms": None if missed is None else round((time.monotonic() - missed) * 1000),
            "late": recording.late if recording else 0,
            "clamped": recording.clamped if recording else 0,
            "put_aside": self.put_aside + (following.put_aside if following else 0),
            **self._housekeeping.figures(),
        }

    def _retention(self) -> Mapping[int, Retention]:
        configuration, series = self._applied, self._series
        if configuration is None:
            return {}
        of, standard = configuration.retention_of, configuration.retention
        return {number: of.get(key.tag, standard) for key, number in series.items()}

    # -- the configuration

    def _configure(self, configuration: Configuration) -> None:
        self._newest = configuration
        self._is_configured.set()

    async def _adopt(self) -> None:
        """Record by the newest configuration, as soon as the storage has numbers for its series."""
        newest, recording = self._newest, self._recording
        if newest is None or newest is self._applied or recording is None:
            return
        missing = {w.key: w.path for w in newest.wanted.values() if w.key not in self._series}
        if missing:
            try:
                self._series |= await self._in_thread(lambda: self._opened().add_series(missing))
            except StorageAway as error:
                self._say_away(str(error))
                return  # at the next reading; until then by the configuration before
        before = self._applied
        rules, groups = self._rules_of(newest)
        self._rows += recording.configure(rules, groups)
        self._applied = newest
        known = {} if before is None else {pk: w.key for pk, w in before.wanted.items()}
        self._owed |= {pk for pk, w in newest.wanted.items() if known.get(pk) != w.key}
        log.info("recording by a new configuration", revision=newest.revision, tags=len(rules))

    def _rules_of(self, configuration: Configuration) -> tuple[dict[int, Rule], dict[int, tuple[str, int]]]:
        wanted = configuration.wanted
        rules = {pk: replace(w.rule, series=self._series[w.key]) for pk, w in wanted.items()}
        return rules, {pk: (w.group, w.scan_ms) for pk, w in wanted.items()}

    # -- the stream

    async def _record(self) -> None:
        await self._is_configured.wait()
        memory = await self._insist(self._begin)
        recording = self._begun(memory)
        place = None if memory is None else Mark(memory.epoch, memory.entry_id)
        seqs = None if memory is None else dict(memory.seqs)
        self._following = following = Following(self._client, place, seqs, from_first=True)
        async for event in following.events():
            await self._adopt()
            self._take(recording, event)
            await self._pay(recording, is_all_read=isinstance(event, Idle))
            self._flush_sometimes()
            await self._has_room.wait()
            await asyncio.sleep(0)

    def _begin(self) -> Memory | None:
        """What waits in the spool is newer than what the database has."""
        storage = self._opened()
        storage.prepare()
        assert self._newest is not None
        self._series = storage.series()
        self._series |= storage.add_series({w.key: w.path for w in self._newest.wanted.values()})
        return self._spool.last_memory() or storage.memory()

    def _begun(self, memory: Memory | None) -> Recording:
        assert self._newest is not None
        self._applied = self._newest
        recording = Recording(*self._rules_of(self._newest))
        if memory is not None:
            try:
                recording.restore(memory.recording)
            except BadState as error:
                log.warning("recording begins anew", reason=str(error))
            self._reached_ms = _ms_of(memory.entry_id)
        self._recording = recording
        self._owed = recording.unheard()
        return recording

    def _take(self, recording: Recording, event: Entries | Anew | Idle | Lost) -> None:
        match event:
            case Entries():
                if self._is_unread and event.blocks:
                    self._note_missed(min(block.read_at_ms for _, block in event.blocks))
                    self._is_unread = False
                for _, block in event.blocks:
                    self._take_block(recording, block)
                self._reached_ms = _ms_of(event.cursor)
            case Anew(is_whole=True):
                log.info("recording goes on with a new epoch", reason=event.reason)
                self._rows += recording.began_anew(self._reached_ms)
                self._is_unread, self._saved_at = True, -SAVE_S
            case Anew():
                self._note_missed(_ms_of(event.mark.entry_id))
                log.info("recording goes on with the newest values", reason=event.reason, groups=len(event.blocks))
                self._rows += recording.began_anew(self._reached_ms)
                for block in event.blocks:
                    self._take_block(recording, block)
                self._reached_ms = _ms_of(event.mark.entry_id) or self._reached_ms  # an empty Redis has no place yet
                self._saved_at = -SAVE_S
            case Lost():
                log.warning("bus lost", reason=event.reason)

    def _take_block(self, recording: Recording, block: Block) -> None:
        self._record_block(recording.take, block)

    def _record_block(self, record: Callable[[Block], list[Row]], block: Block) -> None:
        try:
            self._rows += record(block)
        except Exception:
            self.put_aside += 1
            log.exception("a block could not be recorded", group=block.group, seq=block.seq)

    def _note_missed(self, goes_on_ms: int) -> None:
        """From the place it was at to where it goes on. At the first start there is no place."""
        if self._reached_ms and goes_on_ms > self._reached_ms:
            self.missed_ms += goes_on_ms - self._reached_ms
            self._missed_at_s = time.monotonic()

    async def _pay(self, recording: Recording, *, is_all_read: bool) -> None:
        if not is_all_read or not self._owed:
            return
        try:
            latest = await read_latest(self._client)
        except BusError:
            return  # at the next reading
        for block in latest.values():
            places = [n for n, tag in enumerate(block.ids) if tag in self._owed]
            if places:
                self._record_block(recording.begin, _part(block, places))
        self._owed.clear()

    # -- rows

    def _flush_sometimes(self) -> None:
        now = time.monotonic()
        is_save = now - self._saved_at >= SAVE_S
        if is_save or len(self._rows) >= FLUSH_ROWS or (self._rows and now - self._flushed_at >= FLUSH_S):
            self._flush(is_save=is_save)

    def _flush(self, *, is_save: bool) -> None:
        rows, self._rows = self._rows, []
        now = time.monotonic()
        self._flushed_at = now
        memory = None
        if is_save and self._following is not None and self._recording is not None:
            self._saved_at = now
            mark = self._following.mark
            memory = Memory(mark.epoch, mark.entry_id, dict(self._following.seqs), self._recording.dump())
        if rows or memory is not None:
            self._batches.append(Batch(rows, memory))
            self._waiting_rows += len(rows)
            self._has_batches.set()
        if self._waiting_rows > 2 * MEMORY_ROWS:
            self._has_room.clear()

    async def _write(self) -> None:
        """Batches in order, by way of the spool where the database is away."""
        tries = 0
        while True:
            if self._spool.is_empty and not self._batches:
                self._has_batches.clear()
                await self._has_batches.wait()
            if await self._write_first():
                tries = 0
                continue
            await self._put_by()
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    async def _write_first(self) -> bool:
        """False: the database is away."""
        is_spooled = not self._spool.is_empty
        batch = await self._in_thread(self._spool.first) if is_spooled else None
        if batch is None:
            if not self._batches:
                return True
            is_spooled, batch = False, self._batches[0]
        try:
            await self._in_thread(partial(self._store, batch))
        except StorageAway as error:
            self._say_away(str(error))
            return False
        self._say_back()
        self.written += len(batch.rows)
        if is_spooled:
            self._spool.done()
        else:
            self._let_go()
        return True

    def _store(self, batch: Batch) -> None:
        self._housekeeping.check_room()
        self._opened().write(batch.rows, batch.memory)

    def _let_go(self) -> None:
        self._waiting_rows -= len(self._batches.popleft().rows)
        if self._waiting_rows <= MEMORY_ROWS:
            self._has_room.set()
            self._said_stands = False

    async def _put_by(self) -> None:
        """What memory should not hold goes to the spool; once something lies there, everything does."""
        is_long = time.monotonic() - self._away_since_s > SPOOL_AFTER_S
        while self._batches and (is_long or self._waiting_rows > MEMORY_ROWS or not self._spool.is_empty):
            try:
                await self._in_thread(partial(self._spool.append, self._batches[0]))
            except SpoolFull as error:
                if not self._has_room.is_set() and not self._said_stands:
                    self._said_stands = True
                    log.error("recording stands; the stream waits", reason=str(error), rows=self._waiting_rows)
                return
            self._let_go()

    # -- the thread

    def _opened(self) -> Storage:
        if self._storage is None:
            self._storage = self._open_storage()
        return self._storage

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _insist(self, work: Callable[[], Answer]) -> Answer:
        tries = 0
        while True:
            try:
                answer = await self._in_thread(work)
            except StorageAway as error:
                self._say_away(str(error))
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
                continue
            self._say_back()
            return answer

    def _say_away(self, why: str) -> None:
        if not self._why_away:
            self._away_since_s = time.monotonic()
            log.warning("database of history lost", reason=why, waiting=self._waiting_rows)
        self._why_away = why

    def _say_back(self) -> None:
        if self._why_away:
            log.info("database of history back", waiting=self._waiting_rows, spooled_bytes=self._spool.size_bytes)
            self._why_away = ""


def _ms_of(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _part(block: Block, places: list[int]) -> Block:
    """These columns of the block."""
    source = None if block.source_ms is None else [block.source_ms[n] for n in places]
    return replace(
        block, flags=block.flags & ~FULL, ids=[block.ids[n] for n in places],
        values=[block.values[n] for n in places], statuses=[block.statuses[n] for n in places], source_ms=source,
    )  # fmt: skip
