"""Groups of tags that no device has: derived ones and those that are kept by hand, as columns and blocks on the bus."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bus.messages import FULL, LIVE, Block, Value
from bus.quality import BAD_OUT_OF_SERVICE, BAD_WAITING_FOR_INITIAL_DATA, GOOD_LOCAL_OVERRIDE
from bus.streams import Entry
from devices.formula import Formula
from devices.models import Kind
from devices.points import DataType
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay
from devices.poller.schedule import BEAT_S, Timetable
from devices.snapshot import Snapshot, TagEntry

AFTER_BEAT_S: Final = BEAT_S / 2
"""Scans start on beats; what is computed from them follows half a beat later."""
WAITING_S: Final = 1.0
"""A group with a long period that still waits for its inputs looks so often whether they have come."""


@dataclass(frozen=True, slots=True)
class ComputedTag:
    """`formula` None: kept by hand. `path` is for the log, and no reason to begin anew."""

    tag: int
    data_type: DataType
    formula: Formula | None
    eu_min: float | None
    eu_max: float | None
    path: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class ComputedSpec:
    """The tags of one kind with one period. `parked`: ids of those that are switched off."""

    name: str
    scan_ms: int
    tags: tuple[ComputedTag, ...]
    parked: tuple[int, ...]


def computed_specs(snapshot: Snapshot) -> tuple[ComputedSpec, ...]:
    """In a fixed order, so that equal configurations give equal specs."""
    groups: dict[str, list[TagEntry]] = defaultdict(list)
    for entry in sorted(snapshot.tags.values(), key=lambda t: t.id):
        if entry.kind != Kind.DEVICE:
            groups[entry.group].append(entry)
    return tuple(_spec(name, members) for name, members in sorted(groups.items()))


def _spec(name: str, members: Sequence[TagEntry]) -> ComputedSpec:
    tags = tuple(
        ComputedTag(t.id, t.data_type, t.formula, t.eu_min, t.eu_max, t.path) for t in members if t.enabled
    )  # fmt: skip
    return ComputedSpec(name, members[0].scan_ms, tags, tuple(t.id for t in members if not t.enabled))


class ComputedGroup:
    """Times in ms are UTC, `now` is monotonic seconds. Publishes like a scan group: changes, FULL where needed."""

    def __init__(self, spec: ComputedSpec, outbox: Outbox, overlay: Overlay, now: float) -> None:
        self.spec = spec
        self.name = spec.name
        self.ids = [*(t.tag for t in spec.tags), *spec.parked]
        self.is_waiting = True
        """Some input has not been read yet."""
        self.computed_at = now
        self._timetable = Timetable(spec.scan_ms / 1000, AFTER_BEAT_S, now)
        self._timetable.at_once()
        self._outbox = outbox
        self._overlay = overlay
        self._place = {tag: i for i, tag in enumerate(self.ids)}
        self._values: list[Value] = [None] * len(self.ids)
        self._statuses = [BAD_WAITING_FOR_INITIAL_DATA] * len(spec.tags) + [BAD_OUT_OF_SERVICE] * len(spec.parked)
        self._taken_ms = [0] * len(self.ids)
        self._sent_values: list[Value] = []
        self._sent_statuses: list[int] = []
        self._sent_taken_ms: list[int] = []
        self._read_at_ms = 0
        self._generation = -1

    @property
    def due(self) -> float:
        return min(self._timetable.due, self.computed_at + WAITING_S) if self.is_waiting else self._timetable.due

    @property
    def overruns(self) -> int:
        return self._timetable.overruns

    def at_once(self) -> None:
        self._timetable.at_once()

    def start(self, now: float) -> None:
        if now >= self._timetable.due:
            self._timetable.start(now)
        self.computed_at, self.is_waiting = now, False

    def set(self, tag: int, value: Value, status: int, taken_ms: int = 0) -> None:
        """`taken_ms` 0: as old as the block."""
        i = self._place[tag]
        self._values[i], self._statuses[i], self._taken_ms[i] = value, status, taken_ms

    def own(self, tag: int) -> tuple[Value, int]:
        """Value and status without what lies over them."""
        i = self._place[tag]
        return self._values[i], self._statuses[i]

    def taken_ms(self, tag: int) -> int:
        return self._taken_ms[self._place[tag]]

    def publish(self, revision: int, now: float, now_ms: int) -> None:
        """Put what changed, or all of it where readers need that, into the outbox."""
        self._read_at_ms = now_ms
        seq = self._outbox.next_seq(self.name)
        is_full = self._generation != self._outbox.generation
        values, statuses = self._values, self._statuses
        if self._overlay:
            values, statuses = self._overlay.apply(self.ids, values, statuses)
        changed = self._changed(values, statuses)
        if changed:
            self._sent_values, self._sent_statuses = values[:], statuses[:]
            self._sent_taken_ms = self._taken_ms[:]
        latest = self._block(revision, seq, FULL, range(len(self.ids)))
        self._generation = self._outbox.generation
        self._outbox.add(Entry(latest if is_full else self._block(revision, seq, LIVE, changed), latest), now)

    def publish_again(self, revision: int, now: float) -> None:
        """The same once more, as of the last computing: readers have missed something, or something lies over it."""
        if self._read_at_ms:
            self.publish(revision, now, self._read_at_ms)

    def _changed(self, values: list[Value], statuses: list[int]) -> Sequence[int]:
        if len(self._sent_values) != len(values):
            return range(len(values))
        if values == self._sent_values and statuses == self._sent_statuses and self._taken_ms == self._sent_taken_ms:
            return ()
        old = zip(self._sent_values, self._sent_statuses, self._sent_taken_ms, strict=True)
        new = zip(values, statuses, self._taken_ms, strict=True)
        return [i for i, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]

    def _block(self, revision: int, seq: int, flags: int, indices: Sequence[int]) -> Block:
        return Block(
            0, revision, self.name, seq, self._read_at_ms, flags,
            [self.ids[i] for i in indices],
            [self._sent_values[i] for i in indices],
            [self._sent_statuses[i] for i in indices],
            self._source_ms(indices),
        )  # fmt: skip

    def _source_ms(self, indices: Sequence[int]) -> list[int] | None:
        """When each value was taken, where that is not when it was computed: entered, or from before a restart."""
        if not any(self._sent_taken_ms[i] for i in indices):
            return None
        columns = ((self._sent_taken_ms[i], self._sent_statuses[i]) for i in indices)
        return [self._read_at_ms if s == GOOD_LOCAL_OVERRIDE else taken or self._read_at_ms for taken, s in columns]
