"""Follows everything the poller says on the bus, and knows whether it was true.

The rule: a value that is said to be Good stood in those registers, and was taken from them when it is said to be.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from redis.asyncio import Redis

from bus import keys
from bus.messages import Block, Value, decode
from bus.quality import Severity, severity
from devices.points import DataType, Point, Table
from devices.snapshot import DeviceEntry
from tests.interop.faulty import Device, bit, checksum

SLACK_MS: Final = 600
"""What a busy machine may add between the making of a reply and the end of the scan, besides what is seen."""
EARLY_MS: Final = 1000
"""A group that is told anew in the middle of a scan says the time of the scan before: older than true, no harm."""
LIMIT_MS: Final = 2000
"""How long a value stays Good that is not read again (UA-05)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the value of a tag comes from, and how long after its making a reply may still be taken."""

    device: Device
    unit: int
    point: Point
    timeout_ms: int

    def complaint(self, value: Value, taken_ms: int, *, is_new: bool, slack_ms: int) -> str:
        """What is false about `value` being Good and taken at `taken_ms`; empty: nothing."""
        function, address = self.point.table.function_code, self.point.address
        if self.point.table.is_bits:
            return "" if value is bit(self.unit, function, address) else f"the bit is never {value}"
        if not isinstance(value, int):
            return f"{value!r} is no number of registers"
        generation, check = value >> 16, value & 0xFFFF
        if checksum(self.unit, function, address, generation) != check:
            return f"{value:#010x} never stood in unit {self.unit}, {self.point.table} {address}"
        age_ms = taken_ms - self.device.made_ms.get(generation, 0)
        if not -EARLY_MS <= age_ms <= self.timeout_ms + slack_ms + (0 if is_new else LIMIT_MS):
            return f"{value:#010x} was made {age_ms} ms before it is said to have been taken"
        return ""


@dataclass(slots=True)
class Said:
    value: Value
    status: int
    taken_ms: int

    @property
    def is_good(self) -> bool:
        return severity(self.status) is Severity.GOOD


def points(first_tag: int, table: Table, addresses: Sequence[int]) -> list[Point]:
    """Self-checking points; registers at even addresses."""
    kind = DataType.BOOL if table.is_bits else DataType.UINT32
    return [Point(first_tag + i, table, a, kind) for i, a in enumerate(addresses)]


class Witness:
    def __init__(self, bus: Redis) -> None:
        self._bus = bus
        self._last_id = "-"
        self._sources: dict[int, Source] = {}
        self.said: dict[int, Said] = {}
        self.groups: dict[str, list[int]] = {}
        """Scan group -> read_at_ms of each block."""
        self._members: dict[str, set[int]] = {}
        self.false: list[str] = []
        self.good = 0
        """How often something was said to be Good, and was looked at."""
        self.slowness_ms = 0
        """The longest that one look and a short sleep took: how much this machine, not Isthmus, may delay a scan."""

    def knows(self, device: Device, entry: DeviceEntry, those: Sequence[Point]) -> None:
        for point in those:
            self._sources[point.tag] = Source(device, entry.unit, point, entry.timeout_ms)

    async def look(self) -> None:
        """Take in what is new on the bus."""
        entries: Any = await self._bus.xrange(keys.SAMPLES, self._last_id, "+")
        for entry_id, fields in entries:
            self._last_id = f"({entry_id.decode()}"
            self._take(decode(fields[b"b"]))

    def _take(self, block: Block) -> None:
        self.groups.setdefault(block.group, []).append(block.read_at_ms)
        taken = block.source_ms or [block.read_at_ms] * len(block.ids)
        unchanged = self._members.setdefault(block.group, set()).difference(block.ids)
        self._members[block.group].update(block.ids)
        for tag, value, status, taken_ms in zip(block.ids, block.values, block.statuses, taken, strict=True):
            is_new = tag not in self.said or self.said[tag].value != value
            self.said[tag] = Said(value, status, taken_ms)
            self._judge(block.group, tag, taken_ms, is_new=is_new)
        for tag in unchanged:  # a reader takes them as read again by this scan
            self._judge(block.group, tag, block.read_at_ms, is_new=False)

    def _judge(self, group: str, tag: int, taken_ms: int, *, is_new: bool) -> None:
        if not self.said[tag].is_good or tag not in self._sources:
            return
        self.good += 1
        slack_ms = SLACK_MS + self.slowness_ms
        if wrong := self._sources[tag].complaint(self.said[tag].value, taken_ms, is_new=is_new, slack_ms=slack_ms):
            self.false.append(f"tag {tag} of {group}: {wrong}")

    def are_good(self, tags: Sequence[int], since_ms: int = 0) -> bool:
        """All of them Good, and taken after `since_ms`."""
        return all((said := self.said.get(t)) is not None and said.is_good and said.taken_ms > since_ms for t in tags)

    def are_marked(self, tags: Sequence[int]) -> bool:
        return all((said := self.said.get(t)) is not None and not said.is_good for t in tags)

    def gaps_ms(self, group: str, since_ms: int = 0) -> list[int]:
        times = [t for t in self.groups[group] if t >= since_ms]
        return [b - a for a, b in pairwise(times)]


@asynccontextmanager
async def witnessing(bus: Redis) -> AsyncIterator[Witness]:
    """Looks all the while; at the end nothing may have been false, and something must have been Good."""
    witness = Witness(bus)

    async def follow() -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()  # before the look: what it judges was told while we were that slow
            witness.slowness_ms, began = max(witness.slowness_ms, round(1000 * (now - began))), now
            await witness.look()

    task = asyncio.create_task(follow())
    try:
        yield witness
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await witness.look()
    assert witness.false == [], f"{len(witness.false)} of {witness.good} Good values were false"
    assert witness.good, "nothing was ever Good: this has shown nothing"
