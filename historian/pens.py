"""Pens of tags: where their samples lie, how they are drawn, and the newest value that completes the right edge."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bus.latest import read_latest_blocking
from bus.messages import Block
from devices import freshness
from devices.live_bus import live_bus
from devices.readings import is_switched_off
from devices.snapshot import Snapshot, TagEntry
from historian.configuration import key_of, rule_of
from historian.models import TagRecording
from historian.pen import Newest, Pen
from historian.place import history_url
from historian.readers import ask_history
from historian.series import SeriesKey

ASK_AGAIN_S: Final = 5.0
"""A series that is not there is looked for again so often: its first sample may have come."""


@dataclass(slots=True)
class _Known:
    """Replaced as a whole; two threads that ask at once get the same."""

    url: str = ""
    numbers: dict[SeriesKey, int] = field(default_factory=dict)
    asked_at: float = float("-inf")


_known = _Known()


def pens_of(tags: Iterable[TagEntry]) -> dict[int, Pen]:
    """Tag id -> pen, without newest value. Of a tag that was never recorded the pen has no series.

    Raises StorageAway and StorageDamaged.
    """
    wanted = list(tags)
    recordings = {row.tag_id: row for row in TagRecording.objects.filter(tag_id__in=[tag.id for tag in wanted])}
    numbers = _numbers({key_of(tag) for tag in wanted})
    found = {}
    for tag in wanted:
        rule, key = rule_of(tag, recordings.get(tag.id)), key_of(tag)
        silence_ms = rule.exc_max_ms and rule.exc_max_ms + rule.comp_max_ms
        found[tag.id] = Pen(numbers.get(key), rule.is_stepped, None, key.kind, silence_ms)
    return found


def series_of(tags: Iterable[TagEntry]) -> dict[int, list[tuple[SeriesKey, int]]]:
    """Tag id -> all that was ever recorded of it: beside the series of now those from before its unit or kind was
    changed, oldest first. Raises StorageAway and StorageDamaged."""
    wanted = {tag.uuid: tag for tag in tags}
    found: dict[int, list[tuple[SeriesKey, int]]] = {tag.id: [] for tag in wanted.values()}
    for key, number in _numbers({key_of(tag) for tag in wanted.values()}).items():
        if key.tag in wanted:
            found[wanted[key.tag].id].append((key, number))
    return {tag: sorted(series, key=lambda one: one[1]) for tag, series in found.items()}


def _numbers(keys: set[SeriesKey]) -> dict[SeriesKey, int]:
    """A number never changes, so what is known stays; what is missing is asked for, not more often than sensible."""
    global _known  # noqa: PLW0603  # one per process
    known, url = _known, history_url()
    is_asked_lately = known.url == url and time.monotonic() - known.asked_at < ASK_AGAIN_S
    if known.url != url or (keys - known.numbers.keys() and not is_asked_lately):
        known = _known = _Known(url, ask_history(lambda storage: storage.series()), time.monotonic())
    return known.numbers


def newest_of(tags: Iterable[TagEntry], snapshot: Snapshot, now_ms: int) -> dict[int, Newest]:
    """Tag id -> what the bus says now. None of those that nobody reads, and none at all without a bus: the line then
    ends with its last sample."""
    wanted = [tag for tag in tags if not is_switched_off(tag, snapshot)]
    groups = sorted({tag.group for tag in wanted})
    blocks = live_bus.ask(lambda client: read_latest_blocking(client, groups)) or {}
    found = {}
    for tag in wanted:
        block = blocks.get(tag.group)
        newest = None if block is None else _newest(tag, block, now_ms)
        if newest is not None:
            found[tag.id] = newest
    return found


def _newest(tag: TagEntry, block: Block, now_ms: int) -> Newest | None:
    if tag.id not in block.ids:
        return None
    place = block.ids.index(tag.id)
    source_ms = block.source_ms[place] if block.source_ms else block.read_at_ms
    limit_ms = freshness.limit_ms(tag.scan_ms)
    return Newest(block.values[place], block.statuses[place], source_ms, block.read_at_ms, now_ms, limit_ms)
