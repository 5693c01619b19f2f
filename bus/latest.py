"""Latest values: one blob per scan group."""

from typing import Any

import redis
from redis.asyncio import Redis

from bus import keys
from bus.messages import BadMessage, Block, decode


def _decoded(blobs: Any) -> dict[str, Block]:
    blocks = {}
    for group, raw in blobs.items():
        try:
            blocks[group.decode()] = decode(raw)
        except BadMessage:
            continue  # written by another version: as if the group had not been read yet
    return blocks


async def read_latest(client: Redis) -> dict[str, Block]:
    """Scan group -> block with every tag of the group."""
    return _decoded(await client.hgetall(keys.LATEST))


def read_latest_blocking(client: redis.Redis, groups: list[str] | None = None) -> dict[str, Block]:
    """The same from a view, for some groups or (None) all of them."""
    if groups is None:
        return _decoded(client.hgetall(keys.LATEST))
    if not groups:
        return {}
    found: Any = client.hmget(keys.LATEST, groups)
    return _decoded({g.encode(): raw for g, raw in zip(groups, found, strict=True) if raw is not None})
