"""The alarm journal of the demo plant for the 30 days before its first start, made over a simulated month
(devices/simulator/past.py) by the evaluation, the engine and the life cycle that make the real one.

Everything is worked out in memory beside the running site, and written in one transaction at the end: it is there, or
it is not, whenever the process was killed. Alarms that the live engine has written of meanwhile are left out: their
journal has begun. Every entry says `simulated` in its details.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from django.db.models import Min

from alarms import muting
from alarms.demo.operator import Operator, deeds
from alarms.evaluation import Evaluation
from alarms.kinds import Event
from alarms.models import Alarm, AlarmState, EngineMemory, JournalEntry
from alarms.process.configuration import Configuration, of_snapshots
from alarms.process.engine import ENGINE, Engine, Step
from alarms.snapshot import AlarmEntry
from alarms.snapshot import load as load_alarms
from alarms.transitions import When, Who, Writer, muting_of, state_of, writing
from bus.following import Mark
from devices.simulator.month_values import GROUP, QUIET_STEP_S
from devices.simulator.past import Moment
from devices.snapshot import Snapshot
from devices.snapshot import load as load_plant

PLANT: Final = "northgate"
_HERE: Final = ("127.0.0.1", "localhost", "::1")
MARK: Final = "demo_history"
"""The part of EngineMemory that says: this site has been dealt with."""
SEED: Final = 1442
LOOK_S: Final = 15.0
"""So often the operator looks at the list."""
NEWCOMER_MS: Final = 3_600_000
"""A journal that reaches further back than this is a real one, and gets no history put before it."""


class Rehearsal(Writer):
    """A writer whose rows begin blank, in memory, and who writes nothing: the history is told to a real one."""

    def __init__(self) -> None:
        super().__init__(0)

    def rows(self, alarms: Iterable[AlarmEntry]) -> dict[int, AlarmState]:
        found = {}
        for alarm in alarms:
            if alarm.id not in self._rows:
                self._rows[alarm.id] = AlarmState(alarm_id=alarm.id)
            found[alarm.id] = self._rows[alarm.id]
        return found

    def _read(self, alarms: Iterable[int], **only: bool) -> None:
        """All rows there are stand here."""

    def tell(self, writer: Writer, untold: Iterable[AlarmEntry]) -> None:
        """Give what was rehearsed of these alarms, of which nothing is written yet."""
        chosen = {alarm.uuid: alarm for alarm in untold}
        for entry in self.entries:
            if str(entry.alarm_uuid) in chosen:
                entry.writing_no = writer.no
                entry.details = {**entry.details, "simulated": True}
                writer.entries.append(entry)
        for row in (self._rows[alarm.id] for alarm in chosen.values() if alarm.id in self._changed):
            row.changed_no = writer.no
            row.annunciated_no = writer.no if row.annunciated_no or row.annunciated_at_ms else 0
            writer.bring(row)


@dataclass(frozen=True, slots=True)
class Demo:
    plant: Snapshot
    configuration: Configuration
    alarms: dict[str, AlarmEntry]
    """Path below the plant -> alarm."""


def is_wanted() -> bool:
    """A demo plant with alarms whose journal has just begun. Two narrow queries."""
    if EngineMemory.objects.filter(part=MARK).exists():
        return False
    oldest = JournalEntry.objects.aggregate(oldest=Min("server_ms"))["oldest"]
    return oldest is None or oldest > time.time_ns() // 1_000_000 - NEWCOMER_MS


def the_demo() -> Demo | None:
    """The demo plant with its simulated devices, if this site has it."""
    plant = load_plant()
    if not any(device.name == "plc" and device.host in _HERE for device in plant.devices.values()):
        return None
    configuration = of_snapshots(load_alarms(plant), plant)
    prefix = f"{PLANT}/"
    alarms = {
        a.path.removeprefix(prefix): a
        for a in configuration.alarms.alarms.values()
        if a.tag is not None and a.enabled and a.path.startswith(prefix)
    }
    return Demo(plant, configuration, alarms) if alarms else None


class History:
    """What alarms and operators did in the month: take() its moments one after another, then end(), then write().

    `has_deeds`: operators do what the month of the demo has, beside acknowledging.
    """

    def __init__(self, demo: Demo, began_ms: int, *, has_deeds: bool = True) -> None:
        self._demo = demo
        self._looks_at_s = 0.0
        definitions = {a.id: a.definition for a in demo.alarms.values()}
        self.tags = {tag for definition in definitions.values() for tag in definition.tags}
        groups = dict.fromkeys(self.tags, (GROUP, round(QUIET_STEP_S * 1000)))
        self._evaluation = Evaluation(definitions, groups)
        self._engine = Engine(demo.configuration.alarms)
        random = Random(SEED)  # noqa: S311  # a script, not a secret
        self._operator = Operator(random, began_ms, demo.alarms, deeds() if has_deeds else ())
        self.writer = Rehearsal()

    def take(self, moment: Moment) -> None:
        """One step of the alarms and of the operator."""
        block = moment.block
        raised = self._evaluation.take(block)
        if raised:
            mark = Mark(1, f"{block.seq}-0")
            self._engine.rehearse(self.writer, Step(mark, raised, server_ms=block.read_at_ms))
        if moment.at_s >= self._looks_at_s:
            self._looks_at_s = moment.at_s + LOOK_S
            self._operator.act(self.writer, moment.at_s, self._demo.configuration.revision)
            self.writer.settle()

    def end(self, now_ms: int) -> None:
        """What still stands at the end of the month is ended: the live engine judges by the plant as it is then."""
        end = Who(ENGINE.actor, "The simulated month ends here.")
        for entry in self._demo.alarms.values():
            row, writer = self.writer.row(entry), self.writer
            when = When(now_ms, now_ms, row.value, row.status, self._demo.configuration.revision)
            writer.happen(entry, Event.RETURN, end, when)
            rules = entry.definition.rules
            writer.mute(entry, muting.unsuppress(muting_of(row), state_of(row), rules), end, when)
            writer.mute(entry, muting.unshelve(muting_of(row), state_of(row)), end, when)
            writer.mute(entry, muting.in_service(muting_of(row), state_of(row)), end, when)
            writer.happen(entry, Event.ACK, end, when)
            writer.happen(entry, Event.RESET, end, when)

    # -- into the database

    def write(self) -> int:
        """All of it, or nothing. Returns how many entries; 0 where another was faster. Raises DatabaseError."""
        with writing() as writer:
            if EngineMemory.objects.filter(part=MARK).exists():
                return 0
            begun = {str(uuid) for uuid in JournalEntry.objects.values_list("alarm_uuid", flat=True).distinct()}
            stands = set(AlarmState.objects.values_list("pk", flat=True))
            there = set(Alarm.objects.values_list("pk", flat=True))
            untold = [a for a in self._demo.alarms.values() if a.id in there - stands and a.uuid not in begun]
            self.writer.tell(writer, untold)
            set_aside(self._demo.configuration.revision)
            return len(writer.entries)


def set_aside(revision: int) -> None:
    """This site has its history, or is to have none."""
    now_ms = time.time_ns() // 1_000_000
    EngineMemory.objects.create(part=MARK, revision=revision, saved_at_ms=now_ms)
