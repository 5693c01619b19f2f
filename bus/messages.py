"""Block v1: what one scan group said in one scan. Pure; msgpack on the wire; times are int64 milliseconds UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgpack

Value = bool | int | float | str | None

VERSION: Final = 1
LIVE: Final = 0
BACKFILL: Final = 1
"""The block was read while the bus was away and arrives late: history wants it, screens do not."""
FULL: Final = 2
"""Every tag of the group is in the block, whether it changed or not (start, new revision, after a gap)."""

SEQ_FENCE_SHIFT: Final = 32


class BadMessage(ValueError):
    """The bytes are not a block this version understands. Put the entry aside, go on."""


@dataclass(frozen=True, slots=True)
class Block:
    """One scan of one scan group (one device at one scan period).

    `ids`, `values`, `statuses` (and `source_ms` where present) are columns of equal length. A stream entry carries
    only what changed since the entry before (an entry without any id is the proof that nothing changed); the blob of
    latest values, and an entry flagged FULL, carry every tag of the group.

    `seq` grows by one from entry to entry of a group; its high bits are the fencing number of the poller's lease, so
    it grows across pollers too. A step other than +1 without FULL means that entries are missing.

    `read_at_ms`: when the poller finished this scan (server time, UA-01). `source_ms`: when each value was taken,
    given only where it differs (last usable values of a lost link).
    """

    epoch: int
    revision: int
    group: str
    seq: int
    read_at_ms: int
    flags: int
    ids: Sequence[int]
    values: Sequence[Value]
    statuses: Sequence[int]
    source_ms: Sequence[int] | None = None

    @property
    def is_full(self) -> bool:
        return bool(self.flags & FULL)

    @property
    def is_backfill(self) -> bool:
        return bool(self.flags & BACKFILL)


def first_seq(fence: int) -> int:
    """The seq before the first entry a poller with this fencing number writes."""
    return fence << SEQ_FENCE_SHIFT


def _packed_statuses(statuses: Sequence[int]) -> int | list[int]:
    """One number where all are the same: nearly always."""
    if statuses and statuses.count(statuses[0]) == len(statuses):
        return statuses[0]
    return list(statuses)


def encode(block: Block) -> bytes:
    packed: bytes = msgpack.packb(
        [
            VERSION,
            block.epoch,
            block.revision,
            block.group,
            block.seq,
            block.read_at_ms,
            block.flags,
            list(block.ids),
            list(block.values),
            _packed_statuses(block.statuses),
            None if block.source_ms is None else list(block.source_ms),
        ]
    )
    return packed


def decode(raw: bytes) -> Block:
    """Raises BadMessage when the bytes are not a block v1 with columns of equal length."""
    try:
        fields = msgpack.unpackb(raw)
        version, epoch, revision, group, seq, read_at_ms, flags, ids, values, statuses, source_ms = fields
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise BadMessage(f"not a block: {error}") from error
    if version != VERSION:
        raise BadMessage(f"block version {version!r}; this program reads version {VERSION}")
    if not isinstance(ids, list) or not isinstance(values, list):
        raise BadMessage("ids and values must be lists")
    if isinstance(statuses, int):
        statuses = [statuses] * len(ids)
    if not len(ids) == len(values) == len(statuses) or (source_ms is not None and len(source_ms) != len(ids)):
        raise BadMessage(f"columns differ in length: {len(ids)} ids, {len(values)} values, {len(statuses)} statuses")
    return Block(epoch, revision, group, seq, read_at_ms, flags, ids, values, statuses, source_ms)


Order = Literal["older", "next", "gap"]


def order_after(known_seq: int | None, block: Block) -> Order:
    """Where a block stands relative to the last seq a reader has seen of the group.

    "older": already seen, drop it. "next": apply it. "gap": entries are missing; read latest values anew.
    """
    if known_seq is not None and block.seq <= known_seq:
        return "older"
    if block.is_full or (known_seq is not None and block.seq == known_seq + 1):
        return "next"
    return "gap"
