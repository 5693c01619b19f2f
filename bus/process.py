"""What every long-running process does: say that it is alive."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from redis.asyncio import Redis

from bus.client import BusError
from bus.parent import RUN
from bus.presence import BEAT_S, Presence, ProcessState
from bus.version import VERSION

_LAG_STEP_S: Final = 0.1


class Heartbeat:
    """Says once a second that the process lives, how late its event loop woke up, and its own figures.

    `revision` and `detail` are asked at each beat. A bus that is away is no error: the silence is the message.
    """

    def __init__(
        self,
        client: Redis,
        role: str,
        *,
        revision: Callable[[], int] = lambda: 0,
        detail: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._presence = Presence(client)
        self._role = role
        self._revision = revision
        self._detail = detail
        self._started_at_ms = time.time_ns() // 1_000_000
        self._worst_lag_s = 0.0

    async def run(self) -> None:
        """Endless; cancel to stop."""
        lag = asyncio.create_task(self._measure_lag())
        is_counted = False
        try:
            while True:
                is_counted = await self._beat(is_counted)
                await asyncio.sleep(BEAT_S)
        finally:
            lag.cancel()

    async def _beat(self, is_counted: bool) -> bool:
        lag_ms, self._worst_lag_s = int(self._worst_lag_s * 1000), 0.0
        state = ProcessState(
            role=self._role,
            pid=os.getpid(),
            host=socket.gethostname(),
            version=VERSION,
            started_at_ms=self._started_at_ms,
            revision=self._revision(),
            lag_ms=lag_ms,
            detail=self._detail(),
        )
        try:
            if not is_counted:
                start = f"{os.getpid()}@{self._started_at_ms}"
                await self._presence.count_start(self._role, start, os.environ.get(RUN, ""))
            await self._presence.say_process(state)
        except BusError:
            return is_counted
        return True

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_STEP_S
            await asyncio.sleep(_LAG_STEP_S)
            self._worst_lag_s = max(self._worst_lag_s, loop.time() - due)
