"""What the live hub knows, and how it becomes rows on the wire. Pure: times are arguments.

`now_ms` and every other moment here is of the monotonic clock; `wall_ms` is the wall clock, asked only to bound the age
of a block. A change number (`no`) grows with whatever happens in the hub; a reader who has everything up to some number
is sent the rows above it, always with their newest value, so nobody ever sees an older value after a newer.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bus.messages import Block, Value
from bus.quality import BAD_OUT_OF_SERVICE, BAD_WAITING_FOR_INITIAL_DATA
from bus.wire import wire_value
from devices import freshness
from devices.snapshot import TagEntry

NOTHING: Final = -1
"""The change number of a reader who has been sent nothing."""
_BAD_BIT: Final = 0x80000000


class Cell:
    """One tag: its newest value, and since which change number it stands."""

    __slots__ = ("id", "no", "settled_row", "source_ms", "status", "taken_ms", "value")

    def __init__(self, tag_id: int, status: int = BAD_WAITING_FOR_INITIAL_DATA) -> None:
        self.id = tag_id
        self.value: Value = None
        self.status = status
        self.source_ms: int | None = None
        """When the value was taken (wall clock of the poller), if before its group was read."""
        self.taken_ms = 0
        """The same moment by the monotonic clock here."""
        self.no = 0
        self.settled_row: str | None = None
        """The row as text, once written, if it does not change with time."""

    def set(self, value: Value, status: int, source_ms: int | None, taken_ms: int, no: int) -> bool:
        """Returns whether that is a change."""
        if value == self.value and status == self.status and source_ms == self.source_ms:
            return False
        self.value, self.status, self.source_ms, self.taken_ms = value, status, source_ms, taken_ms
        self.no, self.settled_row = no, None
        return True

    def row(self, now_ms: int) -> str:
        """`[tag_id,value,status,age_ms]` as JSON; the age only where the value is older than its group."""
        head = f"[{self.id},{_json(self.value, self.status)},{self.status},"
        if self.source_ms is not None:
            return f"{head}{max(0, now_ms - self.taken_ms)}]"
        self.settled_row = f"{head}null]"
        return self.settled_row


def _json(value: Value, status: int) -> str:
    if type(value) is float and not status & _BAD_BIT and math.isfinite(value):
        return repr(value)  # nearly all values, ten times as fast as the general way
    return json.dumps(wire_value(value, status))


class GroupValues:
    """The cells of one scan group, when the group was read, and its newest change."""

    __slots__ = ("cells", "is_held_back", "no", "read_at_ms", "read_ms", "seq")

    def __init__(self) -> None:
        self.cells: dict[int, Cell] = {}
        self.read_ms: int | None = None
        """When the group was read, by the monotonic clock here; `read_at_ms` is the poller's own word for it."""
        self.read_at_ms = -1
        self.is_held_back = False
        """Something has changed that nobody has been told of yet: it came as backfill."""
        self.seq = -1
        self.no = 0

    def cell(self, tag_id: int) -> Cell:
        found = self.cells.get(tag_id)
        if found is None:
            found = self.cells[tag_id] = Cell(tag_id)
        return found

    def age_ms(self, now_ms: int) -> int | None:
        """Since the group was read; None when it never was."""
        return None if self.read_ms is None else max(0, now_ms - self.read_ms)

    def apply(self, block: Block, read_ms: int, no: int) -> bool:
        """Take the values of a block that was read at `read_ms`. Returns whether there is something to tell.

        A backfill block moves the state on, because what follows builds on it, but it is no news: it neither makes its
        group fresh nor goes out before the next live block does. A scan that is said once more is as old as before.
        """
        self.seq = block.seq
        if not block.is_backfill and (block.read_at_ms != self.read_at_ms or self.read_ms is None):
            self.read_ms, self.read_at_ms = read_ms, block.read_at_ms
        has_changed = self._forget_all_but(block.ids, no) if block.is_full else False
        if self._take(block, no) if block.source_ms is None else self._take_dated(block, block.source_ms, read_ms, no):
            has_changed = True
        if has_changed:
            self.no = no
        self.is_held_back |= has_changed
        if block.is_backfill or not self.is_held_back:
            return False
        self.is_held_back = False
        return True

    def _take(self, block: Block, no: int) -> bool:
        """Every value as old as the block: nearly always. Ten thousand times a second, hence written out."""
        has_changed, known = False, self.cells
        for tag_id, value, status in zip(block.ids, block.values, block.statuses, strict=True):
            cell = known.get(tag_id) or self.cell(tag_id)
            if value != cell.value or status != cell.status or cell.source_ms is not None:
                cell.value, cell.status, cell.source_ms = value, status, None
                cell.no, cell.settled_row = no, None
                has_changed = True
        return has_changed

    def _take_dated(self, block: Block, sources: Sequence[int], read_ms: int, no: int) -> bool:
        """Some values were taken earlier: the last ones before a link was lost."""
        has_changed = False
        for tag_id, value, status, source_ms in zip(block.ids, block.values, block.statuses, sources, strict=True):
            behind_ms = block.read_at_ms - source_ms
            source = source_ms if behind_ms > 0 else None
            if self.cell(tag_id).set(value, status, source, read_ms - behind_ms, no):
                has_changed = True
        return has_changed

    def _forget_all_but(self, ids: Iterable[int], no: int) -> bool:
        """A tag that a full block does not name is not read in this group any more."""
        gone = self.cells.keys() - set(ids)
        return sum(self.cells[i].set(None, BAD_WAITING_FOR_INITIAL_DATA, None, 0, no) for i in gone) > 0


class LiveValues:
    """Every value on the bus. One per web process."""

    def __init__(self, first_no: int = 1) -> None:
        self.epoch = 0
        self.no = first_no
        self.groups: dict[str, GroupValues] = {}

    def group(self, name: str) -> GroupValues:
        found = self.groups.get(name)
        if found is None:
            found = self.groups[name] = GroupValues()
        return found

    def next_no(self) -> int:
        self.no += 1
        return self.no

    def replace(self, epoch: int, blocks: Mapping[str, Block], now_ms: int, wall_ms: int) -> set[str]:
        """Everything as the bus has it now. Returns the groups that changed.

        A group the bus does not have (any more) keeps its last values and grows old: an empty Redis is no news.
        """
        self.epoch = epoch
        no = self.next_no()
        return {name for name, b in blocks.items() if self._take_up(self.group(name), b, now_ms, wall_ms, no)}

    def _take_up(self, group: GroupValues, block: Block, now_ms: int, wall_ms: int, no: int) -> bool:
        """One group of `replace`. How long it lay on the bus is not known, so the wall clock says it; but a block
        that is newer than one we have had cannot be older than that one."""
        if group.read_ms is not None and group.seq == block.seq:
            return group.apply(block, group.read_ms, no)
        age_ms = max(0, wall_ms - block.read_at_ms)
        if group.read_ms is not None:
            age_ms = min(age_ms, now_ms - group.read_ms)
        return group.apply(block, now_ms - age_ms, no)

    def apply(self, blocks: Iterable[Block], waited_ms: int, now_ms: int, wall_ms: int) -> set[str]:
        """News in the order of the bus. Returns the groups that have something new to show."""
        no = self.next_no()
        changed: set[str] = set()
        for block in blocks:
            age_ms = freshness.age_at_arrival_ms(block.read_at_ms, wall_ms, waited_ms)
            group = self.group(block.group)
            if group.apply(block, now_ms - age_ms, no):
                changed.add(block.group)
        return changed


class Feed:
    """A set of tags that somebody looks at, as frames."""

    def __init__(self, values: LiveValues, tags: Iterable[TagEntry], switched_off: frozenset[int]) -> None:
        self._values = values
        self._cells: list[tuple[GroupValues, list[Cell]]] = []
        by_group: dict[str, list[int]] = {}
        for tag in tags:
            if tag.id not in switched_off:
                by_group.setdefault(tag.group, []).append(tag.id)
        for name, ids in by_group.items():
            group = values.group(name)
            self._cells.append((group, [group.cell(i) for i in ids]))
        self._off = [Cell(tag.id, BAD_OUT_OF_SERVICE) for tag in tags if tag.id in switched_off]
        self.groups = frozenset(by_group)

    def rows_after(self, no: int, now_ms: int) -> list[str]:
        """The rows that changed after this change number; with NOTHING, all of them."""
        rows = [cell.row(now_ms) for cell in self._off] if no == NOTHING else []
        for group, cells in self._cells:
            if group.no > no or no == NOTHING:
                rows += [cell.settled_row or cell.row(now_ms) for cell in cells if cell.no > no]
        return rows

    def frame(self, seq: int, no: int, now_ms: int, ages: str = "") -> str | None:
        """The frame that brings a reader from change number `no` to `seq`; None when there is nothing to say."""
        rows = self.rows_after(no, now_ms)
        return frame_text(seq, self._values.epoch, rows, ages) if rows or no == NOTHING else None


def frame_text(seq: int, epoch: int, rows: Iterable[str], ages: str = "") -> str:
    """`ages`: what a heartbeat says (protocol.ages()), where the frame takes its place."""
    told = f'"ages":{{{ages}}},' if ages else ""
    return f'{{"type":"frame","seq":{seq},"epoch":{epoch},{told}"rows":[{",".join(rows)}]}}'
