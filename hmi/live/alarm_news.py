"""Tells every socket that alarms have changed. Only that: what they are now the pages say, which ask for rights.

One look at the database for all sockets, at each announcement and every second without one: an announcement may be
lost, and the bus may be away.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from bus import keys
from bus.nudge import NudgeWaiter
from hmi.live import protocol

GATHER_MS: Final = 250
"""Who was told something is told the next thing after so long at the earliest ..."""
PER_S: Final = 2
"""... and so often a second at most."""


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """`no`: of the newest writing (alarms/transitions.py). `is_evaluated`: does the engine speak? None: not known."""

    no: int
    revision: int
    is_evaluated: bool | None

    @property
    def text(self) -> str:
        return protocol.alarms(self.no, self.revision, self.is_evaluated)


class Pace:
    """At once after a quiet time, then gathered. `now_ms`: of the monotonic clock."""

    def __init__(self) -> None:
        self._told: deque[int] = deque(maxlen=PER_S)

    def wait_ms(self, now_ms: int) -> int:
        """How long the next telling has to wait."""
        if not self._told:
            return 0
        due = self._told[-1] + GATHER_MS
        if len(self._told) == PER_S:
            due = max(due, self._told[0] + 1000)
        return max(0, due - now_ms)

    def told(self, now_ms: int) -> None:
        self._told.append(now_ms)


class AlarmFeed:
    """`look`: what is to be told now; None while that cannot be known. `tell`: says it to every socket."""

    def __init__(
        self, client: Redis, look: Callable[[], Awaitable[AlarmNews | None]], tell: Callable[[str], Awaitable[None]]
    ) -> None:
        self._nudges = NudgeWaiter(client, keys.ALARM_NEWS)
        self._look = look
        self._tell = tell
        self._pace = Pace()
        self.newest: AlarmNews | None = None

    async def run(self) -> None:
        """Endless."""
        while True:
            if await self._look() != self.newest:
                await asyncio.sleep(self._pace.wait_ms(_now_ms()) / 1000)
                await self._say()
            await self._nudges.wait()

    async def _say(self) -> None:
        """What has changed meanwhile goes with it."""
        news = await self._look()
        if news is None or news == self.newest:
            return
        self.newest = news
        self._pace.told(_now_ms())
        await self._tell(news.text)

    async def close(self) -> None:
        await self._nudges.close()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
