"""The evaluation with its place in the stream: what comes in becomes steps to be written. No clock, no I/O.

Begins with what was recalled: the entries between the memory and the mark of what is applied are evaluated again by the
configuration of then, and what they raise is left out, because the journal has it. A new configuration is adopted
between two entries, never while that lasts.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import replace
from typing import Protocol

import structlog

from alarms.definition import Definition
from alarms.evaluation import Evaluation
from alarms.process.checkpoint import Memory, Recalled
from alarms.process.configuration import Configuration, Known
from alarms.process.engine import Change, Step
from alarms.running import Raised
from bus.following import Anew, Entries, Mark
from bus.messages import FULL, Block

log = structlog.get_logger(__name__)

NOTHING = Known(0, {}, {})


class Evaluates(Protocol):
    """What is used here of alarms/evaluation.py."""

    def take(self, block: Block) -> list[Raised]: ...
    def configure(
        self, definitions: Mapping[int, Definition], groups: Mapping[int, tuple[str, int]]
    ) -> list[Raised]: ...
    def assume(self, active: Collection[int], suppressed: Collection[int], by_causes: Collection[int] = ()) -> None: ...
    def standing(self) -> tuple[frozenset[int], frozenset[int]]: ...
    def unheard(self) -> frozenset[int]: ...
    def dump(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...


Make = Callable[[Mapping[int, Definition], Mapping[int, tuple[str, int]]], Evaluates]


class Judging:
    """`mark` and `seqs`: the entries that have been evaluated. `has_place`: there is one to go on from."""

    def __init__(self, recalled: Recalled, configuration: Configuration, make: Make = Evaluation) -> None:
        self._make = make
        self._recalled = recalled
        self._newest = configuration
        self._known = recalled.known or NOTHING
        self._owed: dict[str, set[int]] = {}
        """Scan group -> tags that are watched since a moment ago, and whose values have not been seen yet."""
        self._replays_to: Mark | None = None
        self.mark, self.seqs = Mark(), dict[str, int]()
        self.evaluated = self.failed = 0
        """Blocks; and those of them at which the evaluation failed, each with its error in the log."""
        self._evaluation = self._resumed()
        self.has_place = self._evaluation is not None

    def _resumed(self) -> Evaluates | None:
        memory, known = self._recalled.memory, self._recalled.known
        if memory is None or known is None or memory.mark.epoch != self._recalled.applied.epoch:
            return None
        evaluation = self._make(known.definitions, known.groups)
        try:
            evaluation.restore(memory.evaluation)
        except ValueError as error:
            log.warning("the evaluation begins anew", reason=str(error))
            return None
        self.mark, self.seqs, self._replays_to = memory.mark, dict(memory.seqs), self._recalled.applied
        return evaluation

    # -- what comes in

    def entries(self, read: Entries) -> list[Step]:
        steps: list[Step] = []
        for entry_id, block in read.blocks:
            mark = Mark(self.mark.epoch, entry_id)
            if self._replays_to is not None and not self._replays_to.covers(mark):
                steps += self.caught_up()
            raised = self._take(block)
            self.mark = mark
            if raised and self._replays_to is None:
                steps.append(Step(mark, raised))
        self.mark = replace(self.mark, entry_id=read.cursor)
        return steps

    def caught_up(self) -> list[Step]:
        """What was evaluated before has been evaluated again."""
        if self._replays_to is None:
            return self.adopt(self._newest)
        self._replays_to = None
        self._agree_with_rows()
        steps = self.adopt(self._newest)
        self._owe_unheard()
        return steps

    def _agree_with_rows(self) -> None:
        """The evaluation stands as the journal says, unless entries that had been applied have gone from the stream
        meanwhile: Redis may come back without its last second. Then the rows are right, and are judged anew: an alarm
        of which only one side knows would never return, or never come. Where they agree they may differ in why an
        alarm is suppressed: that is told again, and written where the row says otherwise."""
        assert self._evaluation is not None, "there was something to evaluate again"
        active, suppressed = self._evaluation.standing()
        there = self._known.alarms.keys() & self._newest.known.alarms.keys()
        differ = {*(active ^ self._recalled.active), *(suppressed ^ self._recalled.suppressed)} & there
        if differ:
            log.warning("the stream lacks entries that stand in the journal", alarms=len(differ))
        self._evaluation.assume(
            _as_rows(active, self._recalled.active, there),
            _as_rows(suppressed, self._recalled.suppressed, there),
            self._recalled.by_causes,
        )

    def anew(self, found: Anew) -> list[Step]:
        """Where no memory leads to, conditions are as the rows have them until they are judged again."""
        change = None
        if self._replays_to is not None or self._evaluation is None:
            self._replays_to, self._owed = None, {}
            known = self._newest.known
            if self._evaluation is None:
                self._evaluation = self._make(known.definitions, known.groups)
            else:  # its values are the newest of groups that have nothing new to tell
                self._evaluation.configure(known.definitions, known.groups)
            self._evaluation.assume(self._recalled.active, self._recalled.suppressed, self._recalled.by_causes)
            change, self._known = Change(self._known, self._newest), known
        raised = [r for block in found.blocks for r in self._take(block)]
        self.mark, self.seqs = found.mark, dict(found.seqs)
        if change is not None:
            self._owe_unheard()
        return [Step(self.mark, raised, is_anew=True, change=change, memory=self.memory())]

    def adopt(self, configuration: Configuration) -> list[Step]:
        """Evaluate by this configuration from here on; while entries are evaluated again, from the end of that on."""
        self._newest = configuration
        before, new = self._known, configuration.known
        if self._evaluation is None or self._replays_to is not None or new is before:
            return []
        if new == before:  # what was recalled; asked with every reading, and 10,000 definitions are slow to compare
            self._known = new
            return []
        raised = self._evaluation.configure(new.definitions, new.groups)
        self._known = new
        self._owe(new.watched - before.watched)
        change = Change(before, configuration)
        return [Step(self.mark, raised, is_between=True, change=change, memory=self.memory())]

    def _owe(self, tags: Iterable[int]) -> None:
        groups = self._known.groups
        for tag in tags:
            if tag in groups:
                self._owed.setdefault(groups[tag][0], set()).add(tag)

    def _owe_unheard(self) -> None:
        """What was owed when the engine was killed is owed still."""
        if self._evaluation is not None:
            self._owe(self._evaluation.unheard() & self._known.watched)

    @property
    def owed(self) -> list[str]:
        """Scan groups whose newest values are wanted, because an alarm looks at a tag that none looked at before."""
        return [] if self._replays_to is not None else list(self._owed)

    def pay(self, latest: Mapping[str, Block]) -> list[Step]:
        """The newest values of those groups, where they are as new as what has been evaluated of the group."""
        raised: list[Raised] = []
        for group in self.owed:
            block, seq = latest.get(group), self.seqs.get(group)
            if block is None:
                del self._owed[group]  # it has not spoken yet; its first word will be everything
            elif block.seq == seq and block.epoch == self.mark.epoch:
                raised += self._take(_part(block, self._owed.pop(group)))
        return [Step(self.mark, raised, is_between=True, memory=self.memory())] if raised else []

    def memory(self) -> Memory | None:
        """None while entries are evaluated again: what is kept leads further."""
        if self._evaluation is None or self._replays_to is not None:
            return None
        return Memory(self.mark, dict(self.seqs), self._evaluation.dump())

    @property
    def configuration(self) -> Known:
        return self._known

    def _take(self, block: Block) -> list[Raised]:
        if self._evaluation is None:
            return []
        self.seqs[block.group] = block.seq
        if self._owed and block.group in self._owed:
            self._seen(block)
        self.evaluated += 1
        try:
            return self._evaluation.take(block)
        except Exception:
            self.failed += 1
            log.exception("a block could not be evaluated", group=block.group, seq=block.seq)
            return []

    def _seen(self, block: Block) -> None:
        left = set() if block.is_full else self._owed[block.group] - set(block.ids)
        if left:
            self._owed[block.group] = left
        else:
            del self._owed[block.group]


def _as_rows(evaluated: Set[int], in_rows: Set[int], there: Set[int]) -> Set[int]:
    """By the rows those that have one; the others, which have been deleted, as they were."""
    return (in_rows & there) | (evaluated - there)


def _part(block: Block, tags: Iterable[int]) -> Block:
    """These tags of the block."""
    wanted = set(tags)
    places = [n for n, tag in enumerate(block.ids) if tag in wanted]
    source = None if block.source_ms is None else [block.source_ms[n] for n in places]
    return replace(
        block, flags=block.flags & ~FULL, ids=[block.ids[n] for n in places],
        values=[block.values[n] for n in places], statuses=[block.statuses[n] for n in places], source_ms=source,
    )  # fmt: skip
