"""A poller without devices: publishes the values a test gives it, by the rules a real one keeps."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from redis.asyncio import Redis

from bus.client import BusError, connect
from bus.lease import Lease
from bus.messages import BACKFILL, FULL, LIVE, Block, Value, first_seq
from bus.presence import Presence, ProcessState
from bus.streams import Entry, EpochLost, LeaseLost, Publisher

Point = tuple[Value, int]
"""(value, status)."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class PretendPoller:
    """`values`: scan group -> tag id -> (value, status). Change them, then scan()."""

    client: Redis
    values: dict[str, dict[int, Point]] = field(default_factory=dict)
    source_ms: dict[int, int] = field(default_factory=dict)
    revision: int = 1
    fence: int = 0

    def __post_init__(self) -> None:
        self._publisher = Publisher(self.client)
        self._lease = Lease(self.client)
        self._presence = Presence(self.client)
        self._seqs: dict[str, int] = {}
        self._told: dict[str, dict[int, tuple[Point, int | None]]] = {}

    @property
    def epoch(self) -> int:
        return self._publisher.epoch

    async def start(self) -> "PretendPoller":
        fence = await self._lease.acquire()
        while fence is None:  # another poller's lease runs out by itself
            await asyncio.sleep(0.05)
            fence = await self._lease.acquire()
        self.fence = fence
        self._told.clear()
        self._seqs.clear()
        await self._publisher.join_epoch(fence, now_ms())
        return self

    async def end(self) -> None:
        """Give the lease back, so that the next one need not wait until it runs out."""
        await self._lease.release(self.fence)

    async def scan(self, *groups: str, flags: int = LIVE) -> None:
        """Read the groups (default: all of them) once and publish what changed, as one batch."""
        entries = [self._entry(group, flags) for group in groups or list(self.values)]
        await self._publisher.publish(self.fence, entries)

    async def backfill(self, group: str) -> None:
        await self.scan(group, flags=BACKFILL)

    async def start_epoch(self) -> None:
        await self._publisher.start_epoch(self.fence, now_ms())
        self._told.clear()

    async def speak(self) -> None:
        await self._lease.renew(self.fence)
        await self._presence.say_process(ProcessState("poller", 1, "test", "0", now_ms()))

    def _entry(self, group: str, flags: int) -> Entry:
        seq = self._seqs[group] = self._seqs.get(group, first_seq(self.fence)) + 1
        now = {tag: (point, self.source_ms.get(tag)) for tag, point in self.values[group].items()}
        told = self._told.get(group)
        self._told[group] = now
        latest = self._block(group, seq, flags | FULL, now)
        if told is None:
            return Entry(latest, latest)
        change = self._block(group, seq, flags, {tag: held for tag, held in now.items() if told.get(tag) != held})
        return Entry(change, latest)

    def _block(self, group: str, seq: int, flags: int, held: dict[int, tuple[Point, int | None]]) -> Block:
        read_at = now_ms()
        source = [s or read_at for _, s in held.values()] if any(s for _, s in held.values()) else None
        points = [point for point, _ in held.values()]
        block = Block(0, self.revision, group, seq, read_at, flags, list(held), [v for v, _ in points], [], source)
        return replace(block, statuses=[status for _, status in points])


class PollerInAThread:
    """The same for tests that are not asynchronous: scans all groups every `scan_s` until it is stopped."""

    def __init__(self, url: str, values: dict[str, dict[int, Point]], *, scan_s: float = 0.25) -> None:
        self._url = url
        self.values = values
        self.scan_s = scan_s
        self.is_paused = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._task: asyncio.Task[None] = self.do(self._begin())

    def set(self, tag_id: int, value: Value, status: int = 0) -> None:
        """The value of the next scan."""
        for points in self.values.values():
            if tag_id in points:
                points[tag_id] = value, status

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _begin(self) -> "asyncio.Task[None]":
        return asyncio.create_task(self._run())

    async def _end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        client = connect(self._url, "test-poller")
        poller = PretendPoller(client, self.values)
        try:
            while True:
                await self._turn(poller)
                await asyncio.sleep(self.scan_s)
        finally:
            with suppress(*BusError):
                await poller.end()
            await client.aclose()

    async def _turn(self, poller: PretendPoller) -> None:
        if self.is_paused:
            return
        try:
            if not poller.fence:
                await poller.start()
            await poller.speak()
            await poller.scan()
        except (LeaseLost, EpochLost):
            poller.fence = 0
        except BusError:
            pass

    def stop(self) -> None:
        self.do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
