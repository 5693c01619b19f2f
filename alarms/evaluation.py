"""From blocks of samples to what happened to alarms. Pure: the same blocks in the same order give the same events.

Every sample is judged, also a late one (backfill comes in order). Nothing here looks at what operators did: whether an
alarm was acknowledged or shelved changes nothing about whether its condition is true (ALM-02).

Delays count measured time (ALM-05): the clock of a scan group goes on with each of its blocks, changed values or not,
by the step of `read_at_ms`, never back and never by more than the age at which a value leaves Good. A step of the
wall clock or a gap therefore neither ripens nor starves a delay. The time of an alarm is that of the group of its tag.
Time counts between two blocks that both say so; inputs that cannot be used hold the alarm and pause its delay.

What costs is a tag that changes: most changes leave every alarm of the tag as it was, and two comparisons with the
bounds of its `WatchedTag` say so.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import repeat
from typing import Any, Final
from zlib import crc32

import msgpack

from alarms.causes import beyond
from alarms.condition import UNHEARD, Rate, Truth, judge_of
from alarms.definition import Definition, causes_of
from alarms.kinds import Event
from alarms.running import Clock, Raised, RunningAlarm, WatchedTag, mark_of
from bus.messages import Block, Value
from devices.expressions import ExpressionError
from devices.freshness import limit_ms

__all__ = ["BadState", "Evaluation", "Raised"]

VERSION: Final = 2
_SCAN_MS: Final = 1000
"""Of a group that is not known yet."""


class BadState(ValueError):
    """The bytes are not a state that this version dumped. Begin from the rows and the latest values."""


class Evaluation:
    """`definitions`: id -> what to evaluate. `groups`: tag id -> its scan group and the period of that in ms.

    `unreadable`: alarms with an expression that cannot be read, with the reason. They hold; the others go on.
    """

    def __init__(self, definitions: Mapping[int, Definition], groups: Mapping[int, tuple[str, int]]) -> None:
        self.unreadable: dict[int, str] = {}
        self._clocks: dict[str, Clock] = {}
        self._no_clock = Clock(0)
        """Of tags in no scan group: their alarms come without delay rather than never."""
        self._tags: dict[int, WatchedTag] = {}
        self._alarms: dict[int, RunningAlarm] = {}
        self._is_new = True
        """All are to be judged at the next block, whatever is in it."""
        self._read_at_ms = 0
        self._lay_out(definitions, groups)

    # -- the stream

    def take(self, block: Block) -> list[Raised]:
        """What this block leads to. Returns first, then ends and begins of suppressions, and the alarms they are about,
        causes before what follows from them: a cause and what it suppresses may begin in one scan, and end in one,
        without a needless call."""
        clock = self._clocks.get(block.group)
        if clock is None:
            clock = self._clocks[block.group] = Clock(limit_ms(_SCAN_MS))
        clock.go_on(block.read_at_ms)
        self._read_at_ms = block.read_at_ms
        touched = self._changed(block) if block.ids else {}
        found: list[Raised] = []
        if touched or clock.pending or self._is_new:
            found = self._follow(touched, clock, block.read_at_ms)
        clock.before_ms = clock.now_ms
        return found

    def _changed(self, block: Block) -> dict[WatchedTag, int]:
        """Take over the values. Returns the tags by which something may change, with the time of the sample."""
        tags, touched = self._tags, {}
        taken: Iterable[int] = block.source_ms or repeat(block.read_at_ms)
        for tag_id, value, status, ms in zip(block.ids, block.values, block.statuses, taken, strict=False):
            tag = tags.get(tag_id)
            if tag is None:
                continue
            tag.value, tag.status = value, status
            if status or value is None or isinstance(value, str) or not tag.low < value < tag.high:
                touched[tag] = ms
        return touched

    def _follow(self, touched: Mapping[WatchedTag, int], clock: Clock | None, ms: int) -> list[Raised]:
        looked: dict[RunningAlarm, int] = {}
        for tag, taken_ms in touched.items():
            for alarm in tag.alarms:
                looked[alarm] = max(taken_ms, looked.get(alarm, taken_ms))
        if clock is not None:
            for alarm in clock.pending:
                looked.setdefault(alarm, ms)
        if self._is_new:
            looked = dict.fromkeys(self._alarms.values(), ms) | looked
        turned = [(alarm, at) for alarm, at in looked.items() if self._look(alarm)]
        ruled = {alarm: at for tag, at in touched.items() for alarm in tag.suppresses}
        if self._is_new:
            ruled = dict.fromkeys(self._alarms.values(), ms) | ruled
        self._is_new = False
        for alarm in ruled:
            alarm.rule(self._tags)
        for alarm, at in turned:
            for child in alarm.children:
                ruled.setdefault(child, at)
        return _in_order(turned, ruled) if turned or ruled else []

    def _look(self, alarm: RunningAlarm) -> bool:
        was_still = alarm.is_still
        has_turned = alarm.look(self._tags)
        if alarm.is_pending:
            alarm.clock.pending[alarm] = None
        else:
            alarm.clock.pending.pop(alarm, None)
        if has_turned or alarm.is_still is not was_still:
            alarm.own.settle()
        return has_turned

    # -- the definitions

    def configure(self, definitions: Mapping[int, Definition], groups: Mapping[int, tuple[str, int]]) -> list[Raised]:
        """Go on with these. What is unchanged goes on as it stands, delays included. What was changed keeps being
        active or not until it is judged anew, now, by the last values. Of what is gone nothing is raised. Why an
        alarm is suppressed is told again."""
        self._lay_out(definitions, groups)
        for alarm in self._alarms.values():
            alarm.told = None
        self._is_new = True
        return self._follow({}, None, self._read_at_ms)

    def assume(self, active: Collection[int], suppressed: Collection[int], by_causes: Collection[int] = ()) -> None:
        """Conditions and suppressions as the rows have them; the others are false. Judged at the next block. Delays of
        those that stood otherwise begin anew. `by_causes`: of the suppressed, those that causes alone suppress; why an
        alarm is suppressed is told again."""
        for pk, alarm in self._alarms.items():
            alarm.told = None
            if alarm.active is not (pk in active):
                alarm.active = not alarm.active
                alarm.since_ms, alarm.spent_ms = None, 0
            alarm.suppressed = pk in suppressed
            alarm.is_ruled = alarm.suppressed and pk not in by_causes and alarm.truth is not None
        self._settle()
        self._is_new = True

    def standing(self) -> tuple[frozenset[int], frozenset[int]]:
        """The alarms that are active, and those that are suppressed."""
        alarms = self._alarms.items()
        return frozenset(pk for pk, a in alarms if a.active), frozenset(pk for pk, a in alarms if a.suppressed)

    def unheard(self) -> frozenset[int]:
        """Tags of which no value is known."""
        return frozenset(pk for pk, tag in self._tags.items() if tag.status == UNHEARD)

    def _lay_out(self, definitions: Mapping[int, Definition], groups: Mapping[int, tuple[str, int]]) -> None:
        before = self._alarms
        wanted = {*groups, *(tag for d in definitions.values() for tag in d.tags)}
        self._tags = {tag: self._tags.get(tag) or WatchedTag() for tag in wanted}
        for tag in self._tags.values():
            tag.alarms, tag.suppresses = [], []
        periods = dict(groups.values())
        self._clocks = {name: self._clocks.get(name) or Clock(0) for name in periods}
        for name, clock in self._clocks.items():
            clock.limit_ms = limit_ms(periods[name])
        self.unreadable = {}
        self._alarms = {d.id: self._laid_out(d, groups, before.get(d.id)) for d in definitions.values()}
        self._join(definitions)
        self._settle()

    def _laid_out(
        self, definition: Definition, groups: Mapping[int, tuple[str, int]], old: RunningAlarm | None
    ) -> RunningAlarm:
        tag = definition.condition.tags[0]
        clock = self._clocks[groups[tag][0]] if tag in groups else self._no_clock
        mark = old.mark if old is not None and old.definition == definition else mark_of(definition)
        alarm = RunningAlarm(definition, mark, clock, self._tags[tag])
        self._read(alarm)
        if old is not None:
            alarm.active, alarm.suppressed, alarm.told = old.active, old.suppressed, old.told
            alarm.is_ruled = old.is_ruled and alarm.truth is not None
        if old is not None and old.mark == alarm.mark and alarm.judge is not None:
            alarm.judge, alarm.spent_ms = old.judge, old.spent_ms
            if old.since_ms is not None:  # measured by another clock where the tag has moved to another group
                alarm.since_ms = old.since_ms + clock.now_ms - old.clock.now_ms
            if old.clock is not clock:
                alarm.forget_rate()
        return alarm

    def _read(self, alarm: RunningAlarm) -> None:
        definition, suppression = alarm.definition, alarm.definition.suppression
        try:
            alarm.judge = judge_of(definition.condition)
        except ExpressionError as error:
            self.unreadable[definition.id] = str(error)
        try:
            if suppression is not None and suppression.expression:
                alarm.truth = Truth(suppression.expression, suppression.inputs)
        except ExpressionError as error:
            self.unreadable[definition.id] = f"Suppression: {error}"
        judge = alarm.judge
        for tag in judge.tags if isinstance(judge, Truth) else definition.condition.tags:
            self._tags[tag].alarms.append(alarm)
        for tag in alarm.truth.tags if alarm.truth else ():
            self._tags[tag].suppresses.append(alarm)

    def _join(self, definitions: Mapping[int, Definition]) -> None:
        """Parents that are not evaluated are never active; those in a loop would hide themselves (ALM-15)."""
        causes = causes_of(definitions)
        for alarm in self._alarms.values():
            for pk in causes.get(alarm.definition.id, ()):
                alarm.parents.append(self._alarms[pk])
                self._alarms[pk].children.append(alarm)
        for alarm in self._alarms.values():
            alarm.depth = len(beyond([alarm.definition.id], causes)) if alarm.parents else 0

    def _settle(self) -> None:
        """What is derived from how the alarms stand."""
        for clock in (*self._clocks.values(), self._no_clock):
            clock.pending, clock.rates = {}, []
        for alarm in self._alarms.values():
            if isinstance(alarm.judge, Rate):
                alarm.clock.rates.append(alarm)
            if alarm.is_pending:
                alarm.clock.pending[alarm] = None
        for tag in self._tags.values():
            tag.settle()

    # -- to go on later

    def dump(self) -> bytes:
        """All that restore() needs to go on as if nothing had been in between."""
        clocks = {name: [c.now_ms, c.read_at_ms] for name, c in self._clocks.items()}
        tags = [(pk, tag.value, tag.status) for pk, tag in self._tags.items() if tag.status != UNHEARD]
        alarms = [a.state() for a in self._alarms.values()]
        packed: bytes = msgpack.packb(
            [VERSION, self._read_at_ms, clocks, *_columns(tags), [row for row in alarms if any(row[2:])]]
        )
        return crc32(packed).to_bytes(4) + packed

    def restore(self, raw: bytes) -> None:
        """Stand as the one did that was dumped. What was defined otherwise since is treated as by configure(), at the
        next block. Raises BadState; then nothing has changed."""
        if len(raw) < 5 or crc32(raw[4:]).to_bytes(4) != raw[:4]:
            raise BadState("the state is damaged: its checksum does not fit")
        fields = msgpack.unpackb(raw[4:], strict_map_key=False)
        if fields[0] != VERSION:
            raise BadState(f"a state of version {fields[0]!r}; this program reads version {VERSION}")
        _, self._read_at_ms, clocks, ids, values, statuses, alarms = fields
        rows = {row[0]: row for row in alarms}
        for name, (now, at) in clocks.items():
            clock = self._clocks.setdefault(name, Clock(limit_ms(_SCAN_MS)))
            clock.now_ms, clock.before_ms, clock.read_at_ms = now, now, at
        for pk, value, status in zip(ids, values, statuses, strict=True):
            if pk in self._tags:
                self._tags[pk].value, self._tags[pk].status = value, status
        for pk, alarm in self._alarms.items():
            alarm.stand(rows.get(pk))
        self._settle()
        self._is_new = True


def _in_order(turned: list[tuple[RunningAlarm, int]], ruled: Mapping[RunningAlarm, int]) -> list[Raised]:
    """`ruled`: whose suppression may have begun or ended, or have another reason."""
    found: list[tuple[tuple[int, int, int], Raised]] = []
    begun = set()
    for alarm, at in ruled.items():
        wanted = alarm.is_to_be_suppressed
        reason = alarm.reason if wanted else None
        if wanted is alarm.suppressed and reason == alarm.told:
            continue
        alarm.suppressed, alarm.told = wanted, reason
        if wanted:
            begun.add(alarm)
        rank, event = (3, Event.SUPPRESS) if wanted else (1, Event.UNSUPPRESS)
        found.append(((alarm.depth, rank, at), alarm.event(event, at)))
    for alarm, at in turned:
        if alarm.active:
            found.append(((alarm.depth, 4 if alarm in begun else 2, at), alarm.event(Event.ALARM, at)))
        else:
            found.append(((-1, 0, at), alarm.event(Event.RETURN, at)))
    found.sort(key=lambda row: (row[0], row[1].alarm))
    return [raised for _, raised in found]


def _columns(rows: list[tuple[int, Value, int]]) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(3)]
