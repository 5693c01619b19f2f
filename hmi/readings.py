"""Values for a page: one look at the latest values on the bus, with the freshness a reader has to compute."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import redis
from django.conf import settings

from bus import quality
from bus.client import BusError, connect_blocking
from bus.latest import read_latest_blocking
from bus.messages import Block, Value
from bus.quality import Severity, severity
from devices import freshness
from devices.snapshot import Snapshot, TagEntry
from hmi import presentation
from hmi.configuration import current_snapshot

BACK_OFF_S: Final = 1.0
"""After a failed look no page waits for the bus again for so long."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A tag with its value. `status` is the effective one: a value that is too old is not Good any more.

    `age_ms`: since the value was taken; None when there has never been one.
    """

    tag: TagEntry
    value: Value
    status: int
    age_ms: int | None

    @property
    def quality(self) -> presentation.Quality:
        return presentation.quality_of(self.status)

    @property
    def severity(self) -> Severity:
        return severity(self.status)

    @property
    def text(self) -> str:
        """The value as people read it, without its unit."""
        return presentation.format_value(self.tag, presentation.wire_value(self.value, self.status))

    @property
    def unit(self) -> str:
        """The unit where the value is a number, else nothing."""
        shown = presentation.wire_value(self.value, self.status)
        is_number = isinstance(self.value, int | float) and shown is not None
        return self.tag.unit if is_number and presentation.has_unit(self.tag, self.value) else ""

    @property
    def age_text(self) -> str:
        return presentation.format_age(self.age_ms)


class _Bus:
    """One client per process and address, and the memory that the bus was away a moment ago."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._url = ""
        self._not_before = float("-inf")

    def latest(self, groups: list[str]) -> dict[str, Block] | None:
        """Group -> block; None when the bus does not answer."""
        client = self._connected(settings.REDIS_URL)
        if time.monotonic() < self._not_before:
            return None
        try:
            return read_latest_blocking(client, groups)
        except BusError:
            self._not_before = time.monotonic() + BACK_OFF_S
            return None

    def _connected(self, url: str) -> redis.Redis:
        with self._lock:
            if self._client is None or self._url != url:
                if self._client is not None:
                    self._client.close()
                self._client, self._url = connect_blocking(url, "pages", retries=1), url
                self._not_before = float("-inf")
            return self._client


_bus = _Bus()


def readings(tags: Iterable[TagEntry]) -> list[Reading]:
    """What the bus says of these tags now, in their order. Without a bus every reading is Bad, and says so."""
    wanted = list(tags)
    blocks = _bus.latest(sorted({tag.group for tag in wanted}))
    if blocks is None:
        return [Reading(tag, None, quality.BAD_NO_COMMUNICATION, None) for tag in wanted]
    now_ms = time.time_ns() // 1_000_000
    columns = {group: _columns(block) for group, block in blocks.items()}
    snapshot = current_snapshot()
    return [_reading(tag, snapshot, columns.get(tag.group, {}), now_ms) for tag in wanted]


def _columns(block: Block) -> dict[int, tuple[Value, int, int, int]]:
    """tag id -> (value, status, taken at, read at), times in ms UTC."""
    taken = block.source_ms or [block.read_at_ms] * len(block.ids)
    rows = zip(block.ids, block.values, block.statuses, taken, strict=True)
    return {tag: (value, status, at, block.read_at_ms) for tag, value, status, at in rows}


def _reading(tag: TagEntry, snapshot: Snapshot, rows: dict[int, tuple[Value, int, int, int]], now_ms: int) -> Reading:
    if is_switched_off(tag, snapshot):
        return Reading(tag, None, quality.BAD_OUT_OF_SERVICE, None)
    if tag.id not in rows:
        return Reading(tag, None, quality.BAD_WAITING_FOR_INITIAL_DATA, None)
    value, status, taken_ms, read_at_ms = rows[tag.id]
    group_age_ms = max(0, now_ms - read_at_ms)
    effective = freshness.effective_status(status, group_age_ms, freshness.limit_ms(tag.scan_ms))
    return Reading(tag, value, effective, None if value is None else max(group_age_ms, now_ms - taken_ms))


def is_switched_off(tag: TagEntry, snapshot: Snapshot) -> bool:
    """Nobody reads the tag: it, or its device, is disabled."""
    device = snapshot.devices.get(tag.device_id)
    return not tag.enabled or device is None or not device.enabled
