"""What the bus still knows of the last ten minutes, read once when a hub starts.

The stream is read backwards, the newest entry first. An entry says what changed since the one before it, so a value
stands from its entry up to the next one that names its tag: going back, each moment that is not yet filled gets it.
What was never named in what was read has not changed since, and is what it is now. What was before the oldest entry
that names a tag is not known: a gap. So is a moment in which nobody had read the tag's scan group for too long.

The work is bounded (MAX_ENTRIES: then the older part stays empty) and done in slices, a quarter of the time at most.
"""

import time
from array import array
from collections.abc import AsyncIterator
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from bus import keys
from bus.client import BusError
from bus.messages import BadMessage, Block, Value, decode
from hmi.live.feeds import LiveValues
from hmi.live.recent import DEPTH, GAP, STEP_MS, Column
from hmi.live.sampling import Part, Plan, Slices, number_of

log = structlog.get_logger(__name__)

MAX_ENTRIES: Final = 60_000
READ_BYTES: Final = 100_000
"""About so much is asked of the bus at a time."""
MOST_AT_A_TIME: Final = 200
PAUSE_S: Final = 0.006
"""Between two slices of Slices.SLICE_MS: a quarter of a core at most."""
_CHUNK: Final = 200


async def earlier(client: Redis, plan: Plan, values: LiveValues) -> list[Column]:
    """The columns before now, the oldest first. Empty while the bus is away: it is not asked again."""
    now_ms, wall_ms = time.monotonic_ns() // 1_000_000, time.time_ns() // 1_000_000
    past = Past(plan, values, now_ms, wall_ms)
    began = time.perf_counter()
    entries = 0
    await past.prepare()
    try:
        async for raw in _backwards(client):
            if entries == MAX_ENTRIES or past.is_full or not await past.take(raw):
                break
            entries += 1
    except BusError as error:
        log.warning("live: nothing was learned about the last minutes", reason=f"{type(error).__name__}: {error}")
        return []
    columns = await past.columns()
    log.info("live: the last minutes were read", entries=entries, took_s=round(time.perf_counter() - began, 2))
    return columns


async def _backwards(client: Redis) -> AsyncIterator[bytes]:
    """The entries of the stream, the newest first."""
    before, count = "+", 16
    while True:
        found: Any = await client.xrevrange(keys.SAMPLES, max=before, min="-", count=count)
        for _, fields in found:
            yield fields.get(b"b", b"")
        if len(found) < count:
            return
        before = "(" + found[-1][0].decode()
        size = sum(len(fields.get(b"b", b"")) for _, fields in found) / len(found)
        count = max(1, min(MOST_AT_A_TIME, int(READ_BYTES / max(1.0, size))))


class _Group:
    """One scan group on the way back. `alive`: the moments at which it had been read lately enough."""

    __slots__ = ("alive", "all_since", "oldest", "part")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.alive = bytearray(DEPTH)
        self.oldest = DEPTH
        self.all_since = DEPTH
        """From this moment on every tag of the group has been decided."""


class Past:
    """The moments before `now_ms`, filled from the newest entry backwards. `wall_ms` is the same moment by the clock
    that the poller writes into its blocks."""

    def __init__(self, plan: Plan, values: LiveValues, now_ms: int, wall_ms: int) -> None:
        self._plan = plan
        self._values = values
        self._epoch, self._no = values.epoch, values.no
        newest = now_ms // STEP_MS * STEP_MS
        self._times = [newest - STEP_MS * back for back in range(DEPTH - 1, -1, -1)]
        self._first_wall_ms = self._times[0] + wall_ms - now_ms
        self._numbers: list[array[float]] = []
        self._filled = array("h", [DEPTH]) * len(plan.places)
        """Place -> the oldest moment that has been decided; DEPTH: none."""
        self._open = len(plan.places)
        self._groups = {part.group: _Group(part) for part in plan.parts}
        self._slices = Slices(PAUSE_S)

    @property
    def is_full(self) -> bool:
        """Nothing older can tell anything."""
        return self._open == 0

    async def prepare(self) -> None:
        """Room for all numbers: some megabytes, which take their time too."""
        while len(self._numbers) < DEPTH:
            self._numbers.append(array("d", [GAP]) * len(self._plan.places))
            await self._slices.breathe()

    async def take(self, raw: bytes) -> bool:
        """The next older entry. Returns whether it makes sense to go on: not into another epoch or revision."""
        try:
            block = decode(raw)
        except BadMessage:
            return True
        if block.epoch != self._epoch or block.revision != self._plan.snapshot.revision:
            return False
        group = self._groups.get(block.group)
        if group is not None:
            since = max(0, -((self._first_wall_ms - block.read_at_ms) // STEP_MS))
            self._mark_alive(group, block.read_at_ms)
            group.oldest = min(group.oldest, since)
            if since < group.all_since:  # of several scans before one moment the last one counts
                await self._fill(block, since)
            if len(block.ids) == len(group.part.ids):
                group.all_since = min(group.all_since, since)
        await self._slices.breathe()
        return True

    def _mark_alive(self, group: _Group, read_at_ms: int) -> None:
        behind = read_at_ms - self._first_wall_ms
        first, last = -(-behind // STEP_MS), (behind + group.part.limit_ms) // STEP_MS
        for moment in range(max(0, first), min(DEPTH - 1, last) + 1):
            group.alive[moment] = 1

    async def _fill(self, block: Block, since: int) -> None:
        places, filled = self._plan.places, self._filled
        rows = zip(block.ids, block.values, block.statuses, strict=True)
        for turn, (tag_id, value, status) in enumerate(rows):
            place = places.get(tag_id)
            if place is not None and since < filled[place]:
                self._set(place, since, value, status)
            if turn % _CHUNK == _CHUNK - 1:
                await self._slices.breathe()

    def _set(self, place: int, since: int, value: Value, status: int) -> None:
        """The value stood from `since` up to what is filled already."""
        number = number_of(value, status)
        for moment in range(since, self._filled[place]):
            self._numbers[moment][place] = number
        self._filled[place] = since
        self._open -= since == 0

    async def columns(self) -> list[Column]:
        for group in self._groups.values():
            await self._fill_unchanged(group)
            self._cut_out_silence(group)
            await self._slices.breathe()
        known = [group.alive.find(1) for group in self._groups.values() if 1 in group.alive]
        first = min(known, default=DEPTH)  # before it nobody had read anything
        rows = zip(self._times[first:], self._numbers[first:], strict=True)
        return [Column(at, self._plan.places, row) for at, row in rows]

    async def _fill_unchanged(self, group: _Group) -> None:
        """What no entry named has not changed for as long as was read, and is what it was when we began to read."""
        held = self._values.groups.get(group.part.group)
        if held is None:
            return
        for turn, tag_id in enumerate(group.part.ids):
            place, cell = group.part.first + turn, held.cells.get(tag_id)
            if cell is not None and cell.no <= self._no and self._filled[place] == DEPTH:
                self._set(place, group.oldest, cell.value, cell.status)
            if turn % _CHUNK == _CHUNK - 1:
                await self._slices.breathe()

    def _cut_out_silence(self, group: _Group) -> None:
        gaps = array("d", [GAP]) * len(group.part.ids)
        for moment, is_alive in enumerate(group.alive):
            if not is_alive:
                self._numbers[moment][group.part.first : group.part.end] = gaps
