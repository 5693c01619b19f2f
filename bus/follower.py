"""Snapshot + news: read the latest values, then every block after them, each once and never an older after a newer.

    async for event in Follower(client).events():
        match event: Snapshot() | News() | Idle() | Lost()

The stream's last id is remembered before the latest values are read; following from that id therefore repeats at most
blocks the snapshot already holds, and their seq says so. A gap, a new epoch or a lost connection leads to a new
Snapshot, never to a silent hole.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bus import keys
from bus.client import MAX_BLOCK_MS, BusError
from bus.latest import read_latest
from bus.messages import BadMessage, Block, decode
from bus.seen import EntriesMissing, Seen

COUNT: Final = 500
RETRY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where everything stands. Replaces all that was known; the epoch may be a new one (0: nothing published yet)."""

    epoch: int
    blocks: dict[str, Block]


@dataclass(frozen=True, slots=True)
class News:
    """Blocks in the order of the stream. `waited_ms` (monotonic): they arrived at most so long ago."""

    blocks: list[Block]
    waited_ms: int


@dataclass(frozen=True, slots=True)
class Idle:
    """The bus answered and has nothing new."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The bus does not answer. Said once per loss."""

    reason: str


Event = Snapshot | News | Idle | Lost


class Follower:
    def __init__(self, client: Redis, *, block_ms: int = MAX_BLOCK_MS) -> None:
        self._client = client
        self._block_ms = block_ms
        self._cursor = "0-0"
        self._seen = Seen()
        self._last_read = time.monotonic()
        self._anew_at = self._last_read - RETRY_S
        self.put_aside = 0
        """Entries that could not be decoded."""

    async def events(self) -> AsyncIterator[Event]:
        """Endless. Never raises for a bus that is away; cancel the task to stop."""
        is_lost = False
        while True:
            try:
                yield await self._snapshot()
                is_lost = False
                while True:
                    yield await self._next()
            except EntriesMissing:
                if time.monotonic() - self._anew_at < RETRY_S:
                    await asyncio.sleep(RETRY_S)  # once is news, at once again is a storm
                self._anew_at = time.monotonic()
            except BusError as error:
                if not is_lost:
                    yield Lost(f"{type(error).__name__}: {error}")
                is_lost = True
                await asyncio.sleep(RETRY_S)

    async def _snapshot(self) -> Snapshot:
        epoch = int(await self._client.get(keys.EPOCH) or 0)
        cursor = await newest_id(self._client)
        blocks = self._seen.begin(epoch, await read_latest(self._client))
        self._cursor = cursor
        self._last_read = time.monotonic()
        return Snapshot(epoch, blocks)

    async def _next(self) -> Event:
        answer: Any = await self._client.xread({keys.SAMPLES: self._cursor}, count=COUNT, block=self._block_ms)
        now = time.monotonic()
        waited_ms = int((now - self._last_read) * 1000)
        if not answer or len(answer[0][1]) < COUNT:  # else there is more, which has waited as long
            self._last_read = now
        if not answer:
            await self._check_ground()
            return Idle()
        entries = answer[0][1]
        self._cursor = entries[-1][0].decode()
        blocks = [b for b in (self._accepted(fields) for _, fields in entries) if b is not None]
        return News(blocks, waited_ms) if blocks else Idle()

    async def _check_ground(self) -> None:
        """A quiet stream is either quiet, or not the stream it was: cursor beyond its end, or another epoch."""
        epoch = int(await self._client.get(keys.EPOCH) or 0)
        end = await newest_id(self._client)
        if epoch != self._seen.epoch or id_order(end) < id_order(self._cursor):
            raise EntriesMissing

    def _accepted(self, fields: dict[bytes, bytes]) -> Block | None:
        try:
            block = decode(fields[b"b"])
        except (BadMessage, KeyError):
            self.put_aside += 1
            return None
        return block if self._seen.is_news(block) else None


async def newest_id(client: Redis) -> str:
    """The id of the newest entry the stream ever had."""
    try:
        info = await client.xinfo_stream(keys.SAMPLES)
    except ResponseError:  # no such key: nothing has been published in this epoch
        return "0-0"
    return str(info["last-generated-id"].decode())


def id_order(stream_id: str) -> tuple[int, int]:
    """Of two ids of one epoch the greater is the newer entry."""
    ms, _, n = stream_id.partition("-")
    return int(ms), int(n or 0)
