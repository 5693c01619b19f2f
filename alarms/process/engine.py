"""From what was raised to rows and journal, exactly once.

Everything that one entry of the stream raised is written in one transaction together with the mark of that entry:
after a kill at any point it is either all there, and the entry is behind the mark, or nothing is, and the entry is
evaluated again. What operators did meanwhile stands in the rows, and the base machine is asked there.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

from alarms import muting
from alarms.causes import while_active
from alarms.first_out import first_outs
from alarms.kinds import Event
from alarms.models import Alarm
from alarms.process import checkpoint
from alarms.process.changes import note_changes
from alarms.process.checkpoint import Memory
from alarms.process.configuration import Configuration, Known
from alarms.running import Raised
from alarms.snapshot import AlarmEntry, AlarmSnapshot
from alarms.transitions import BATCH, SUPPRESSION, When, Who, Writer, muting_of, state_of, writing
from audit.actions import Actor
from bus.following import Mark
from bus.messages import Value

log = structlog.get_logger(__name__)

ENGINE: Final = Who(Actor.system("alarms"))
AWAY: Final = (OperationalError, InterfaceError)
"""The database is away, busy or full: the same is tried again until it is written."""
KNOWN_STEPS: Final = 1000
"""Of so many steps it is known whether they were written, where the answer to a commit was lost."""
_numbers: Final = count(1)


@dataclass(frozen=True, slots=True)
class Change:
    """A new configuration. `before`: what was evaluated until then."""

    before: Known
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Step:
    """What the evaluation did at one place of the stream: with one entry, or between two.

    `is_anew`: the stream was not continuous here; the mark is set wherever it was. `is_between`: not of the entry, but
    of what was learned after it; the mark stays. `memory`: to be kept.
    `server_ms`: when it was learned of, for a history that is simulated; None: now. `number`: of its own.
    """

    mark: Mark
    raised: Sequence[Raised] = ()
    is_anew: bool = False
    is_between: bool = False
    change: Change | None = None
    memory: Memory | None = None
    server_ms: int | None = None
    number: int = field(default_factory=_numbers.__next__, compare=False)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Engine:
    """`alarms`: the configuration that judges, replaced by each Change. Blocking: for a thread, or a command."""

    def __init__(self, alarms: AlarmSnapshot, now_ms: Callable[[], int] = now_ms) -> None:
        self.alarms = alarms
        self._now_ms = now_ms
        self._groups: dict[str, list[AlarmEntry]] = {}
        self._grouped: AlarmSnapshot | None = None
        self._tried: dict[int, list[int]] = {}
        """Stamp that a writing gave the mark -> numbers of the steps that are written, if the database has it."""
        self.put_aside = 0
        """Events that could not be written, each with its error in the log."""

    def apply(self, raised: Sequence[Raised], epoch: int, entry_id: str) -> None:
        """What one entry of the stream raised. Nothing where that entry has been applied before."""
        self.apply_steps([Step(Mark(epoch, entry_id), raised)])

    def apply_steps(self, steps: Sequence[Step]) -> None:
        """In one transaction. Raises one of AWAY when the database cannot write now; try the same steps again: those of
        a commit that was done, but whose answer was lost, are not written twice.

        An event that cannot be written for another reason is put aside with its error, and the others are written.
        """
        try:
            self._write(steps)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not keep back what follows
            if len(steps) > 1:
                for step in steps:
                    self.apply_steps([step])
                return
            self._put_aside(steps[0], error)

    def _put_aside(self, step: Step, error: Exception) -> None:
        """The engine must go on: an event that nobody can write would else keep back all that follow. Those of the same
        entry that can be written are."""
        if step.change is not None:
            self.alarms = step.change.configuration.alarms
        good = [r for r in step.raised if self._can_be_written(r)]
        try:
            self._write([replace(step, raised=good)])
        except AWAY:
            raise
        except Exception as again:  # noqa: BLE001  # the same
            error, good = again, []
            self._write([replace(step, raised=(), change=None)])
        bad = [r for r in step.raised if r not in good]
        self.put_aside += len(bad)
        log.error("alarm events put aside", events=[str(r) for r in bad], reason=str(error), exc_info=error)

    def _can_be_written(self, raised: Raised) -> bool:
        """Write it, and take that back."""
        step = Step(Mark(), [raised])
        try:
            with transaction.atomic():
                with writing() as writer:
                    self._raise(writer, self.alarms, step, _still_there([step]))
                transaction.set_rollback(True)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # whatever it is: the whole step has said it
            return False
        return True

    def _write(self, steps: Sequence[Step]) -> None:
        alarms = self.alarms
        with writing() as writer:
            applied = checkpoint.applied()
            written, stamp_ms = self._begin(steps)
            there = _still_there(steps)
            for step in steps:
                if step.change is not None:
                    alarms = step.change.configuration.alarms
                if step.number in written:
                    continue
                if step.change is not None:
                    self._adopt(writer, step.change, step.mark)
                is_news = step.is_anew or not applied.covers(step.mark)
                if is_news or step.is_between:
                    self._raise(writer, alarms, step, there)
                if is_news:
                    applied = step.mark
                self._keep(step, alarms)
            checkpoint.save_applied(applied, stamp_ms)
        self.alarms = alarms

    def _begin(self, steps: Sequence[Step]) -> tuple[frozenset[int], int]:
        """The numbers of the steps that are written, as the database has it; and the stamp of this writing."""
        newest = checkpoint.stamp()
        written = self._tried.get(newest, [])
        stamp_ms = self._now_ms()
        while stamp_ms == newest or stamp_ms in self._tried:
            stamp_ms += 1
        all_then = [*written, *(step.number for step in steps)]
        self._tried = {newest: written, stamp_ms: all_then[-KNOWN_STEPS:]}
        return frozenset(written), stamp_ms

    def _keep(self, step: Step, alarms: AlarmSnapshot) -> None:
        if step.memory is not None:
            checkpoint.save_memory(step.memory, alarms.revision, self._now_ms())

    def _adopt(self, writer: Writer, change: Change, mark: Mark) -> None:
        """Write what the change of the configuration means for alarms that are not normal, once a revision."""
        configuration = change.configuration
        if checkpoint.known_revision() == configuration.revision:
            return
        note_changes(writer, change.before, configuration, self._now_ms())
        checkpoint.save_known(configuration.known, configuration.revision, mark, self._now_ms())

    def _raise(self, writer: Writer, alarms: AlarmSnapshot, step: Step, there: set[int]) -> None:
        found = [(alarms.alarms[r.alarm], r) for r in step.raised if r.alarm in there and r.alarm in alarms.alarms]
        if not found:
            return
        writer.rows(entry for entry, _ in found)
        writer.read_causes(entry for entry, _ in found)
        firsts = self._first_outs(writer, alarms, found)
        server_ms = self._now_ms() if step.server_ms is None else step.server_ms
        for entry, raised in found:
            when = When(raised.source_ms, server_ms, _plain(raised.value), raised.status, alarms.revision)
            self._happen(writer, entry, raised, when, entry.id in firsts)
        writer.settle()

    def rehearse(self, writer: Writer, step: Step) -> None:
        """What the step raised, into the writer of a history that is being made; no mark is set."""
        self._raise(writer, self.alarms, step, {raised.alarm for raised in step.raised})

    def _happen(self, writer: Writer, entry: AlarmEntry, raised: Raised, when: When, is_first: bool) -> None:
        row = writer.row(entry)
        if raised.event is Event.SUPPRESS:
            paths = [entry.family.entries[pk].path for pk in raised.causes if pk in entry.family.entries]
            rule = while_active(paths) if paths else raised.rule
            who = Who(SUPPRESSION, f"Suppressed {rule}."[:300] if paths else rule[:300])
            writer.suppress(entry, rule, who, when, by_causes=bool(raised.causes))
        elif raised.event is Event.UNSUPPRESS:
            outcome = muting.unsuppress(muting_of(row), state_of(row), entry.definition.rules)
            writer.mute(entry, outcome, Who(SUPPRESSION, (row.suppressed_rule or raised.rule)[:300]), when)
        else:
            writer.happen(entry, raised.event, ENGINE, when, first_out=is_first)

    def _first_outs(
        self, writer: Writer, alarms: AlarmSnapshot, found: Iterable[tuple[AlarmEntry, Raised]]
    ) -> set[int]:
        """Those that begin here in a group in which nothing was active before (ALM-17): all of one scan are marked.

        What is out of service does not count: nobody trusts it.
        """

        def is_quiet(group: str) -> bool:
            rows = writer.rows(self._members(alarms, group)).values()
            return not any(row.active and not row.out_of_service for row in rows)

        return first_outs(((e.id, e.definition.first_out) for e, r in found if r.event is Event.ALARM), is_quiet)

    def _members(self, alarms: AlarmSnapshot, group: str) -> list[AlarmEntry]:
        if self._grouped is not alarms:
            self._groups, self._grouped = defaultdict(list), alarms
            for entry in alarms.alarms.values():
                self._groups[entry.definition.first_out].append(entry)
        return self._groups.get(group, [])


def _plain(value: Value) -> Value:
    """As JSON can keep it: a sensor that says "not a number" must not keep its own alarm from the journal."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _still_there(steps: Iterable[Step]) -> set[int]:
    """Of the alarms of these steps, those that have not been deleted by a change the engine has not heard of yet."""
    wanted = sorted({raised.alarm for step in steps for raised in step.raised})
    found: set[int] = set()
    for start in range(0, len(wanted), BATCH):
        found |= set(Alarm.objects.filter(pk__in=wanted[start : start + BATCH]).values_list("pk", flat=True))
    return found
