"""The one way to change how an alarm stands: state row and journal entry in one transaction, numbered, announced.

    with writing() as writer:
        row = writer.row(entry)
        refused = writer.happen(entry, row, Event.ACK, who, when, seen=occurrence)

Every writing locks the Writing row first, so writings come one after the other, whoever writes: the engine, a person,
a timer. Rows and entries are written in bulk at the end of the block; nothing is written when the block raises.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from alarms import causes, logic, muting
from alarms.kinds import Base, Event
from alarms.logic import Change, Refused, State
from alarms.models import AlarmState, JournalEntry, Writing
from alarms.muting import Muted, Muting, Shelving
from alarms.snapshot import AlarmEntry
from audit.actions import Actor
from bus import keys
from bus.client import connect_blocking
from bus.messages import Value
from bus.nudge import nudge_blocking
from plant.models import Area

BATCH: Final = 500
_FIELDS: Final = [f.attname for f in AlarmState._meta.concrete_fields if not f.primary_key]


@dataclass(frozen=True, slots=True)
class When:
    """`source_ms`: by the sample, or the click; `server_ms`: when the server learned of it. ms UTC.

    `value` and `status` of the tag then; `revision`: of the configuration that judged.
    """

    source_ms: int
    server_ms: int
    value: Value = None
    status: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Who:
    """`reason`: in the person's words. `details`: what else belongs to the entry."""

    actor: Actor
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def state_of(row: AlarmState) -> State:
    return State(row.active, row.acked, row.latched, row.occurrence, row.realarms)


def muting_of(row: AlarmState) -> Muting:
    shelving = None if row.shelved_until_ms is None else Shelving(row.shelved_until_ms, row.shelved_once)
    return Muting(shelving, row.suppressed_rule, row.out_of_service, row.suppressed_by_causes, row.bared)


class Writer:
    """`no`: the number of this writing."""

    def __init__(self, no: int) -> None:
        self.no = no
        self.entries: list[JournalEntry] = []
        self._rows: dict[int, AlarmState] = {}
        self._changed: set[int] = set()
        self._absent: set[int] = set()
        """Alarms that were looked for and have no row."""
        self._moved: dict[int, tuple[AlarmEntry, When]] = {}
        """Causes that came, went, were hidden or are to be seen again, and when; settle() looks at what follows."""

    def rows(self, alarms: Iterable[AlarmEntry]) -> dict[int, AlarmState]:
        """The rows of these alarms, read once; missing ones are made."""
        alarms = list(alarms)
        self._read(a.id for a in alarms)
        self._begin(a for a in alarms if a.id not in self._rows)
        return {a.id: self._rows[a.id] for a in alarms}

    def _read(self, alarms: Iterable[int], **only: bool) -> None:
        """Hold the rows that are there. `only`: which, by a field."""
        missing = [pk for pk in alarms if pk not in self._rows and pk not in self._absent]
        for start in range(0, len(missing), BATCH):
            for row in AlarmState.objects.filter(pk__in=missing[start : start + BATCH], **only):
                self._rows[row.pk] = row
        if not only:
            self._absent.update(pk for pk in missing if pk not in self._rows)

    def _begin(self, alarms: Iterable[AlarmEntry]) -> None:
        """Rows of alarms that have none. One that was deleted and is there again goes on in the journal."""
        by_uuid = {a.uuid: a.id for a in alarms}
        for pk in by_uuid.values():
            self._rows[pk] = AlarmState(alarm_id=pk)
        uuids = list(by_uuid)
        for start in range(0, len(uuids), BATCH):
            old = JournalEntry.objects.filter(alarm_uuid__in=uuids[start : start + BATCH]).order_by()
            for uuid, seq, occurrence in old.values_list("alarm_uuid").annotate(Max("seq"), Max("occurrence")):
                row = self._rows[by_uuid[str(uuid)]]
                row.seq, row.occurrence = seq, occurrence

    def row(self, alarm: AlarmEntry) -> AlarmState:
        return self.rows([alarm])[alarm.id]

    # -- what happens to an alarm

    def happen(
        self, alarm: AlarmEntry, event: Event, who: Who, when: When, *, seen: int | None = None, first_out: bool = False
    ) -> Refused | None:
        """An event of the base machine. Returns why not, or None, also where the event means nothing there."""
        row = self.row(alarm)
        if event is Event.ALARM:  # it calls, or not, by what is seen of its causes now
            self._look_up(alarm, when)
        outcome = logic.step(state_of(row), event, alarm.definition.rules, seen)
        if isinstance(outcome, Refused) or outcome is None:
            return outcome
        self._write(alarm, row, outcome, who, when, first_out)
        if event is Event.RETURN:
            self.mute(alarm, muting.returned(muting_of(row), state_of(row)), SHELVING_ENDS, when)
        return None

    def mute(self, alarm: AlarmEntry, outcome: muting.Outcome, who: Who, when: When) -> Refused | None:
        """Write what a function of muting.py said about this alarm's row."""
        if isinstance(outcome, Refused) or outcome is None:
            return outcome
        self._write(alarm, self.row(alarm), outcome, who, when, False)
        return None

    def suppress(self, alarm: AlarmEntry, rule: str, who: Who, when: When, *, by_causes: bool) -> None:
        """Logic says so. Where the rule rests on causes alone, it is in effect while some alarm up their chain is seen:
        read those rows before, for all alarms of a scan, by read_causes()."""
        row = self.row(alarm)
        bared = self._bared(alarm) if by_causes else ""
        who = _shows(bared) if bared else who
        rules, rule = alarm.definition.rules, rule[:200]
        outcome = muting.suppress(muting_of(row), state_of(row), rules, rule, by_causes=by_causes, bared=bared)
        self.mute(alarm, outcome, who, when)

    # -- causes that nobody sees

    def read_causes(self, alarms: Iterable[AlarmEntry]) -> None:
        """The rows of all that is above these."""
        above: set[int] = set()
        for alarm in alarms:
            if alarm.id in alarm.family.causes:
                above |= alarm.family.above([alarm.id])
        self._read(above)

    def settle(self) -> None:
        """What follows from causes that came, went, were hidden or are to be seen again: it shows itself, or is
        suppressed again. Asked at the end of every writing, and of each of its steps."""
        moved, self._moved = self._moved, {}
        below: dict[int, tuple[AlarmEntry, When]] = {}
        for cause, when in moved.values():
            family = cause.family
            below |= {pk: (family.entries[pk], when) for pk in family.below([cause.id])}
        self._read(below, suppressed_by_causes=True)
        found = [below[pk] for pk in sorted(below) if pk in self._rows and self._rows[pk].suppressed_by_causes]
        self.read_causes(alarm for alarm, _ in found)
        for alarm, when in found:
            self._look_up(alarm, when)

    def _look_up(self, alarm: AlarmEntry, when: When) -> None:
        """Whether its suppression is in effect."""
        row = self.row(alarm)
        if not row.suppressed_by_causes:
            return
        bared, rule, rules = self._bared(alarm), row.suppressed_rule, alarm.definition.rules
        outcome = muting.suppress(muting_of(row), state_of(row), rules, rule, by_causes=True, bared=bared)
        who = _shows(bared) if bared else _seen_again(rule)
        self.mute(alarm, outcome, who, replace(when, value=row.value, status=row.status))

    def _bared(self, alarm: AlarmEntry) -> str:
        """Why the causes of this alarm do not suppress it; empty: they do."""
        family = alarm.family
        self.read_causes([alarm])

        def stands(pk: int) -> tuple[bool, Muting]:
            row = self._rows.get(pk)
            return (False, Muting()) if row is None else (row.active, muting_of(row))

        found = causes.unseen(alarm.id, family.causes, stands)
        return "" if found is None else causes.why_bared((family.entries[pk].path, stands(pk)[1]) for pk in found)

    def note(self, alarm: AlarmEntry, who: Who, when: When) -> None:
        """The definition was changed while the alarm was not normal."""
        row = self.row(alarm)
        self._write(alarm, row, Change(state_of(row), Event.CHANGED), who, when, row.is_first_out)

    def _write(
        self, alarm: AlarmEntry, row: AlarmState, outcome: Change | Muted, who: Who, when: When, first_out: bool
    ) -> None:
        before, mutes_before, was = state_of(row).base, muting_of(row), _as_cause(row)
        if isinstance(outcome, Muted):
            _set_muting(row, outcome, who, when)
        after, mutes = outcome.state, muting_of(row)
        row.active, row.acked, row.latched = after.active, after.acked, after.latched
        row.occurrence, row.realarms = after.occurrence, after.realarms
        row.base, row.seq, row.changed_no = after.base.value, row.seq + 1, self.no
        row.is_listed = after.base is not Base.NORMAL and mutes.shown is None
        annunciated = outcome.annunciates and mutes.shown is None
        _set_moments(alarm, row, outcome, who, when)
        if annunciated:
            row.annunciated_at_ms, row.annunciated_no = when.server_ms, self.no
        if outcome.event is Event.ALARM or after.base is Base.NORMAL:
            row.is_first_out = first_out
        self._changed.add(row.pk)
        if alarm.id in alarm.family.consequences and _as_cause(row) != was:
            self._moved[alarm.id] = (alarm, when)
        self.entries.append(
            JournalEntry(
                alarm_uuid=alarm.uuid, seq=row.seq, occurrence=row.occurrence, path=alarm.path, area_id=alarm.area_id,
                area_path=alarm.area_path, message=alarm.message, kind=alarm.kind.value, priority=alarm.priority.value,
                alarm_class=alarm.class_name, event=outcome.event.value, from_state=before.value,
                to_state=after.base.value, mutes_before=",".join(mutes_before.reasons),
                mutes_after=",".join(mutes.reasons), annunciated=annunciated, is_first_out=row.is_first_out,
                realarms=row.realarms, value=when.value, unit=alarm.unit, status=when.status, setpoint=alarm.setpoint,
                source_ms=when.source_ms, server_ms=when.server_ms, writing_no=self.no, actor_kind=who.actor.kind,
                actor_id=who.actor.id, actor_name=who.actor.name, session=who.actor.session, ip=who.actor.ip,
                station=who.actor.station, reason=who.reason, details=_facts(outcome, mutes, who),
                revision=when.revision,
            )
        )  # fmt: skip

    def bring(self, row: AlarmState) -> None:
        """A row that was worked out elsewhere (alarms/demo/history.py); its entries are put into `entries`."""
        self._rows[row.pk] = row
        self._changed.add(row.pk)

    def flush(self) -> None:
        """By upsert: bulk_update() writes a CASE of all rows for each column, which takes seconds for a few hundred."""
        self._let_go_of_areas()
        changed = [self._rows[pk] for pk in self._changed]
        AlarmState.objects.bulk_create(
            changed, BATCH, update_conflicts=True, unique_fields=["alarm"], update_fields=_FIELDS
        )
        JournalEntry.objects.bulk_create(self.entries, BATCH)

    def _let_go_of_areas(self) -> None:
        """An area that was deleted since the configuration was read: as in the entries that stand already."""
        wanted = {entry.area_id for entry in self.entries if entry.area_id is not None}
        there = set(Area.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
        for entry in self.entries:
            if entry.area_id not in there:
                entry.area_id = None


def _facts(outcome: Change | Muted, mutes: Muting, who: Who) -> dict[str, Any]:
    """What no column says and the state cannot be rebuilt without (alarms/rebuild.py), beside what `who` gave."""
    facts = dict(who.details)
    if outcome.state.latched and outcome.state.active:
        facts["latched"] = True
    if isinstance(outcome, Muted) and outcome.event is Event.SHELVE and outcome.muting.shelving:
        facts |= {"until_ms": outcome.muting.shelving.until_ms, "one_shot": outcome.muting.shelving.one_shot}
    if isinstance(outcome, Muted) and outcome.event is Event.SUPPRESS:
        facts["rule"] = outcome.muting.by_design
        if outcome.muting.by_causes:
            facts["by_causes"] = True
    if mutes.bared:
        facts["bared"] = {"rule": mutes.by_design, "why": mutes.bared}
    return facts


def _as_cause(row: AlarmState) -> tuple[bool, ...]:
    """What decides whether the suppression of what follows from it is in effect, and what is said about that."""
    mutes = muting_of(row)
    is_ruled = bool(mutes.by_design) and not mutes.by_causes
    return row.active, mutes.shelving is not None, mutes.out_of_service, is_ruled


def _shows(bared: str) -> Who:
    return Who(SUPPRESSION, f"Shows itself because {bared}."[:300])


def _seen_again(rule: str) -> Who:
    return Who(SUPPRESSION, f"Suppressed {rule}, and what tells the cause is seen."[:300])


SUPPRESSION: Final = Actor.system("suppression")
SHELVING_ENDS: Final = Who(Actor.system("shelving"), "The alarm returned to normal, which ends a one-shot shelving.")


def _set_muting(row: AlarmState, outcome: Muted, who: Who, when: When) -> None:
    shelving, event = outcome.muting.shelving, outcome.event
    row.shelved_until_ms = shelving.until_ms if shelving else None
    row.shelved_once = shelving.one_shot if shelving else False
    row.suppressed_rule, row.out_of_service = outcome.muting.by_design, outcome.muting.out_of_service
    row.suppressed_by_causes, row.bared = outcome.muting.by_causes, outcome.muting.bared
    if event is Event.SHELVE:
        row.shelved_by, row.shelved_at_ms, row.shelved_reason = who.actor.name[:150], when.server_ms, who.reason[:200]
    elif event is Event.SUPPRESS:
        row.suppressed_at_ms = when.server_ms
    elif event is Event.OUT_OF_SERVICE:
        row.out_by, row.out_at_ms, row.out_reason = who.actor.name[:150], when.server_ms, who.reason[:200]
        row.out_work_order = str(who.details.get("work_order", ""))[:64]
        row.out_review_on = who.details.get("review_on")


def _set_moments(alarm: AlarmEntry, row: AlarmState, outcome: Change | Muted, who: Who, when: When) -> None:
    event = outcome.event
    if event is Event.ALARM:
        row.active_at_ms, row.returned_at_ms = when.source_ms, None
        row.value, row.status, row.setpoint = when.value, when.status, alarm.setpoint
    elif event is Event.RETURN:
        row.returned_at_ms, row.value, row.status = when.source_ms, when.value, when.status
    elif event is Event.ACK:
        row.acked_at_ms, row.acked_by = when.server_ms, who.actor.name[:150]
    row.realarm_at_ms = logic.realarm_at(
        row.realarm_at_ms, outcome.state, event, when.server_ms, alarm.realarm_ms, alarm.realarm_limit
    )


@contextmanager
def writing() -> Iterator[Writer]:
    """A transaction in which alarms change. After the commit everybody who follows alarms is told."""
    with transaction.atomic():
        Writing.objects.get_or_create(pk=1)
        lock = Writing.objects.select_for_update().get(pk=1)
        writer = Writer(lock.no + 1)
        yield writer
        writer.settle()
        if writer.entries:
            writer.flush()
            Writing.objects.filter(pk=1).update(no=writer.no)
            transaction.on_commit(_announce, robust=True)


def _announce() -> None:
    client = connect_blocking(settings.REDIS_URL, "alarms")
    try:
        nudge_blocking(client, keys.ALARM_NEWS)
    finally:
        client.close()
