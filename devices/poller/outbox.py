"""What has been read and is not on the bus yet: a moment's worth, or all of an outage up to a limit.

While the bus is away blocks are packed into chunks. The first block of every group in a chunk is FULL, so when memory
runs out the oldest chunk can go and what remains is still understood. They go out as BACKFILL, in order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bus.messages import BACKFILL, Block, decode, encode, first_seq
from bus.streams import Entry

LIMIT_BYTES: Final = 64 << 20
CHUNKS: Final = 8
CHUNK_S: Final = 60.0
BATCH: Final = 200


@dataclass(slots=True)
class _Chunk:
    began: float
    packed: deque[bytes] = field(default_factory=deque)
    size: int = 0


class Outbox:
    """`now` is monotonic seconds. Sequence numbers are given out here, so no group can skip one unseen."""

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.generation = 0
        """Changes whenever every group has to publish in full once."""
        self.dropped = 0
        """Blocks that were never published."""
        self.is_away = False
        self.ready = asyncio.Event()
        self.on_missed: Callable[[], None] = lambda: None
        """Called when readers need every group in full at once."""
        self._limit_bytes = limit_bytes
        self._seqs: dict[str, int] = {}
        self._first_seq = 0
        self._live: list[Entry] = []
        self._in_flight: list[Entry] = []
        self._chunks: deque[_Chunk] = deque()
        self._bytes = 0
        self._begun: set[str] | None = None

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    @property
    def waiting_blocks(self) -> int:
        return len(self._live) + len(self._in_flight) + sum(len(c.packed) for c in self._chunks)

    def next_seq(self, group: str) -> int:
        seq = max(self._seqs.get(group, 0), self._first_seq) + 1
        self._seqs[group] = seq
        return seq

    def add(self, entry: Entry, now: float) -> None:
        if self.is_away:
            self._pack(entry.change, now)
        else:
            self._live.append(entry)
        self.ready.set()

    def start_fence(self, fence: int) -> None:
        """A new lease: sequence numbers make a jump, so everything once in full."""
        self._first_seq = first_seq(fence)
        self._everything_in_full()

    def start_epoch(self) -> None:
        """Readers begin with nothing: what is waiting counts only from a group's first FULL block on."""
        self._begun = set()
        waiting = [*self._in_flight, *self._live]
        kept = [entry for entry in waiting if self._is_understood(entry.change)]
        self.dropped += len(waiting) - len(kept)
        if self.is_away:
            self._in_flight = kept
        else:
            self._in_flight, self._live, self._begun = [], kept, None
        self._everything_in_full()

    def start_revision(self) -> None:
        self._everything_in_full()

    def _everything_in_full(self) -> None:
        self.generation += 1
        self.on_missed()

    def take(self) -> Sequence[Entry]:
        """The next batch, oldest first. Say sent() or hold() afterwards."""
        if self._in_flight:
            return self._in_flight
        if self._chunks:
            self._in_flight = self._unpacked()
        else:
            self._in_flight, self._live = self._live[:BATCH], self._live[BATCH:]
        if not self._in_flight:
            self.ready.clear()
        return self._in_flight

    def _unpacked(self) -> list[Entry]:
        batch: list[Entry] = []
        while self._chunks and len(batch) < BATCH:
            chunk = self._chunks[0]
            if not chunk.packed:
                self._chunks.popleft()
                continue
            raw = chunk.packed.popleft()
            self._bytes -= len(raw)
            block = decode(raw)
            if self._is_understood(block):
                batch.append(Entry(replace(block, flags=block.flags | BACKFILL), None))
            else:
                self.dropped += 1
        return batch

    def _is_understood(self, block: Block) -> bool:
        if self._begun is None or block.group in self._begun:
            return True
        if block.is_full:
            self._begun.add(block.group)
        return block.is_full

    def sent(self) -> None:
        """The batch is on the bus. When nothing older waits any more, the present follows in full."""
        self._in_flight = []
        if self.is_away and not any(c.packed for c in self._chunks):
            self.is_away = False
            self._chunks.clear()
            self._begun = None
            self._everything_in_full()

    def hold(self, now: float) -> None:
        """The bus is away. The batch may have arrived or not; it goes first when the bus is back."""
        if self.is_away:
            return
        self.is_away = True
        late, self._in_flight = self._in_flight, []
        late, self._live = [*late, *self._live], []
        for entry in late:
            self._pack(entry.change, now)
        self._open_chunk(now)

    def _open_chunk(self, now: float) -> None:
        self._chunks.append(_Chunk(now))
        self.generation += 1

    def _pack(self, block: Block, now: float) -> None:
        if not self._chunks:
            self._chunks.append(_Chunk(now))
        raw = encode(block)
        chunk = self._chunks[-1]
        chunk.packed.append(raw)
        chunk.size += len(raw)
        self._bytes += len(raw)
        if chunk.size > self._limit_bytes // CHUNKS or now - chunk.began > CHUNK_S:
            self._open_chunk(now)
        while self._bytes > self._limit_bytes and len(self._chunks) > 1:
            oldest = self._chunks.popleft()
            self.dropped += len(oldest.packed)
            self._bytes -= sum(map(len, oldest.packed))
