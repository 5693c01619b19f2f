"""What a device has taught us by refusing: addresses it has not, tables it does not know, how much it gives at once.

A state machine without I/O: the unit tells it of refusals (`refuse`) and asks in its name (`question`, `answer`). `now`
is monotonic seconds. Why a request was refused is found by dividing it (bisection.py).

Every fact keeps the request that proves it, and asks it again from time to time: one request, however many holes.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final

from devices.plan import Hole, Plan, Read, is_readable, plan, read_of
from devices.points import Point, Table
from devices.poller.bisection import Said, Search, Span, Steps, joined, part, span_of, whole

RETRY_S: Final = 600.0
"""What a device has always refused is asked for again so often."""
FIRST_RETRY_S: Final = 1.0
PATIENT_S: Final = 60.0
"""What it gave before, and refuses now, is asked for every FIRST_RETRY_S for so long, then with growing pauses: a
controller that is being loaded refuses everything for a while."""
SILENCES: Final = 2
"""A question that is met with silence so often is given up; that teaches nothing of what the device has."""
POSTPONED_S: Final = 1.0

ILLEGAL_FUNCTION: Final = 0x01
REFUSALS: Final = frozenset({0x02, 0x03})


@dataclass(slots=True)
class Fact:
    """One of: holes of a scan group; the most the device gives at once of a table; a table it does not know.

    `read`: the request that proves it. `was_good`: it had been answered before. `apart`: what gave no answer when the
    holes were searched; it is read, but in requests of its own.
    """

    group: str
    read: Read
    was_good: bool
    learned_at: float
    holes: list[Span] = field(default_factory=list)
    apart: list[Span] = field(default_factory=list)
    limit: int | None = None
    is_unsupported_table: bool = False
    singles: deque[Read] = field(default_factory=deque)
    """Of an unsupported table: its values, each alone. One after the other is asked for."""
    retry_at: float = 0.0
    pause_s: float = RETRY_S

    def wait(self, now: float) -> None:
        """Asked, or learned, just now: when to ask again."""
        if not self.was_good:
            self.retry_at = now + RETRY_S
        elif now - self.learned_at < PATIENT_S:
            self.retry_at = now + FIRST_RETRY_S
            self.pause_s = 2 * FIRST_RETRY_S
        else:
            self.retry_at = now + self.pause_s
            self.pause_s = min(2 * self.pause_s, RETRY_S)


@dataclass(frozen=True, slots=True)
class _Refusal:
    group: str
    read: Read
    code: int
    was_good: bool
    witness: Read | None


class Learned:
    """All that is known of one unit. `version` changes when its groups have to be planned anew."""

    def __init__(self, max_registers: int) -> None:
        self.version = 0
        self.next_at = inf
        """When there is something to ask next."""
        self.facts: list[Fact] = []
        self._max_registers = max_registers
        self._points: dict[str, tuple[Point, ...]] = {}
        self._waiting: deque[_Refusal] = deque()
        self._refusal: _Refusal | None = None
        self._search: Search | None = None
        self._retried: Fact | None = None
        self._steps: Steps | None = None
        self._asked: Read | None = None
        self._is_about_table = False
        """What is asked: does it know the table at all?"""
        self._granted: dict[Table, Read] = {}
        """The last question of each table that was."""
        self._silences = 0

    def inherit(self, facts: Iterable[Fact], now: float) -> None:
        """What was known before a restart of the link. Each fact is asked again when it would have been."""
        self.facts = list(facts)
        self.version += 1
        self._look_ahead(now)

    # -- what follows for the plan --------------------------------------------------------------------------------

    @property
    def unsupported(self) -> set[Table]:
        return {fact.read.table for fact in self.facts if fact.is_unsupported_table}

    def limit(self, table: Table) -> int | None:
        """The most the device gives at once, where that is less than configured."""
        return min((f.limit for f in self.facts if f.limit is not None and f.read.table is table), default=None)

    @property
    def learned_max_registers(self) -> int | None:
        found = [limit for table in Table if not table.is_bits and (limit := self.limit(table)) is not None]
        return min(found, default=None)

    def holes(self, group: str) -> list[Hole]:
        """A group's own: another one may have a smaller value where this one has a large one that does not fit."""
        return [Hole(f.read.table, *span) for f in self.facts if f.group == group for span in f.holes]

    def apart(self, group: str) -> list[Hole]:
        """As holes: never bridged. Their values are read alone."""
        return [Hole(f.read.table, *span) for f in self.facts if f.group == group for span in f.apart]

    def plan(self, group: str, points: Iterable[Point], max_gap: int) -> Plan:
        """As devices.plan.plan, within what is known; points of an unsupported table count as illegal."""
        self._points[group] = points = tuple(points)
        unsupported, holes, apart = self.unsupported, self.holes(group), self.apart(group)
        members: dict[Table, list[Point]] = {}
        for point in points:
            members.setdefault(point.table, []).append(point)
        reads: list[Read] = []
        impossible: list[Point] = []
        illegal: list[Point] = []
        for table in Table:
            if table in unsupported:
                illegal += members.get(table, [])
                continue
            limit = self.limit(table)
            most = self._max_registers if limit is None or table.is_bits else min(limit, self._max_registers)
            silent = [p for p in members.get(table, []) if any(_is_on(p, hole) for hole in apart)]
            others = [p for p in members.get(table, []) if p not in silent]
            for made in (plan(others, most, max_gap, [*holes, *apart]), *(plan([p], most, 0, holes) for p in silent)):
                reads += _chopped(made.reads, limit) if table.is_bits and limit else made.reads
                impossible += made.impossible
                illegal += made.illegal
        return Plan(tuple(reads), tuple(impossible), tuple(illegal))

    # -- a refusal, and what is asked because of it ---------------------------------------------------------------

    def refuse(
        self, group: str, read: Read, code: int, *, was_good: bool, now: float, witness: Read | None = None
    ) -> None:
        """Exception 01, 02 or 03 in answer to `read`, which has its points.

        `witness`: another read of the same table that has been answered. Some devices say 01 of a single address, so
        the table is given up only when nothing else of it is granted.
        """
        if not self.is_searching(group, read) and not (code == ILLEGAL_FUNCTION and read.table in self.unsupported):
            self._waiting.append(_Refusal(group, read, code, was_good, witness))
        self._look_ahead(now)

    def is_searching(self, group: str, read: Read) -> bool:
        return any(r.group == group and r.read == read for r in (self._refusal, *self._waiting) if r)

    def question(self, now: float) -> Read | None:
        """What to ask now; the same until it is answered or postponed."""
        while self._asked is None and self.next_at <= now:
            self._begin(now)  # what has been answered meanwhile needs no questions
        return self._asked if self.next_at <= now else None

    def answer(self, code: int | None, now: float) -> None:
        """To the question: None when it was granted, else the exception; other ones than 01 … 03 say nothing."""
        if code is not None and code not in REFUSALS and code != ILLEGAL_FUNCTION:
            self.postpone(now)
            return
        self._silences = 0
        if code is None and self._asked is not None:
            self._granted[self._asked.table] = self._asked
        # What answers with 02 where it said 01 knows the table: more is found out by reading.
        self._step(code is None or (code in REFUSALS and self._is_about_table), now)

    def be_met_with_silence(self, now: float) -> None:
        """No answer to the question: it was lost, or the device says nothing where it should refuse."""
        self._silences += 1
        if self._silences >= SILENCES:
            self._silences = 0
            self._step(None, now)
        else:
            self.postpone(now)

    def postpone(self, now: float) -> None:
        self.next_at = now + POSTPONED_S

    def _begin(self, now: float) -> None:
        if self._waiting:
            self._refusal = self._waiting.popleft()
            self._search = Search(self._refusal.read, self._points.get(self._refusal.group, ()))
            self._steps = self._find_out(self._refusal, self._search)
        else:
            self._retried = min(self.facts, key=lambda fact: fact.retry_at)
            self._is_about_table = self._retried.is_unsupported_table
            self._steps = self._retry(self._retried, is_long_pause=now - self._retried.learned_at >= RETRY_S)
        try:
            self._asked = next(self._steps)
        except StopIteration:
            self._end(now)

    def _find_out(self, refusal: _Refusal, search: Search) -> Steps:
        """Exception 01 is of the table only where nothing of it is granted."""
        if refusal.code == ILLEGAL_FUNCTION:
            self._is_about_table = True
            for read in self._evidence(refusal):
                if (yield read) is not False:
                    break
            else:
                self._search = None
                return
        self._is_about_table = False
        yield from search.steps()

    def _evidence(self, refusal: _Refusal) -> list[Read]:
        if refusal.read.table in self.unsupported:
            return []
        if (witness := refusal.witness or self._granted.get(refusal.read.table)) is not None:
            return [whole(witness)]
        singles = self._singles(refusal.read.table)
        few = dict.fromkeys((singles[0], singles[-1], singles[len(singles) // 2]))
        return [read for read in few if span_of(read) != span_of(refusal.read)] or [whole(refusal.read)]

    def _step(self, said: Said, now: float) -> None:
        if self._steps is None:
            return
        try:
            self._asked = self._steps.send(said)
        except StopIteration:
            self._end(now)

    def _end(self, now: float) -> None:
        if self._refusal is not None:
            if self._search is not None:
                self._learn(self._refusal, self._search, now)
            else:
                self._learn_unsupported(self._refusal, now)
            self.version += 1
        if self._retried is not None and self._retried in self.facts:
            self._retried.wait(now)
        self._refusal = self._search = self._retried = self._steps = self._asked = None
        self._look_ahead(now)

    def _look_ahead(self, now: float) -> None:
        if self._asked is None:
            retry_at = min((fact.retry_at for fact in self.facts), default=inf)
            self.next_at = now if self._waiting else retry_at

    # -- facts ----------------------------------------------------------------------------------------------------

    def _singles(self, table: Table) -> list[Read]:
        """The values of a table, each alone, in order of address."""
        points = [p for group in self._points.values() for p in group if p.table is table and is_readable(p)]
        reads = {whole(read_of(point)) for point in points}
        return sorted((read for read in reads if read.count <= self._max_registers), key=span_of)

    def _learn(self, refusal: _Refusal, search: Search, now: float) -> None:
        group, was_good = refusal.group, refusal.was_good
        if search.holes or search.apart:
            self._add(Fact(group, whole(refusal.read), was_good, now, search.holes, search.apart), now)
        if search.limit is not None and search.limit_read is not None:
            self._add(Fact(group, search.limit_read, was_good, now, limit=search.limit), now)

    def _learn_unsupported(self, refusal: _Refusal, now: float) -> None:
        if refusal.read.table not in self.unsupported:
            singles = deque(self._singles(refusal.read.table))
            fact = Fact(refusal.group, singles[0], refusal.was_good, now, is_unsupported_table=True, singles=singles)
            self._add(fact, now)

    def _add(self, fact: Fact, now: float) -> None:
        fact.wait(now)
        self.facts.append(fact)

    def _retry(self, fact: Fact, is_long_pause: bool) -> Steps:
        """Does it still hold? Then, where the last time is long ago: does some of it?"""
        if fact.is_unsupported_table:
            fact.read = fact.singles[0]
            fact.singles.rotate(-1)
        if (yield fact.read):
            self._forget(fact)
            return
        if not is_long_pause or fact.holes == [span_of(fact.read)]:
            return
        for span in list(fact.holes):
            if (yield part(fact.read, *span)):
                fact.holes.remove(span)
                self.version += 1
        if not fact.holes and fact.limit is None and not fact.is_unsupported_table:
            self._forget(fact)

    def _forget(self, fact: Fact) -> None:
        """It is granted now, and with it all that lies within."""
        self.version += 1
        self.facts.remove(fact)
        start, end = fact.read.address, fact.read.address + fact.read.count
        for other in self.facts[:]:
            if other.read.table is not fact.read.table or other.is_unsupported_table:
                continue
            if other.limit is not None:
                is_refuted = other.limit < fact.read.count
            else:
                other.holes = [(a, n) for a, n in other.holes if not (start <= a and a + n <= end)]
                other.apart = [(a, n) for a, n in other.apart if not (start <= a and a + n <= end)]
                is_refuted = not other.holes and not other.apart
            if is_refuted:
                self.facts.remove(other)


def _is_on(point: Point, hole: Hole) -> bool:
    read = read_of(point)
    start, end = read.address, read.address + read.count
    return point.table is hole.table and start < hole.address + hole.count and hole.address < end


def _chopped(reads: Iterable[Read], limit: int) -> list[Read]:
    """Reads of bits, none larger than the device gives at once."""
    made: list[Read] = []
    for read in reads:
        members: list[Point] = []
        for point in read.points:
            if members and point.end - members[0].address > limit:
                made.append(joined(read.table, members))
                members = []
            members.append(point)
        made.append(joined(read.table, members))
    return made
