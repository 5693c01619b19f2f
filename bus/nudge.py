"""A nudge says "look now"; it carries nothing that must arrive. Whoever waits also looks by itself every second."""

import asyncio
from typing import Final

import redis
from redis.asyncio import Redis

from bus import keys
from bus.client import BusError

POLL_S: Final = 1.0


def nudge_blocking(client: redis.Redis, channel: str = keys.NUDGE) -> None:
    """Wake everybody who waits. A bus that is away is no error: they look within POLL_S anyway."""
    try:
        client.publish(channel, b"")
    except BusError:
        return


class NudgeWaiter:
    def __init__(self, client: Redis, channel: str = keys.NUDGE) -> None:
        self._client = client
        self._channel = channel
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)
        self._is_subscribed = False

    async def wait(self, timeout_s: float = POLL_S) -> None:
        """Returns at the next nudge, or after timeout_s, also while the bus is away."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        try:
            if not self._is_subscribed:
                await self._pubsub.subscribe(self._channel)
                self._is_subscribed = True
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                if await self._pubsub.get_message(timeout=left) is not None:
                    await self._drain()
                    return
        except BusError:
            self._is_subscribed = False
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it without types
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
            await asyncio.sleep(max(0.0, deadline - asyncio.get_running_loop().time()))

    async def _drain(self) -> None:
        """What else has come says the same."""
        while await self._pubsub.get_message(timeout=0) is not None:
            pass

    async def close(self) -> None:
        """Give the connection back. Nobody waits after this."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it without types
