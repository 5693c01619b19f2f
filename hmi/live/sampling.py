"""Fills hmi/live/recent.py: one column every STEP_MS out of what the hub knows.

What is drawn is what was measured: a value that is Bad, stale, or kept over a lost link is a gap, however good its
number looks. The work is cut into slices, so that no screen waits for it.
"""

import asyncio
import math
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bus.messages import Value
from bus.quality import UNCERTAIN_LAST_USABLE, UNCERTAIN_NO_COMMUNICATION, Severity, severity
from devices.freshness import limit_ms
from devices.snapshot import Snapshot, TagEntry
from hmi.live.feeds import Cell, LiveValues
from hmi.live.recent import GAP, STEP_MS, Column, Recent

SLICE_MS: Final = 2.0
"""So long at a time; then the event loop gets its turn."""
LOOK_S: Final = 0.1
_LOOK_EVERY: Final = 200
_UNCERTAIN: Final = 0x40000000
"""The lowest status that is not Good."""
_LARGEST: Final = sys.float_info.max
_CODE: Final = 0xFFFF0000
_KEPT: Final = frozenset({UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE})
"""Last values of a lost link or a silent poller: no points in time."""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def number_of(value: Value, status: int) -> float:
    """The number to draw; NaN for none. A bool is no number here."""
    if type(value) is float and status < _UNCERTAIN and -_LARGEST <= value <= _LARGEST:
        return value  # nearly all values: this is asked for each tag every few seconds
    if severity(status) is Severity.BAD or (status & _CODE) in _KEPT:
        return GAP
    if isinstance(value, bool) or not isinstance(value, int | float):
        return GAP
    number = float(value)
    return number if math.isfinite(number) else GAP


@dataclass(frozen=True, slots=True)
class Part:
    """The tags of one scan group: places `first` and following. Older than `limit_ms`, they are stale together."""

    group: str
    limit_ms: int
    ids: tuple[int, ...]
    first: int

    @property
    def end(self) -> int:
        return self.first + len(self.ids)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sampled under one revision."""

    snapshot: Snapshot
    parts: tuple[Part, ...]
    places: Mapping[int, int]


class Slices:
    """Gives the event loop its turn when SLICE_MS are spent."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s
        self._began = time.perf_counter()

    async def breathe(self) -> None:
        if (time.perf_counter() - self._began) * 1000 >= SLICE_MS:
            await asyncio.sleep(self._pause_s)
            self._began = time.perf_counter()


async def plan(snapshot: Snapshot) -> Plan:
    """All numbers of the configuration. The tags of a scan group have one scan period, and so one limit."""
    groups: dict[str, list[TagEntry]] = {}
    slices = Slices()
    for turn, tag in enumerate(snapshot.tags.values()):
        if tag.data_type.is_number:
            groups.setdefault(tag.group, []).append(tag)
        if turn % _LOOK_EVERY == 0:
            await slices.breathe()
    parts, places = [], dict[int, int]()
    for name, tags in groups.items():
        parts.append(Part(name, limit_ms(tags[0].scan_ms), tuple(t.id for t in tags), len(places)))
        places.update({tag.id: place for place, tag in enumerate(tags, len(places))})
        await slices.breathe()
    return Plan(snapshot, tuple(parts), places)


class Sampler:
    """`snapshot`: the configuration the hub has now; None until it has one. `earlier`: what the bus still knows of the
    time before a moment, as columns; asked once, when there is something to ask about."""

    def __init__(
        self,
        values: LiveValues,
        ring: Recent,
        snapshot: Callable[[], Snapshot | None],
        earlier: Callable[[Plan, LiveValues], Awaitable[list[Column]]],
    ) -> None:
        self._values = values
        self._ring = ring
        self._snapshot = snapshot
        self._earlier = earlier
        self._plan: Plan | None = None
        self._begins: dict[int, int] = {}
        self._has_looked_back = False

    async def run(self) -> None:
        """A column every STEP_MS by the monotonic clock. Endless."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_back())
            while True:
                await asyncio.sleep(STEP_MS / 1000 - time.monotonic() % (STEP_MS / 1000))
                await self.sample(_now_ms())

    async def _look_back(self) -> None:
        while not self._has_looked_back:
            known, epoch = await self._planned(_now_ms()), self._values.epoch
            if known is None or not epoch:
                await asyncio.sleep(LOOK_S)
                continue
            self._has_looked_back = True
            columns = await self._earlier(known, self._values)
            if self._values.epoch == epoch and self._plan is known:
                self._ring.prepend(columns)

    async def sample(self, now_ms: int) -> None:
        known, epoch = await self._planned(now_ms), self._values.epoch
        if known is None or not epoch:
            return
        slices, numbers = Slices(), array("d")
        for part in known.parts:
            for cells in self._cells(part, now_ms):
                numbers.extend([GAP if cell is None else number_of(cell.value, cell.status) for cell in cells])
                await slices.breathe()
        if self._values.epoch == epoch:
            self._ring.append(Column(now_ms, known.places, numbers), self._begins)

    def _cells(self, part: Part, now_ms: int) -> Iterator[list[Cell | None]]:
        """The cells of a group, some at a time; None for each where it has not been read lately enough."""
        group = self._values.groups.get(part.group)
        age_ms = None if group is None else group.age_ms(now_ms)
        is_fresh = age_ms is not None and age_ms <= part.limit_ms
        for first in range(0, len(part.ids), _LOOK_EVERY):
            ids = part.ids[first : first + _LOOK_EVERY]
            yield [None if group is None or not is_fresh else group.cells.get(tag_id) for tag_id in ids]

    async def _planned(self, now_ms: int) -> Plan | None:
        """The plan for the configuration of now. A tag that means something else than before begins anew."""
        snapshot, known = self._snapshot(), self._plan
        if snapshot is None or (known is not None and known.snapshot is snapshot):
            return known
        found = await plan(snapshot)
        if known is not None:
            changed = await _changed(known.snapshot, found)
            kept = {i: at for i, at in self._begins.items() if i in found.places}
            self._begins = kept | dict.fromkeys(changed, now_ms)
        self._plan = found
        return found


async def _changed(before: Snapshot, now: Plan) -> list[int]:
    """The tags of which a point of before would mean something else now."""
    found, slices = [], Slices()
    for turn, tag_id in enumerate(now.places):
        tag = before.tags.get(tag_id)
        if tag is not None and _meaning(tag) != _meaning(now.snapshot.tags[tag_id]):
            found.append(tag_id)
        if turn % _LOOK_EVERY == 0:
            await slices.breathe()
    return found


def _meaning(tag: TagEntry) -> tuple[object, ...]:
    return tag.kind, tag.data_type, tag.device_id, tag.point, tag.formula, tag.unit
