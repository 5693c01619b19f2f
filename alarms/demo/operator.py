"""The operators of the demo's history: they acknowledge after minutes, reset, shelve now and then, and take an alarm
out of service. They act on the rows of a history that is being made, by the same rules as people on pages do."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from alarms import muting
from alarms.kinds import Base, Event, Priority
from alarms.process.timers import let_pass
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, Writer, muting_of, state_of
from audit.actions import Actor
from devices.simulator.month import DAY_S

SHIFTS: Final = ("Omar (demo)", "Astrid (demo)", "Jonas (demo)")
"""By the third of the day."""
PATIENCE_S: Final = {Priority.HIGH: (15, 90), Priority.MEDIUM: (30, 240), Priority.LOW: (60, 900)}
"""How long an alarm waits for its acknowledgement."""
_SELDOM_S: Final = (300.0, 5400.0)
SHELVED_MIN: Final = 45


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does to an alarm: out_of_service | in_service | shelve."""

    at_s: float
    what: str
    path: str
    reason: str
    work_order: str = ""


def deeds() -> list[Deed]:
    """What people did beside acknowledging."""

    def at(day: int, hour: float) -> float:
        return day * DAY_S + hour * 3600

    vibration = "distribution/pumps/hl2/vibration:hi"
    return [
        Deed(at(5, 15.1), "shelve", "intake/turbidity:hi", "Air in the cell; the fitter is on his way."),
        Deed(at(12, 9.6), "shelve", "intake/turbidity:hi", "Air in the cell again."),
        Deed(at(12, 9.95), "shelve", "plc/door:open", "The latch is broken; a new one is ordered."),
        Deed(at(14, 8.0), "out_of_service", vibration, "Bearing is changed, sensor taken off.", "WO-1442"),
        Deed(at(16, 13.0), "in_service", vibration, "Bearing changed, sensor back.", "WO-1442"),
        Deed(at(21, 8.0), "shelve", "plc/battery_low:low", "Battery is ordered, comes on Thursday."),
    ]


class Operator:
    """`began_ms`: the beginning of the month. `alarms`: path below the plant -> alarm."""

    def __init__(self, random: Random, began_ms: int, alarms: dict[str, AlarmEntry], deeds: Iterable[Deed]) -> None:
        self._random = random
        self._began_ms = began_ms
        self._alarms = alarms
        self._by_id = {entry.id: entry for entry in alarms.values()}
        self._deeds = sorted(deeds, key=lambda deed: deed.at_s)
        self._due: dict[tuple[int, int], int] = {}
        """(alarm, occurrence) -> when it is acknowledged, ms."""

    def act(self, writer: Writer, at_s: float, revision: int) -> None:
        now_ms = self._began_ms + round(at_s * 1000)
        who = Who(self._on_duty(at_s))
        while self._deeds and self._deeds[0].at_s <= at_s:
            self._do(writer, self._deeds.pop(0), at_s, now_ms, revision)
        for pk, row in writer.rows(self._by_id.values()).items():
            entry = self._by_id[pk]
            if row.shelved_until_ms is not None and row.shelved_until_ms <= now_ms:
                let_pass(writer, entry, revision, now_ms)
            base = Base(row.base)
            if not row.is_listed or base is Base.ACKED:
                continue
            due = self._due.setdefault((pk, row.occurrence), now_ms + self._patience_ms(entry))
            if now_ms < due:
                continue
            when = When(now_ms, now_ms, row.value, row.status, revision)
            if base.wants_ack:
                writer.happen(entry, Event.ACK, who, when, seen=row.occurrence)
            if Base(row.base) is Base.LATCH_ACK:
                writer.happen(entry, Event.RESET, who, when)

    def _on_duty(self, at_s: float) -> Actor:
        name = SHIFTS[int(at_s % DAY_S * len(SHIFTS) / DAY_S)]
        return Actor("user", name.split()[0].lower() + "-of-the-demo", name)

    def _patience_ms(self, entry: AlarmEntry) -> int:
        return round(self._random.uniform(*PATIENCE_S.get(entry.priority, _SELDOM_S)) * 1000)

    def _do(self, writer: Writer, deed: Deed, at_s: float, now_ms: int, revision: int) -> None:
        entry = self._alarms.get(deed.path)
        if entry is None:
            return
        row = writer.row(entry)
        state, mutes, when = state_of(row), muting_of(row), When(now_ms, now_ms, row.value, row.status, revision)
        details = {"work_order": deed.work_order} if deed.work_order else {}
        who = Who(self._on_duty(at_s), deed.reason, details)
        match deed.what:
            case "shelve":
                minutes = SHELVED_MIN
                found = muting.shelve(mutes, state, entry.shelve, minutes, deed.reason, now_ms, one_shot=False)
                who = Who(who.actor, who.reason, {"minutes": minutes})
            case "out_of_service":
                found = muting.out_of_service(mutes, state, deed.reason)
            case _:
                found = muting.in_service(mutes, state)
        writer.mute(entry, found, who, when)
