"""The one place that makes a Redis client.

redis-py repeats a command by default when its reply is lost; one XADD then stands in the stream many times. So a
client here sends each command once (`retries=0`). Only readers of idempotent commands ask for `retries=1`.
A blocking read must block shorter than SOCKET_TIMEOUT_S, or a quiet bus looks like a dead one.
"""

import asyncio
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

SOCKET_TIMEOUT_S: Final = 3.0
CONNECT_TIMEOUT_S: Final = 2.0
MAX_BLOCK_MS: Final = 1000

BusError = (RedisError, OSError)
"""What a caller catches to learn that the bus is away. Retry later; nothing is known about the last command."""


def _options(name: str) -> dict[str, Any]:
    return {
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "retry_on_timeout": False,
        "protocol": 2,
        "client_name": name,
    }


class _HeedsCancel(AbstractConnection):
    """redis-py sends inside asyncio.wait_for, which in Python 3.11 loses a cancel that comes while it sends: the task
    then goes on as if nobody had asked it to end (python/cpython#86296)."""

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        task = asyncio.current_task()
        asked_before = task.cancelling() if task else 0
        await super().send_packed_command(*args, **kwargs)
        if task is not None and task.cancelling() > asked_before:
            await self.disconnect(nowait=True)  # a reply is on its way to a command nobody waits for
            raise asyncio.CancelledError


class _Tcp(_HeedsCancel, Connection):
    pass


class _Tls(_HeedsCancel, SSLConnection):
    pass


class _Unix(_HeedsCancel, UnixDomainSocketConnection):
    pass


_HEEDING: Final[dict[type[AbstractConnection], type[AbstractConnection]]] = {
    Connection: _Tcp,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
}


def connect(url: str, name: str, *, retries: int = 0) -> redis.asyncio.Redis:
    """An asyncio client. `name` is shown by CLIENT LIST; `retries` only for idempotent commands."""
    client = redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), retries), **_options(name))
    pool = client.connection_pool
    pool.connection_class = _HEEDING[pool.connection_class]
    return client


def connect_blocking(url: str, name: str, *, retries: int = 0) -> redis.Redis:
    """The same for synchronous code (views, commands)."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), retries), **_options(name))


def redacted(url: str) -> str:
    """The address without its password, fit for a log line or an error message."""
    scheme, _, rest = url.partition("://")
    address, _, query = rest.partition("?")  # redis-py takes a password from the query too
    if "@" in query:
        return f"{scheme}://..."  # a password with '?' in it: nobody can tell where it ends
    return f"{scheme}://{address.rpartition('@')[2]}"
