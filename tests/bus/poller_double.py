"""A publisher that behaves as the poller's does: own seq per group, FULL at the start and after a loss."""

import itertools
import time
from dataclasses import dataclass, field, replace

from redis.asyncio import Redis

from bus.follower import News, Snapshot
from bus.lease import Lease
from bus.messages import FULL, LIVE, Block, first_seq
from bus.streams import Entry, EpochLost, LeaseLost, Publisher

TAG = 7
GROUP = "1:1000"
_values = itertools.count(1)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Speaker:
    """Says a value of one tag per group that grows with every entry anybody says in this test process."""

    client: Redis
    lease_ms: int = 5000
    fence: int = 0
    seqs: dict[str, int] = field(default_factory=dict)
    is_full_due: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.publisher = Publisher(self.client)
        self.lease = Lease(self.client, lease_ms=self.lease_ms)

    async def start(self) -> "Speaker":
        """Take the lease and join the epoch, as a poller does at its start and after it lost the lease."""
        fence = await self.lease.acquire()
        assert fence is not None, "somebody else holds the lease"
        self.fence = fence
        self.seqs.clear()
        await self.publisher.join_epoch(self.fence, now_ms())
        return self

    def next_entry(self, group: str = GROUP) -> Entry:
        is_full = group not in self.seqs or group in self.is_full_due
        self.is_full_due.discard(group)
        self.seqs[group] = seq = self.seqs.get(group, first_seq(self.fence)) + 1
        block = Block(0, 1, group, seq, now_ms(), FULL if is_full else LIVE, [TAG], [next(_values)], [0])
        return Entry(block, replace(block, flags=FULL))

    async def say(self, *groups: str) -> int:
        return await self.publisher.publish(self.fence, [self.next_entry(g) for g in groups or (GROUP,)])

    async def say_whatever_happened(self, *groups: str) -> None:
        """Publish; when the lease or the epoch is lost, do what a poller does and publish in full."""
        try:
            await self.say(*groups)
        except LeaseLost:
            await self.start()
            await self.say(*groups)
        except EpochLost:
            await self.publisher.join_epoch(self.fence, now_ms())
            self.is_full_due = set(self.seqs)
            await self.say(*groups)


@dataclass
class Screen:
    """What a reader of the bus shows: applies events the way the hub does and notes every value it has shown."""

    epoch: int = 0
    shown: dict[str, int] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    times_shown: int = 0

    def apply(self, event: object) -> None:
        if isinstance(event, Snapshot):
            self.epoch = event.epoch
            self.shown = {}
            for group, block in event.blocks.items():
                self._show(group, block)
        elif isinstance(event, News):
            for block in event.blocks:
                self._show(block.group, block)

    def _show(self, group: str, block: Block) -> None:
        if block.is_backfill or TAG not in block.ids:
            return
        value = block.values[list(block.ids).index(TAG)]
        assert isinstance(value, int)
        assert value >= self.newest.get(group, 0), f"{group}: {value} shown after {self.newest[group]}"
        self.shown[group] = self.newest[group] = value
        self.times_shown += 1
