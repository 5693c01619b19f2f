"""From the outbox to the bus: the lease that allows it, the epoch it belongs to, and what to do when either is lost."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from redis.asyncio import Redis

from bus import keys
from bus.client import BusError
from bus.lease import RENEW_S, Lease
from bus.streams import EpochLost, LeaseLost, Publisher
from devices.poller.outbox import Outbox

log = structlog.get_logger(__name__)

RETRY_S: Final = 0.25
GATHER_S: Final = 0.005
"""At most one publish call in so many seconds: what comes meanwhile goes along."""
EVENTS_KEPT: Final = 1000


class LeaseKeeper:
    """Holds the poller's lease. An unreachable bus takes nothing away: who had the lease goes on polling."""

    def __init__(self, client: Redis, on_held: Callable[[int], None], on_lost: Callable[[], None]) -> None:
        self._lease = Lease(client)
        self._on_held = on_held
        self._on_lost = on_lost
        self._doubt = asyncio.Event()
        self.fence: int | None = None

    def doubt(self) -> None:
        """The bus has refused the fencing number: look now."""
        self._doubt.set()

    async def run(self) -> None:
        """Endless; cancel to stop."""
        said_waiting = False
        while True:
            with suppress(*BusError):  # said by the delivery; here an outage changes nothing
                said_waiting = await self._look(said_waiting)
            self._doubt.clear()
            try:
                async with asyncio.timeout(RENEW_S):
                    await self._doubt.wait()
            except TimeoutError:
                continue

    async def _look(self, said_waiting: bool) -> bool:
        if self.fence is not None and await self._lease.renew(self.fence):
            return False
        fence = await self._lease.acquire()
        if fence is not None:
            self.fence = fence
            self._on_held(fence)
            return False
        if self.fence is not None:
            self.fence = None
            log.warning("lease lost", reason="another poller holds it; devices are left alone until it is free")
            self._on_lost()
        elif not said_waiting:
            log.info("waiting for the lease", reason="another poller holds it")
        return True

    async def release(self) -> None:
        if self.fence is not None:
            await self._lease.release(self.fence)


class Delivery:
    def __init__(self, client: Redis, outbox: Outbox, leases: LeaseKeeper) -> None:
        self._client = client
        # A connection of its own: taking one from the pool for each call costs as much as the call.
        self._own = client.client()
        self._publisher = Publisher(self._own)
        self._outbox = outbox
        self._leases = leases
        self._joined: int | None = None
        self.failures = 0
        """Publish calls that failed."""
        self.on_joined: Callable[[], None] = lambda: None
        """Called when the bus has been joined anew."""

    async def run(self) -> None:
        """Endless; cancel to stop."""
        while True:
            await self._outbox.ready.wait()
            pause_s = RETRY_S
            try:
                if await self.flush():
                    pause_s = GATHER_S
            except LeaseLost:
                self.failures += 1
                self._leases.doubt()
            except BusError as error:
                self._note_away(error)
            await asyncio.sleep(pause_s)

    async def flush(self) -> bool:
        """Send what is waiting. False: not allowed, there is no lease. Raises LeaseLost or a BusError."""
        fence = self._leases.fence
        if fence is None:
            return False
        try:
            if self._joined != fence:
                await self._join(fence)
            while entries := self._outbox.take():
                await self._publisher.publish(fence, entries)
                self._note_sent()
        except EpochLost:
            self.failures += 1
            await self._begin_epoch(fence)
        return True

    async def close(self) -> None:
        await self._own.aclose()

    async def _join(self, fence: int) -> None:
        was_joined = self._joined is not None
        if await self._publisher.join_epoch(fence, _now_ms()):
            self._outbox.start_epoch()
            if was_joined:
                await self._say_new_epoch()
        self._joined = fence
        self.on_joined()

    async def _begin_epoch(self, fence: int) -> None:
        """The bus has another epoch than ours, or none (join), or lost what it had acknowledged (throw it away)."""
        await self._publisher.join_epoch(fence, _now_ms())
        self._outbox.start_epoch()
        await self._say_new_epoch()
        self.on_joined()

    async def _say_new_epoch(self) -> None:
        epoch = self._publisher.epoch
        log.warning("new epoch", epoch=epoch, reason="Redis had lost data; every value is published anew")
        with suppress(*BusError):
            text = f"Redis had lost data; epoch {epoch} begins, every value is published anew."
            await say_event(self._client, "new_epoch", text)

    def _note_away(self, error: Exception) -> None:
        self.failures += 1
        if not self._outbox.is_away:
            log.warning("bus lost", reason=f"{type(error).__name__}: {error}")
        self._outbox.hold(asyncio.get_running_loop().time())

    def _note_sent(self) -> None:
        was_away, dropped = self._outbox.is_away, self._outbox.dropped
        self._outbox.sent()
        if was_away and not self._outbox.is_away:
            log.info("bus back", dropped_blocks=dropped)


async def say_event(client: Redis, kind: str, text: str) -> None:
    """One entry in the short stream of system events: what kind, and a sentence for people."""
    fields: dict[bytes | bytearray | memoryview | str | int | float, bytes | bytearray | memoryview | str | int | float]
    fields = {"kind": kind, "text": text}
    await client.xadd(keys.EVENTS, fields, maxlen=EVENTS_KEPT, approximate=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
