"""Puts values where pages look for them, without a poller."""

import time
from collections.abc import Mapping

from bus import keys
from bus.client import connect_blocking
from bus.messages import FULL, Block, Value, encode
from devices.models import Tag


def put(url: str, values: Mapping[Tag, tuple[Value, int]], *, age_ms: int = 0) -> None:
    """The latest block of the tags' scan group; tag -> (value, status). All must be read together."""
    tags = list(values)
    (group,) = {f"{tag.device_id}:{tag.scan_ms}" for tag in tags}
    read_at_ms = time.time_ns() // 1_000_000 - age_ms
    columns = [values[tag][0] for tag in tags], [values[tag][1] for tag in tags]
    block = Block(1, 1, group, 1, read_at_ms, FULL, [tag.pk for tag in tags], *columns)
    client = connect_blocking(url, "test")
    try:
        client.hset(keys.LATEST, group, encode(block))
    finally:
        client.close()
