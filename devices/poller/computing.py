"""Computes what no device has: derived tags from the columns of the scan groups, and what is entered by hand.

Runs on the beats of the scans, half a beat later. Everything that is due at one moment is computed in the order in
which one needs the other, then published.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from bus.messages import Block, Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_LOCAL_OVERRIDE,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
    is_good,
)
from devices.derived import InTime, Total, combined, in_order, in_time, is_bad, loops, within
from devices.derived_rules import loop_sentence
from devices.expressions import Expression, ExpressionError, Number, Undefined, parse, shaped
from devices.formula import Formula
from devices.freshness import limit_ms
from devices.interventions import Entered
from devices.models import Kind
from devices.poller.computed import ComputedGroup, ComputedSpec, ComputedTag
from devices.poller.groups import LastValue, ScanGroup
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay

log = structlog.get_logger(__name__)

_KEPT: Final = (UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE)
"""An older value that stands for one which was not read."""
IDLE_S: Final = 3600.0

Stored = tuple[float, int]
"""A total and when it stood so (ms UTC)."""


class _Source:
    """The columns of a scan group as they were published last."""

    __slots__ = ("_limit_s", "group", "ids", "is_old", "statuses", "values")

    def __init__(self, group: ScanGroup) -> None:
        self.group = group
        self.ids = group.ids
        self.values: Sequence[Value] = ()
        self.statuses: Sequence[int] = ()
        self.is_old = False
        self._limit_s = limit_ms(round(group.scan_s * 1000)) / 1000

    def look(self, now: float) -> None:
        self.values, self.statuses = self.group.columns
        self.is_old = now - self.group.published_at > self._limit_s

    def row(self, i: int) -> tuple[Value, int]:
        if not self.statuses:
            return None, BAD_WAITING_FOR_INITIAL_DATA
        status = self.statuses[i]
        return self.values[i], UNCERTAIN_LAST_USABLE if self.is_old and is_good(status) else status


@dataclass(slots=True)
class _Work:
    """One derived tag. `inputs`: (name, where its values stand or None for a computed tag, index there or tag id)."""

    tag: ComputedTag
    formula: Formula
    group: ComputedGroup
    state: InTime | None
    expression: Expression | None
    last: LastValue | None
    inputs: Sequence[tuple[str, _Source | None, int]] = ()
    trouble: str = ""
    """Why it has no value, as it was logged."""


def newest_totals(blocks: Iterable[Block], revision: int, stored: Mapping[int, Stored]) -> dict[int, Stored]:
    """Where totals stood last: on the bus, or in the database where that is newer.

    Of another revision only what the database knows as a total counts: before, the tag may have been something else. A
    substituted value is no total, and hides it: then the database has it (InterventionWatch).
    """
    found = dict(stored)
    for block in blocks:
        if not block.group.startswith(f"{Kind.DERIVED}:"):
            continue
        for tag, value, status in zip(block.ids, block.values, block.statuses, strict=True):
            known = stored.get(tag)
            if not isinstance(value, float) or not math.isfinite(value) or status == GOOD_LOCAL_OVERRIDE:
                continue
            if (known is None and block.revision == revision) or (known is not None and block.read_at_ms >= known[1]):
                found[tag] = (value, block.read_at_ms)
    return found


class Computing:
    """`scan_groups` gives those that are read now. `now` is monotonic seconds; times in ms are UTC."""

    def __init__(
        self,
        outbox: Outbox,
        overlay: Overlay,
        scan_groups: Callable[[], Iterable[ScanGroup]],
        now_ms: Callable[[], int],
    ) -> None:
        self.groups: list[ComputedGroup] = []
        self.spent_s = 0.0
        """Time spent computing, since the start."""
        self._outbox = outbox
        self._overlay = overlay
        self._scan_groups = scan_groups
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._revision = 0
        self._work: list[_Work] = []
        self._sources: list[_Source] = []
        self._by_tag: dict[int, ComputedGroup] = {}
        self._measured: dict[int, bool] = {}
        """Derived tag -> whether it was computed from values that were read, not kept."""
        self._manual: Mapping[int, Entered] = {}
        self._totals: dict[int, Total] = {}
        self._totals_at_ms = 0
        self._wake = asyncio.Event()

    # -- what there is to compute

    def configure(
        self,
        specs: Sequence[ComputedSpec],
        revision: int,
        last: Mapping[int, LastValue],
        stored: Mapping[int, Stored],
    ) -> None:
        """Take up a configuration, after the links have. What goes on unchanged keeps its state.

        `last`: what the bus had; `stored`: where totals stood. One that is nowhere begins at 0.
        """
        now = self._loop.time()
        before = {work.tag.tag: work for work in self._work}
        kept = {group.name: group for group in self.groups}
        self.groups = [self._group(spec, kept.get(spec.name), now) for spec in specs]
        self._by_tag = {tag: group for group in self.groups for tag in group.ids}
        works = [
            self._begin(tag, tag.formula, group, before.get(tag.tag), last, stored)
            for group in self.groups
            for tag in group.spec.tags
            if tag.formula is not None
        ]
        self._totals = {w.tag.tag: w.state for w in works if isinstance(w.state, Total)}
        self._work = self._ordered(works)
        self._revision = revision
        self._find_inputs()
        self._enter()
        self._wake.set()

    def stop(self) -> None:
        """Somebody else computes now, and knows better."""
        self.groups, self._work, self._by_tag, self._totals, self._measured = [], [], {}, {}, {}

    def _group(self, spec: ComputedSpec, known: ComputedGroup | None, now: float) -> ComputedGroup:
        if known is not None and known.spec == spec:
            return known
        return ComputedGroup(spec, self._outbox, self._overlay, now)

    def _begin(
        self,
        tag: ComputedTag,
        formula: Formula,
        group: ComputedGroup,
        before: _Work | None,
        last: Mapping[int, LastValue],
        stored: Mapping[int, Stored],
    ) -> _Work:
        if before is not None and before.formula == formula and before.group.spec.scan_ms == group.spec.scan_ms:
            return _Work(tag, formula, group, before.state, before.expression, before.last, trouble=before.trouble)
        expression, trouble = None, ""
        try:
            expression = parse(formula.expression, [name for name, _ in formula.inputs])
        except ExpressionError as error:  # written past the checks
            trouble = str(error)
            log.error("derived tag cannot be computed", tag=tag.path, reason=trouble)
        state = in_time(formula, limit_ms(group.spec.scan_ms) / 1000)
        remembered = last.get(tag.tag)
        if isinstance(state, Total):
            had = before.state if before is not None else None
            goes_on = had.total if isinstance(had, Total) else None
            state.preset(stored.get(tag.tag, (0.0, 0))[0] if goes_on is None else goes_on)
        return _Work(tag, formula, group, state, expression, remembered, trouble=trouble)

    def _ordered(self, works: list[_Work]) -> list[_Work]:
        by_tag = {work.tag.tag: work for work in works}
        order, looped = in_order([work.formula for work in works])
        for loop in loops([work.formula for work in works]):
            log.error("derived tags in a loop", reason=loop_sentence(by_tag[t].tag.path for t in loop))
        for formula in looped:
            by_tag[formula.tag].group.set(formula.tag, None, BAD_CONFIGURATION_ERROR)
        return [by_tag[formula.tag] for formula in order]

    def _find_inputs(self) -> None:
        """Where the inputs stand now. Asked again when a scan group has arranged its columns anew."""
        self._sources = [_Source(group) for group in self._scan_groups()]
        place = {tag: (source, i) for source in self._sources for i, tag in enumerate(source.ids)}
        used: set[int] = set()
        for work in self._work:
            found: list[tuple[str, _Source | None, int]] = []
            for name, tag in work.formula.inputs:
                source, i = place.get(tag, (None, tag))
                found.append((name, source, i))
                used.add(id(source))
            work.inputs = found
        self._sources = [source for source in self._sources if id(source) in used]

    # -- what people enter, and what lies over

    def enter(self, manual: Mapping[int, Entered]) -> None:
        """What was entered by hand, all of it. What is new goes out at once."""
        self._manual = manual
        self._enter()

    def _enter(self) -> None:
        for group in self.groups:
            for tag in group.spec.tags:
                if tag.formula is not None:
                    break
                entered = self._manual.get(tag.tag)
                new = (None, BAD_WAITING_FOR_INITIAL_DATA, 0) if entered is None else (
                    entered.value, within(entered.value, GOOD, tag.eu_min, tag.eu_max), entered.taken_ms)  # fmt: skip
                if (new[0], new[1]) != group.own(tag.tag) or (entered and group.taken_ms(tag.tag) != new[2]):
                    group.set(tag.tag, *new)
                    group.at_once()
                    self._wake.set()

    def publish_again(self) -> None:
        for group in self.groups:
            group.publish_again(self._revision, self._loop.time())

    def look_again(self, tags: Iterable[int]) -> None:
        """Something lies over these now, or no more: their groups say so at once."""
        for group in {id(g): g for t in tags if (g := self._by_tag.get(t))}.values():
            group.publish_again(self._revision, self._loop.time())

    # -- totals, for who keeps them

    def totals(self) -> tuple[dict[int, Stored], frozenset[int]]:
        """Every total as of the last computing, and the tags whose number the bus cannot tell after a restart.

        A substituted value hides the total on the bus, and one that is computed from a substituted value looks alike.
        """
        at_ms = self._totals_at_ms
        found = {tag: (t.total, at_ms) for tag, t in self._totals.items() if t.total is not None and at_ms}
        hidden = {t for t in found if t in self._overlay.values or self._by_tag[t].own(t)[1] == GOOD_LOCAL_OVERRIDE}
        return found, frozenset(hidden)

    def preset(self, tag: int, total: float) -> None:
        """Somebody has set the total."""
        if tag in self._totals:
            self._totals[tag].preset(total)
            self._by_tag[tag].at_once()
            self._wake.set()

    # -- computing

    async def run(self) -> None:
        """Endless; cancel to stop."""
        while True:
            now = self._loop.time()
            self.compute(now)
            due = min((group.due for group in self.groups), default=now + IDLE_S)
            self._wake.clear()
            timer = self._loop.call_at(max(due, now + 0.001), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    def compute(self, now: float) -> None:
        """Compute and publish every group that is due."""
        due = [group for group in self.groups if group.due <= now]
        if not due:
            return
        began = self._loop.time()
        now_ms = self._now_ms()
        for group in due:
            group.start(now)
        if any(source.ids is not source.group.ids for source in self._sources):
            self._find_inputs()
        for source in self._sources:
            source.look(now)
        wanted = {id(group) for group in due}
        for work in self._work:
            if id(work.group) in wanted:
                self._compute(work, now)
        self._totals_at_ms = now_ms
        for group in due:
            group.publish(self._revision, now, now_ms)
        self.spent_s += self._loop.time() - began

    def _compute(self, work: _Work, now: float) -> None:
        inputs, statuses, is_measured = self._gather(work)
        status = combined(statuses)
        value: Value = None
        if not is_bad(status):
            value, status = self._evaluate(work, inputs, status)
        elif status == BAD_WAITING_FOR_INITIAL_DATA:
            work.group.is_waiting = True
        tag, taken_ms = work.tag.tag, 0
        if work.state is not None:
            number = None if value is None else float(value)
            value, status = work.state.step(now, number, status, is_measured)
        if value is not None:
            status = within(value, status, work.tag.eu_min, work.tag.eu_max)
            work.last = None
        elif status == BAD_WAITING_FOR_INITIAL_DATA and work.last is not None:
            value, status, taken_ms = work.last.value, UNCERTAIN_LAST_USABLE, work.last.taken_ms
        self._measured[tag] = is_measured
        work.group.set(tag, value, status, taken_ms)

    def _gather(self, work: _Work) -> tuple[dict[str, Number], list[int], bool]:
        values: dict[str, Number] = {}
        statuses: list[int] = []
        is_measured = True
        for name, source, i in work.inputs:
            value, status = source.row(i) if source is not None else self._row(i)
            if not isinstance(value, float | int):
                status = status if is_bad(status) else BAD_CONFIGURATION_ERROR
            else:
                values[name] = value
            if status & 0xFFFF0000 in _KEPT or (source is None and not self._measured.get(i, True)):
                is_measured = False
            statuses.append(status)
        return values, statuses, is_measured

    def _row(self, tag: int) -> tuple[Value, int]:
        """Of a computed tag, with what lies over it. A tag that nobody reads or computes is an error of the plant."""
        group = self._by_tag.get(tag)
        if group is None:
            return None, BAD_CONFIGURATION_ERROR
        if tag in self._overlay.values:
            return self._overlay.values[tag], GOOD_LOCAL_OVERRIDE
        return group.own(tag)

    def _evaluate(self, work: _Work, inputs: dict[str, Number], status: int) -> tuple[float | int | None, int]:
        if work.expression is None:
            return None, BAD_CONFIGURATION_ERROR
        try:
            value = work.expression.value(inputs)
            if work.state is None:
                value = shaped(value, work.tag.data_type)
        except (Undefined, OverflowError, ValueError) as error:
            if work.trouble != str(error):
                work.trouble = str(error)
                log.warning("derived tag has no value", tag=work.tag.path, reason=work.trouble)
            return None, BAD_CONFIGURATION_ERROR
        if work.trouble:
            work.trouble = ""
            log.info("derived tag has a value again", tag=work.tag.path)
        return value, status
