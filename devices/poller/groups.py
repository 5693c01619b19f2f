"""A scan group at work: its reads, and the columns of values, statuses and times that go on the bus."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bus.messages import FULL, LIVE, Block, Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_OUT_OF_SERVICE,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_LOCAL_OVERRIDE,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
)
from bus.streams import Entry
from devices.decode import Decoder
from devices.freshness import limit_ms
from devices.plan import Plan, Read
from devices.points import Point
from devices.poller.learned import Learned
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay
from devices.poller.schedule import Pause, Timetable, phase_s
from devices.poller.spec import GroupSpec, UnitSpec

_SCANS_IN_MEAN: Final = 64
MARK_BEFORE_LIMIT_S: Final = 0.5
SLOW_SCAN_S: Final = 1.0
"""A scan in which some value is older than this at the end says of each value when it was taken."""


@dataclass(frozen=True, slots=True)
class LastValue:
    """A value from before a restart: it stays on the screens, marked, until the device answers."""

    point: Point | None
    value: Value
    taken_ms: int


@dataclass(slots=True)
class Slot:
    """One read and where its values stand in the columns."""

    read: Read
    decoder: Decoder
    begin: int
    end: int
    good: list[int]
    pause: Pause = field(default_factory=Pause)
    held_until: float = 0.0
    """Not asked before then."""
    retry_at: float = 0.0
    """Asked out of turn then; 0: not wanted."""
    tries: int = 0
    """Retries since the last answer."""
    is_searched: bool = False
    """It was refused, and why is being found out: it is not asked as a whole."""
    taken_at: float = 0.0
    """Monotonic time of the last good answer; 0 before the first."""
    is_lost: bool = True
    is_refused: bool = False
    """The device has answered that it will not, or not now; nothing else came since."""

    def hold_back(self, now: float) -> None:
        """Leave this one read alone for a while; it cost its time-out or the connection."""
        self.held_until = now + self.pause.next_s(now)

    def moved(self, begin: int) -> "Slot":
        """The same at another place in the columns."""
        self.begin, self.end = begin, begin + len(self.good)
        return self


class ScanGroup:
    """The tags of one device with one scan period. Times in ms are UTC, `now` is monotonic seconds."""

    def __init__(
        self,
        spec: GroupSpec,
        unit: UnitSpec,
        outbox: Outbox,
        now: float,
        last: Mapping[int, LastValue],
        learned: Learned,
        overlay: Overlay | None = None,
    ) -> None:
        self.name = spec.name
        self.scan_s = spec.scan_ms / 1000
        self.timetable = Timetable(self.scan_s, phase_s(unit.device, self.scan_s), now)
        self.mark_after_s = limit_ms(spec.scan_ms) / 1000 - MARK_BEFORE_LIMIT_S
        self.published_at = now
        self._scans_at: deque[float] = deque(maxlen=_SCANS_IN_MEAN)
        self._outbox = outbox
        self._overlay = Overlay() if overlay is None else overlay
        self._spec = spec
        self._max_gap = unit.max_gap
        self._learned = learned
        self.slots: list[Slot] = []
        self.points: list[Point] = []
        self.illegal: tuple[Point, ...] = ()
        """What the device refuses: no request asks for it, until it is tried again."""
        self.ids: list[int] = []
        self._values: list[Value] = []
        self._statuses: list[int] = []
        self._taken_ms: list[int] = []
        self._sent_values: list[Value] = []
        self._sent_statuses: list[int] = []
        self._read_at_ms = 0
        self._is_slow = False
        self._generation = -1
        self._learned_version = learned.version
        self._lay_out(learned.plan(spec.name, spec.points, unit.max_gap))
        self.is_read = bool(self.slots)
        """There is something to read, by the configuration."""
        for i, point in enumerate(self.points[: self._read_count]):
            self._remember(i, last.get(point.tag))

    @property
    def _read_count(self) -> int:
        """How many of the columns are read; those that are not follow."""
        return self.slots[-1].end if self.slots else 0

    def _lay_out(self, made: Plan) -> None:
        """Slots and columns by the plan; what was known of a tag stays."""
        known = zip(self.ids, self._values, self._statuses, self._taken_ms, strict=True)
        before = {tag: (value, status, taken) for tag, value, status, taken in known}
        refused = {p.tag for p in self.points[self._read_count :]}
        self.slots = self._slots(made.reads)
        in_order = [p for slot in self.slots for p in slot.decoder.points]
        unread = [*made.illegal, *made.impossible]
        self.points, self.illegal = [*in_order, *unread], made.illegal
        self.ids = [*(p.tag for p in self.points), *self._spec.parked]
        fresh = (None, BAD_WAITING_FOR_INITIAL_DATA, 0)
        rows = [fresh if p.tag in refused else before.get(p.tag, fresh) for p in in_order]
        rows += [(None, BAD_CONFIGURATION_ERROR, 0)] * len(unread)
        rows += [(None, BAD_OUT_OF_SERVICE, 0)] * len(self._spec.parked)
        self._values = [value for value, _, _ in rows]
        self._statuses = [status for _, status, _ in rows]
        self._taken_ms = [taken for _, _, taken in rows]
        self._sent_values, self._sent_statuses = [], []
        self._generation = -1

    def _slots(self, reads: tuple[Read, ...]) -> list[Slot]:
        """A request that stays the same keeps its slot, pauses and all."""
        before = {slot.read: slot for slot in self.slots}
        taken_at = {p.tag: slot.taken_at for slot in self.slots for p in slot.read.points}
        slots, begin = [], 0
        for read in reads:
            if (slot := before.get(read)) is not None:
                slot = slot.moved(begin)
                slot.is_searched = False
            else:
                size = len(read.points)
                slot = Slot(read, Decoder(read), begin, begin + size, [GOOD] * size)
                slot.taken_at = min(taken_at.get(p.tag, 0.0) for p in read.points)
            slots.append(slot)
            begin = slot.end
        return slots

    def plan_anew(self) -> bool:
        """When more is known of the device than at the last plan. Whether the requests changed."""
        if self._learned_version == self._learned.version:
            return False
        self._learned_version = self._learned.version
        made = self._learned.plan(self.name, self._spec.points, self._max_gap)
        if made.reads == tuple(slot.read for slot in self.slots):
            for slot in self.slots:
                slot.is_searched = self._learned.is_searching(self.name, slot.read)
            return False
        self._lay_out(made)
        for slot in self.slots:
            slot.is_searched = self._learned.is_searching(self.name, slot.read)
        return True

    def _remember(self, i: int, last: LastValue | None) -> None:
        if last is not None and last.value is not None and last.point in (None, self.points[i]):
            self._values[i], self._taken_ms[i] = last.value, last.taken_ms
            self._statuses[i] = UNCERTAIN_NO_COMMUNICATION

    def last_values(self) -> dict[int, LastValue]:
        """What a successor of this group should remember."""
        columns = zip(self.points, self._values, self._taken_ms, strict=False)
        return {p.tag: LastValue(p, value, taken) for p, value, taken in columns if value is not None}

    def take(self, slot: Slot, payload: bytes, now: float, now_ms: int) -> None:
        """A good answer."""
        values, statuses = slot.decoder.decode(payload)
        begin, end = slot.begin, slot.end
        self._values[begin:end] = values
        self._statuses[begin:end] = slot.good if statuses is None else statuses
        self._taken_ms[begin:end] = [now_ms] * (end - begin)
        if slot.is_lost:
            slot.is_lost = slot.is_refused = False
            slot.pause = Pause()
            slot.held_until, slot.retry_at, slot.tries = 0.0, 0.0, 0
        slot.taken_at = now

    def refuse(self, slot: Slot, status: int) -> None:
        """The device has said that it will not: the tags of this read have no value."""
        slot.is_lost = slot.is_refused = True
        for i in range(slot.begin, slot.end):
            self._values[i] = None
            self._statuses[i] = status

    def lose(self, slot: Slot, never: int, kept: int = UNCERTAIN_NO_COMMUNICATION) -> None:
        """No value: last ones stay with status `kept`; a tag without one gets status `never`.

        `kept` is UNCERTAIN_LAST_USABLE where the device has answered: busy, failed for a moment, refused and searched.
        """
        slot.is_lost, slot.is_refused = True, kept == UNCERTAIN_LAST_USABLE
        for i in range(slot.begin, slot.end):
            self._statuses[i] = never if self._values[i] is None else kept

    def lose_all(self, never: int) -> None:
        """Nothing is read: how long that lasts says nothing of how quick the device is."""
        self._scans_at.clear()
        for slot in self.slots:
            self.lose(slot, never)

    def refuse_all(self, status: int) -> None:
        for slot in self.slots:
            self.refuse(slot, status)

    def is_overdue(self, now: float) -> bool:
        """Nothing was said, or something good was not read, for `mark_after_s`: a scan takes too long."""
        return now - self.published_at > self.mark_after_s or any(
            not slot.is_lost and now - slot.taken_at > self.mark_after_s for slot in self.slots
        )

    def lose_older_than(self, now: float, never: int) -> None:
        """Whatever has not been read for `mark_after_s`. What the device refused stays refused: it has answered."""
        for slot in self.slots:
            if now - slot.taken_at > self.mark_after_s and not slot.is_refused:
                self.lose(slot, never)

    def take_out_of_use(self) -> None:
        """Every tag of it, whatever it was. Nothing is asked any more, so nothing is known."""
        for slot in self.slots:
            slot.is_lost = True
            slot.taken_at = 0.0
        self._values = [None] * len(self.ids)
        self._statuses = [BAD_OUT_OF_SERVICE] * len(self.ids)

    def put_back(self) -> None:
        read, unread = self._read_count, len(self.points) - self._read_count
        self._statuses[: read + unread] = [BAD_WAITING_FOR_INITIAL_DATA] * read + [BAD_CONFIGURATION_ERROR] * unread

    def count_scan(self, now: float) -> None:
        self._scans_at.append(now)

    @property
    def achieved_ms(self) -> int | None:
        """The mean time between the last scans since it was read again."""
        if len(self._scans_at) < 2:
            return None
        return round((self._scans_at[-1] - self._scans_at[0]) * 1000 / (len(self._scans_at) - 1))

    def publish(self, revision: int, now: float, now_ms: int) -> None:
        """Put what changed, or all of it where readers need that, into the outbox."""
        self.published_at = now
        if now_ms != self._read_at_ms:
            self._is_slow = any(not slot.is_lost and now - slot.taken_at > SLOW_SCAN_S for slot in self.slots)
        self._read_at_ms = now_ms
        seq = self._outbox.next_seq(self.name)
        is_full = self._generation != self._outbox.generation
        values, statuses = self._values, self._statuses
        if self._overlay:
            values, statuses = self._overlay.apply(self.ids, values, statuses)
        if values != self._sent_values or statuses != self._sent_statuses:
            changed = self._changed(values, statuses)
            self._sent_values, self._sent_statuses = values[:], statuses[:]
        else:
            changed = []
        latest = self._latest(revision, seq)
        self._generation = self._outbox.generation
        if is_full:
            change = latest
        else:
            change = Block(
                0, revision, self.name, seq, now_ms, LIVE,
                [self.ids[i] for i in changed],
                [self._sent_values[i] for i in changed],
                [self._sent_statuses[i] for i in changed],
                self._source_ms(changed),
            )  # fmt: skip
        self._outbox.add(Entry(change, latest), now)

    @property
    def columns(self) -> tuple[list[Value], list[int]]:
        """Values and statuses in the order of `ids`, as they were published last; between a new plan and its first
        scan, as they will be."""
        if self._sent_statuses:
            return self._sent_values, self._sent_statuses
        return self._overlay.apply(self.ids, self._values, self._statuses)

    def publish_again(self, revision: int, now: float) -> None:
        """The same once more in full, as of the last scan: readers have missed something."""
        if self._read_at_ms:
            published_at = self.published_at
            self.publish(revision, now, self._read_at_ms)
            self.published_at = published_at  # nothing was read: a request that hangs hangs as long as before

    def _changed(self, values: list[Value], statuses: list[int]) -> list[int]:
        if len(self._sent_values) != len(values):
            return list(range(len(values)))
        columns = zip(values, self._sent_values, statuses, self._sent_statuses, strict=True)
        return [i for i, (v, old, s, old_s) in enumerate(columns) if v != old or s != old_s]

    def _latest(self, revision: int, seq: int) -> Block:
        return Block(
            0, revision, self.name, seq, self._read_at_ms, FULL,
            self.ids, self._sent_values, self._sent_statuses, self._source_ms(range(len(self.ids))),
        )  # fmt: skip

    def _source_ms(self, indices: list[int] | range) -> list[int] | None:
        """When each value was taken, where that is not when the scan ended: kept from before, or read slowly."""
        statuses, read_at_ms = self._sent_statuses, self._read_at_ms
        if self._is_slow:
            columns = ((self._taken_ms[i], statuses[i]) for i in indices)
            return [read_at_ms if s == GOOD_LOCAL_OVERRIDE else taken or read_at_ms for taken, s in columns]
        if not any(slot.is_lost for slot in self.slots):
            return None
        kept = (UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE)
        if not any(statuses[i] in kept for i in indices):
            return None
        return [self._taken_ms[i] if statuses[i] in kept else read_at_ms for i in indices]
