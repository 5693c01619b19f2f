"""The alarm journal of the demo plant for the 30 days before its first start, made over a simulated month
(alarms/demo/month.py) by the evaluation, the engine and the life cycle that make the real one.

Everything is worked out in memory beside the running site, and written in one transaction at the end: it is there, or
it is not, whenever the process was killed. Alarms that the live engine has written of meanwhile are left out: their
journal has begun. Every entry says `simulated` in its details.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.db import DatabaseError, connections
from django.db.models import Min

from alarms import muting
from alarms.demo import month as demo_month
from alarms.demo.month import MONTH_S, Episode
from alarms.demo.operator import Operator
from alarms.demo.values import FINE_STEP_S, GROUP, LONGEST_STEP_S, QUIET_STEP_S, Sources
from alarms.evaluation import Evaluation
from alarms.kinds import Event
from alarms.models import Alarm, AlarmState, EngineMemory, JournalEntry
from alarms.process.configuration import Configuration, of_snapshots
from alarms.process.engine import ENGINE, Engine, Step
from alarms.snapshot import AlarmEntry
from alarms.snapshot import load as load_alarms
from alarms.transitions import When, Who, Writer, muting_of, state_of, writing
from bus.following import Mark
from devices.simulator.faults import Fault
from devices.simulator.process import Waterworks
from devices.snapshot import Snapshot
from devices.snapshot import load as load_plant

log = structlog.get_logger(__name__)

PLANT: Final = "northgate"
ZONE: Final = ZoneInfo("Europe/Stockholm")
_HERE: Final = ("127.0.0.1", "localhost", "::1")
MARK: Final = "demo_history"
"""The part of EngineMemory that says: this site has been dealt with."""
SEED: Final = 1442
FINE_S: Final = 900.0
"""So long after the beginning of an episode the steps are fine, and AFTERMATH_S after its end: things change."""
AFTERMATH_S: Final = 240.0
LOOK_S: Final = 15.0
"""So often the operator looks at the list."""
NEWCOMER_MS: Final = 3_600_000
"""A journal that reaches further back than this is a real one, and gets no history put before it."""
SLICE_S: Final = 0.02
"""After so much work as long a rest: the site has just been started, and somebody looks at it."""


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
    """`ends_ms`: where the month ends. Move on by go_on() until it is over; `pct` says how far it is. `script`: what
    goes wrong; None: what the month of the demo has."""

    def __init__(
        self, demo: Demo, ends_ms: int, month_s: float = MONTH_S, script: Sequence[Episode] | None = None
    ) -> None:
        random = Random(SEED)  # noqa: S311  # a script, not a secret
        self._demo = demo
        self._began_ms = ends_ms - round(month_s * 1000)
        self._month_s = month_s
        self._at_s = 0.0
        self._seq = 0
        began = datetime.fromtimestamp(self._began_ms / 1000, ZONE)
        self._works = Waterworks.in_operation(SEED, began.hour * 3600.0 + began.minute * 60)
        self._open = demo_month.episodes(random) if script is None else list(script)
        self._acting: list[Episode] = []
        self._fine_until_s = self._looks_at_s = 0.0
        definitions = {a.id: a.definition for a in demo.alarms.values()}
        tags = {tag for definition in definitions.values() for tag in definition.tags}
        self._sources = Sources(demo.plant, tags)
        groups = dict.fromkeys(tags, (GROUP, round(QUIET_STEP_S * 1000)))
        self._evaluation = Evaluation(definitions, groups)
        self._engine = Engine(demo.configuration.alarms)
        self._operator = Operator(random, self._began_ms, demo.alarms, demo_month.deeds() if script is None else ())
        self.writer = Rehearsal()

    @property
    def pct(self) -> int:
        return min(100, int(100 * self._at_s / self._month_s))

    @property
    def is_over(self) -> bool:
        return self._at_s >= self._month_s

    def go_on(self) -> None:
        """One step of the plant, of the alarms and of the operator."""
        step = self._step()
        self._at_s += step
        self._follow_script()
        self._works.step(step, LONGEST_STEP_S)
        now_ms = self._began_ms + round(self._at_s * 1000)
        self._seq += 1
        block = self._sources.block(self._works, self._at_s, now_ms, self._seq, self._acting)
        raised = self._evaluation.take(block)
        if raised:
            self._engine.rehearse(self.writer, Step(Mark(1, f"{self._seq}-0"), raised, server_ms=now_ms))
        if self._at_s >= self._looks_at_s:
            self._looks_at_s = self._at_s + LOOK_S
            self._operator.act(self.writer, self._at_s, self._demo.configuration.revision)
            self.writer.settle()
        if self.is_over:
            self._settle(now_ms)

    def _step(self) -> float:
        """Fine while things change, and never past the beginning of the next episode."""
        if self._at_s < self._fine_until_s:
            return FINE_STEP_S
        changes = [*(episode.ends_s for episode in self._acting), *(episode.begins_s for episode in self._open[:1])]
        return max(FINE_STEP_S, min([QUIET_STEP_S, *(at_s - self._at_s for at_s in changes)]))

    def _follow_script(self) -> None:
        ended = [episode for episode in self._acting if episode.ends_s <= self._at_s]
        for episode in ended:
            self._acting.remove(episode)
            self._stay_fine(AFTERMATH_S)
        while self._open and self._open[0].begins_s <= self._at_s:
            self._acting.append(self._open.pop(0))
            self._stay_fine(min(self._acting[-1].lasts_s, FINE_S))
        faults: frozenset[Fault] = frozenset().union(*(episode.faults for episode in self._acting))
        self._works.set_faults(faults)
        tripped = frozenset().union(*(episode.tripped for episode in self._acting))
        for number, pump in enumerate(self._works.intake.station.pumps):
            pump.is_tripped = number in tripped

    def _stay_fine(self, seconds: float) -> None:
        self._fine_until_s = max(self._fine_until_s, self._at_s + seconds)

    def _settle(self, now_ms: int) -> None:
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


class Making:
    """Makes the history where one is wanted, a little at a time: turn() again and again until `is_done`."""

    def __init__(self, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._now_ms = now_ms
        self._history: History | None = None
        self._has_looked = False
        self.is_done = False

    @property
    def pct(self) -> int | None:
        """How far it is; None while none is made."""
        return self._history.pct if self._history is not None else None

    def turn(self) -> None:
        """Work for about SLICE_S, at the end longer. A database that is away is asked again at the next turn."""
        try:
            self._turn()
        except DatabaseError:
            connections.close_all()

    def _turn(self) -> None:
        if not self._has_looked:
            demo = the_demo() if is_wanted() else None
            self._history = History(demo, self._now_ms()) if demo is not None else None
            self._has_looked, self.is_done = True, demo is None
            return
        assert self._history is not None
        until = time.monotonic() + SLICE_S
        while not self._history.is_over and time.monotonic() < until:
            self._history.go_on()
        if self._history.is_over:
            count = self._history.write()
            log.info("history of the demo made", entries=count)
            self._history, self.is_done = None, True
