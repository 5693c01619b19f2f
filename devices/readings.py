"""What the bus says of tags now, with the freshness that only a reader can compute: for pages and for REST."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from bus import quality
from bus.latest import read_latest_blocking
from bus.messages import Block, Value
from devices import freshness
from devices.live_bus import live_bus
from devices.snapshot import Snapshot, TagEntry


@dataclass(frozen=True, slots=True)
class Reading:
    """A tag with its value. `status` is the effective one: a value that is too old is not Good any more.

    `age_ms`: since the value was taken; None when there has never been one. `taken_ms`: when the device gave the value
    (source time), `read_ms`: when the poller last looked (server time), both ms UTC; None where there is no such time.
    """

    tag: TagEntry
    value: Value
    status: int
    age_ms: int | None
    taken_ms: int | None = None
    read_ms: int | None = None


Kind = TypeVar("Kind", bound=Reading)


def read(tags: Iterable[TagEntry], snapshot: Snapshot, kind: type[Kind]) -> list[Kind]:
    """What the bus says of these tags now, in their order. Without a bus every reading is Bad, and says so."""
    wanted = list(tags)
    groups = sorted({tag.group for tag in wanted})
    blocks = live_bus.ask(lambda client: read_latest_blocking(client, groups))
    if blocks is None:
        return [kind(tag, None, quality.BAD_NO_COMMUNICATION, None) for tag in wanted]
    now_ms = time.time_ns() // 1_000_000
    columns = {group: _columns(block) for group, block in blocks.items()}
    return [_reading(tag, snapshot, columns.get(tag.group, {}), now_ms, kind) for tag in wanted]


Row = tuple[Value, int, int, int]


def _columns(block: Block) -> dict[int, Row]:
    """tag id -> (value, status, taken at, read at), times in ms UTC."""
    taken = block.source_ms or [block.read_at_ms] * len(block.ids)
    rows = zip(block.ids, block.values, block.statuses, taken, strict=True)
    return {tag: (value, status, at, block.read_at_ms) for tag, value, status, at in rows}


def _reading(tag: TagEntry, snapshot: Snapshot, rows: dict[int, Row], now_ms: int, kind: type[Kind]) -> Kind:
    if is_switched_off(tag, snapshot):
        return kind(tag, None, quality.BAD_OUT_OF_SERVICE, None)
    if tag.id not in rows:
        return kind(tag, None, quality.BAD_WAITING_FOR_INITIAL_DATA, None)
    value, status, taken_ms, read_ms = rows[tag.id]
    # Read in the future: the clock was set back since. How old it is cannot be known, so it is not fresh; the next
    # scan of a poller that lives puts it right.
    age_ms = abs(now_ms - min(read_ms, taken_ms))
    # What was entered by hand holds until something newer is entered: only the word that it does may grow old.
    told_ms = abs(now_ms - read_ms) if tag.kind == "manual" else age_ms
    effective = freshness.effective_status(status, told_ms, freshness.limit_ms(tag.scan_ms))
    if value is None:
        return kind(tag, None, effective, None, None, read_ms)
    return kind(tag, value, effective, age_ms, taken_ms, read_ms)


def is_switched_off(tag: TagEntry, snapshot: Snapshot) -> bool:
    """Nobody reads the tag: it, or its device, is disabled."""
    if tag.device_id is None:
        return not tag.enabled
    device = snapshot.devices.get(tag.device_id)
    return not tag.enabled or device is None or not device.enabled
