"""The one place that makes a Redis client.

redis-py repeats a command by default when its reply is lost; one XADD then stands in the stream many times. So a
client here sends each command once (`retries=0`). Only readers of idempotent commands ask for `retries=1`.
A blocking read must block shorter than SOCKET_TIMEOUT_S, or a quiet bus looks like a dead one.
"""

from typing import Any, Final

import redis
import redis.asyncio
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


def connect(url: str, name: str, *, retries: int = 0) -> redis.asyncio.Redis:
    """An asyncio client. `name` is shown by CLIENT LIST; `retries` only for idempotent commands."""
    return redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), retries), **_options(name))


def connect_blocking(url: str, name: str, *, retries: int = 0) -> redis.Redis:
    """The same for synchronous code (views, commands)."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), retries), **_options(name))


def redacted(url: str) -> str:
    """The address without its password, fit for a log line or an error message."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
