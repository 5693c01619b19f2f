"""Blocks of the stream become rows of history: a function of the stream and the rules alone, whenever it runs. Pure.

Each scan group has a clock of its own, the `read_at_ms` of its blocks. A block proves that what it does not name
stands as it was. Where a group was silent for longer than values stay Good (UA-05), what stood is stored at its last
proof, and a row without a value ends the line; where the clock stepped back, every line ends and goes on (HIS-02).

The tags of a group are looked through every SWEEP_MS, not at each block: for heartbeats, and for values that wait for
a next one that does not come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

import msgpack

from bus.messages import Block, Value
from bus.quality import UNCERTAIN, UNCERTAIN_LAST_USABLE, UNCERTAIN_NO_COMMUNICATION, is_good
from devices.freshness import limit_ms
from historian.compress import NEVER, Stepped, machine_of
from historian.samples import Row
from historian.series import Rule, SeriesKind

VERSION: Final = 1
SWEEP_MS: Final = 5000
FUTURE_MS: Final = 5000
"""A source time further ahead of the server's is not believed (HIS-08)."""
_INFO_BITS: Final = 0xFFFF
_KEPT: Final = (UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE)
"""Last usable values of a lost link: in history they stand from when that was said, not from when they were taken."""


class BadState(ValueError):
    """The bytes are no dump of this version, or are damaged. Begin without one."""


@dataclass(slots=True, eq=False)
class _Group:
    limit_ms: int
    read_at_ms: int = 0
    """Of its newest block; 0: there was none."""
    sweep_at_ms: int = 0
    overlaps_until_ms: int = 0
    """The clock stepped back: until then rows of before stand between those of now. 0: none do."""
    tags: dict[int, Stepped] = field(default_factory=dict)
    """Those whose newest value came in a block of this group."""


class Recording:
    """`rules`: tag id -> how it is recorded, by its series number; tags without one are left out. `groups`: tag id ->
    its scan group and scan period.

    `late`, `clamped`: values that came with an older time than the newest of their series, and with one in the future.
    """

    def __init__(self, rules: Mapping[int, Rule], groups: Mapping[int, tuple[str, int]]) -> None:
        self.late = self.clamped = 0
        self._machines: dict[int, Stepped] = {}
        self._groups: dict[str, _Group] = {}
        self._left: list[_Group] = []
        """One each for tags that a FULL block of their group did not name: nothing proves them until they are back."""
        self._owed: list[Row] = []
        """What a change of the rules between dump and restore has brought."""
        self._set(rules, groups)
        for tag, rule in rules.items():
            self._machines[tag] = machine_of(rule)

    def _set(self, rules: Mapping[int, Rule], groups: Mapping[int, tuple[str, int]]) -> None:
        self._rules, self._scans = dict(rules), {tag: groups[tag] for tag in rules}
        self._limits = {name: limit_ms(scan_ms) for name, scan_ms in self._scans.values()}
        self._packed_rules = b""
        for name, group in self._groups.items():
            group.limit_ms = self._limits.get(name, group.limit_ms)
            group.sweep_at_ms = 0

    # -- the stream

    def take(self, block: Block) -> list[Row]:
        rows, self._owed = self._owed, []
        group = self._group(block)
        if group is None:
            return rows
        read_at_ms = block.read_at_ms
        if group.read_at_ms:
            if read_at_ms < group.read_at_ms:
                _step_back(group, rows)
            elif read_at_ms - group.read_at_ms > group.limit_ms:
                _end(group, group.read_at_ms + group.limit_ms, read_at_ms, rows)
            if group.overlaps_until_ms and read_at_ms > group.overlaps_until_ms:
                _leave_overlap(group, rows)
        self._take_values(block, group, rows)
        if block.is_full:
            self._leave(group, block.ids)
        group.read_at_ms = read_at_ms
        if read_at_ms >= group.sweep_at_ms:
            _sweep(group, rows)
        return rows

    def begin(self, block: Block) -> list[Row]:
        """First values of tags that are recorded from now on, out of the newest values of their group, which may be
        ahead of the stream: they prove nothing about other tags, and the clock of the group stays."""
        rows, self._owed = self._owed, []
        group = self._group(block)
        if group is not None:
            self._take_values(block, group, rows)
        return rows

    def unheard(self) -> set[int]:
        """Tags of which nothing is known: those that stand still do not come by themselves, and want begin()."""
        return {tag for tag, machine in self._machines.items() if machine.status == NEVER}

    def _group(self, block: Block) -> _Group | None:
        """None: no tag of it was ever recorded."""
        group = self._groups.get(block.group)
        if group is None:
            known = [self._scans[tag][1] for tag in block.ids if tag in self._scans]
            if block.group not in self._limits and not known:
                return None
            group = _Group(self._limits.get(block.group) or limit_ms(max(known)))
            self._groups[block.group] = group
        return group

    def _take_values(self, block: Block, group: _Group, rows: list[Row]) -> None:
        if block.source_ms is not None:
            self._take_dated(block, block.source_ms, group, rows)
            return
        read_at_ms, proof_ms = block.read_at_ms, group.read_at_ms
        machine_of_tag = self._machines.get
        for tag, value, status in zip(block.ids, block.values, block.statuses, strict=True):
            machine = machine_of_tag(tag)
            if machine is None:
                continue
            if machine.group is not group:
                self._take_moved(machine, tag, group, (read_at_ms, value, status, read_at_ms), rows)
            elif value == machine.value and status == machine.told:
                continue
            elif machine.take(read_at_ms, value, status, read_at_ms, proof_ms, rows):
                self._count_late(group)

    def _take_dated(self, block: Block, source_ms: Iterable[int], group: _Group, rows: list[Row]) -> None:
        read_at_ms, proof_ms = block.read_at_ms, group.read_at_ms
        for tag, value, said, source in zip(block.ids, block.values, block.statuses, source_ms, strict=True):
            machine = self._machines.get(tag)
            if machine is None:
                continue
            is_ahead = source > read_at_ms + FUTURE_MS
            status = UNCERTAIN | said & _INFO_BITS if is_ahead and is_good(said) else said
            is_source = not is_ahead and source > 0 and said & ~_INFO_BITS not in _KEPT
            ms = source if is_source else read_at_ms
            if machine.group is group and value == machine.value and status == machine.told:
                continue
            self.clamped += is_ahead
            if machine.group is not group:
                self._take_moved(machine, tag, group, (ms, value, status, read_at_ms), rows)
            elif machine.take(ms, value, status, read_at_ms, proof_ms, rows):
                self._count_late(group)

    def _take_moved(
        self, machine: Stepped, tag: int, group: _Group, said: tuple[int, Value, int, int], rows: list[Row]
    ) -> None:
        """The first value in this group: until the last block of its former one it stood."""
        ms, value, status, read_at_ms = said
        former: _Group | None = machine.group
        proof_ms = 0
        if former is not None:
            proof_ms = former.read_at_ms
            if read_at_ms - proof_ms > former.limit_ms:
                machine.close(proof_ms, rows)
                machine.mark(proof_ms + former.limit_ms, read_at_ms, rows)
            elif read_at_ms < proof_ms:
                _reopen(machine, proof_ms, rows)
                group.overlaps_until_ms = max(group.overlaps_until_ms, proof_ms)
            self._take_out(machine, tag)
        machine.group = group
        group.tags[tag] = machine
        is_same = value == machine.value and status == machine.told
        if not is_same and machine.take(ms, value, status, read_at_ms, proof_ms, rows):
            self._count_late(group)
        if machine.exc_max_ms:
            group.sweep_at_ms = min(group.sweep_at_ms, read_at_ms + machine.exc_max_ms)

    def _count_late(self, group: _Group) -> None:
        self.late += 1
        group.sweep_at_ms = 0  # what stands now is told at the end of this block

    def _leave(self, group: _Group, ids: Iterable[int]) -> None:
        """The block names every tag of the group, but not these."""
        for tag in sorted(group.tags.keys() - set(ids)):
            machine = group.tags.pop(tag)
            machine.group = _Group(group.limit_ms, group.read_at_ms, tags={tag: machine})
            self._left.append(machine.group)

    def _take_out(self, machine: Stepped, tag: int) -> None:
        group: _Group = machine.group
        del group.tags[tag]
        machine.group = None
        if not group.tags and group in self._left:
            self._left.remove(group)

    # -- ends

    def began_anew(self, at_ms: int) -> list[Row]:
        """Entries of the stream are lost, at least up to `at_ms`: nothing is known since. The blocks that follow are of
        a later time than `at_ms`."""
        return self._end_all(at_ms)

    def stop(self, at_ms: int) -> list[Row]:
        """Recording ends as planned (HIS-02)."""
        return self._end_all(at_ms)

    def _end_all(self, at_ms: int) -> list[Row]:
        rows, self._owed = self._owed, []
        for group in self._all_groups():
            latest_ms = group.read_at_ms + group.limit_ms
            _end(group, min(max(at_ms, group.read_at_ms + 1), latest_ms), max(at_ms, group.read_at_ms), rows)
        return rows

    def _all_groups(self) -> list[_Group]:
        return [*self._groups.values(), *self._left]

    def configure(self, rules: Mapping[int, Rule], groups: Mapping[int, tuple[str, int]]) -> list[Row]:
        """A tag without a rule ends, with its last value and a marker; so does the series of one that gets another.
        Where only the rule is another, the line is stored up to here and goes on."""
        rows, self._owed = self._owed, []
        for tag, machine in sorted(self._machines.items()):
            rule = rules.get(tag)
            if rule == machine.rule:
                continue
            group: _Group | None = machine.group
            machine.close(group.read_at_ms if group is not None else 0, rows)
            if rule is not None and rule.series == machine.series:
                self._machines[tag] = adopted = machine_of(rule)
                adopted.adopt(machine)
                if group is not None:
                    group.tags[tag] = adopted
                continue
            if group is not None:
                machine.mark(group.read_at_ms + 1, group.read_at_ms, rows)
                self._take_out(machine, tag)
            del self._machines[tag]
        for tag, rule in rules.items():
            if tag not in self._machines:
                self._machines[tag] = machine_of(rule)
        self._set(rules, groups)
        names = {name for name, _ in self._scans.values()}
        self._groups = {name: group for name, group in self._groups.items() if group.tags or name in names}
        return rows

    # -- memory

    def dump(self) -> bytes:
        """All that take() remembers; with the same rules, restore() goes on exactly from here."""
        groups = self._all_groups()
        names = [*self._groups, *([""] * len(self._left))]
        body: bytes = msgpack.packb(
            [
                VERSION,
                self._rules_packed(),
                [
                    [name, g.limit_ms, g.read_at_ms, g.sweep_at_ms, g.overlaps_until_ms]
                    for name, g in zip(names, groups, strict=True)
                ],
                [[place, tag, m.dump()] for place, g in enumerate(groups) for tag, m in g.tags.items()],
                self._owed,
                [self.late, self.clamped],
            ]
        )
        return crc32(body).to_bytes(4, "big") + body

    def _rules_packed(self) -> bytes:
        if not self._packed_rules:
            place_of: dict[tuple[Any, ...], int] = {}
            tags = [
                [tag, rule.series, place_of.setdefault(_fields(rule), len(place_of)), *self._scans[tag]]
                for tag, rule in self._rules.items()
            ]
            packed: bytes = msgpack.packb([list(place_of), tags])
            self._packed_rules = packed
        return self._packed_rules

    def restore(self, raw: bytes) -> None:
        """Go on from a dump. What the rules of then made other than those of now comes with the next rows. Raises
        BadState, and is as it was."""
        rules, scans = self._rules, self._scans
        restored = _restored(raw)
        self.__dict__.update(restored.__dict__)
        self._owed = self.configure(rules, scans) if (rules, scans) != (self._rules, self._scans) else self._owed

    def _fill(self, groups: Any, tags: Any) -> None:
        filled = [(name, _Group(*fields)) for name, *fields in groups]
        self._groups = {name: group for name, group in filled if name}
        self._left = [group for name, group in filled if not name]
        for place, tag, fields in tags:
            group, machine = filled[place][1], self._machines[tag]
            machine.restore(fields)
            machine.group = group
            group.tags[tag] = machine


def _restored(raw: bytes) -> Recording:
    body = raw[4:]
    if crc32(body).to_bytes(4, "big") != raw[:4]:
        raise BadState("The memory of recording is damaged: its checksum differs.")
    try:
        version, *fields = msgpack.unpackb(body, strict_map_key=False)
        if version != VERSION:
            raise BadState(f"The memory of recording has version {version!r}; this program reads version {VERSION}.")
        packed_rules, groups, tags, owed, counters = fields
        kinds, rules = msgpack.unpackb(packed_rules)
        recording = Recording(
            {tag: _rule(series, kinds[place]) for tag, series, place, _, _ in rules},
            {tag: (name, scan_ms) for tag, _, _, name, scan_ms in rules},
        )
        recording._fill(groups, tags)
        recording._owed = [tuple(row) for row in owed]
        recording.late, recording.clamped = counters
    except BadState:
        raise
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise BadState(f"The memory of recording cannot be read: {error}") from error
    return recording


def _fields(rule: Rule) -> tuple[Any, ...]:
    """All but the series, in the order of Rule."""
    exception = rule.exc_dev, rule.exc_min_ms, rule.exc_max_ms
    return rule.kind, rule.is_stepped, *exception, rule.comp_dev, rule.comp_min_ms, rule.comp_max_ms


def _rule(series: int, fields: Any) -> Rule:
    kind, *rest = fields
    return Rule(series, SeriesKind(kind), *rest)


# -- all tags of a group


def _end(group: _Group, marker_ms: int, server_ms: int, rows: list[Row]) -> None:
    """What stood until the last proof, and that nothing is known after."""
    for machine in group.tags.values():
        machine.close(group.read_at_ms, rows)
        machine.mark(marker_ms, server_ms, rows)
    group.sweep_at_ms = 0


def _step_back(group: _Group, rows: list[Row]) -> None:
    newest_ms = max((machine.newest_ms for machine in group.tags.values()), default=0)
    group.overlaps_until_ms = max(group.overlaps_until_ms, group.read_at_ms, newest_ms)
    for machine in group.tags.values():
        _reopen(machine, group.read_at_ms, rows)
    group.sweep_at_ms = 0


def _reopen(machine: Stepped, proof_ms: int, rows: list[Row]) -> None:
    """The line ends; another begins at any time, also an earlier one."""
    machine.close(proof_ms, rows)
    machine.forget()
    machine.newest_ms = 0


def _leave_overlap(group: _Group, rows: list[Row]) -> None:
    """The newest row of before the step says what stood then: what stands now is told after it."""
    for machine in group.tags.values():
        machine.close(group.read_at_ms, rows)
        machine.forget()
        machine.newest_ms = max(machine.newest_ms, group.overlaps_until_ms)
    group.overlaps_until_ms = 0
    group.sweep_at_ms = 0


def _sweep(group: _Group, rows: list[Row]) -> None:
    """Tell, store or repeat what is due, and reckon when something is due again."""
    now_ms = group.read_at_ms
    next_ms, before_ms = now_ms + SWEEP_MS, now_ms - SWEEP_MS
    for machine in group.tags.values():
        if machine.told == NEVER:
            if machine.status == NEVER:
                continue
            if now_ms <= machine.newest_ms:  # a source ahead of the server's clock
                next_ms = min(next_ms, machine.newest_ms + 1)
                continue
            machine.tell(now_ms, rows)
        if machine.candidate is not None or machine.prev is not None:
            machine.settle(now_ms, before_ms, rows)
        if machine.exc_max_ms:
            due_ms = (machine.held_ms if machine.is_filtered else machine.newest_ms) + machine.exc_max_ms
            if due_ms <= now_ms:
                machine.close(now_ms, rows)
                due_ms = now_ms + machine.exc_max_ms
            if due_ms < next_ms:
                next_ms = due_ms
    group.sweep_at_ms = next_ms
