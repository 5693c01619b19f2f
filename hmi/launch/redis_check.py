"""Whether the Redis of REDIS_URL can be used. Apart from preflight.py: the client takes time and memory to load."""

from typing import Final

import redis

from bus.client import BusError, connect_blocking, redacted
from hmi.launch.progress import Refused

OLDEST_REDIS: Final = (7, 0)


def redis_answers(url: str) -> None:
    client = connect_blocking(url, "launcher")
    try:
        info = client.info("server")
    except redis.AuthenticationError:
        raise Refused(f"the Redis of REDIS_URL ({redacted(url)}) refuses the user or password given there.") from None
    except redis.BusyLoadingError:
        return  # it is there, and reads its data: the programs wait for it
    except BusError as error:
        raise Refused(
            f"no Redis answers at REDIS_URL ({redacted(url)}): {_plain(error)}. Start it, correct REDIS_URL, "
            "or unset it to use the Valkey that comes with Isthmus."
        ) from None
    finally:
        client.close()
    said = str(info.get("valkey_version") or info.get("redis_version", "0"))
    version = tuple(int(part) for part in said.split(".")[:2] if part.isdigit())
    if version < OLDEST_REDIS:
        raise Refused(
            f"the Redis of REDIS_URL ({redacted(url)}) is {said}; Isthmus needs Redis 7.0 or newer, or Valkey."
        )


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
