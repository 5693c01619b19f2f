"""Whatever happens in whatever order: no undefined state, and the journal gives every state back (ALM-04)."""

import itertools
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import causes, logic, muting, snapshot
from alarms.kinds import Base, Event
from alarms.logic import Change, Refused, Rules, State
from alarms.models import Alarm, AlarmState, JournalEntry
from alarms.muting import Muted, Muting, ShelveLimits, Shelving
from alarms.rebuild import BrokenJournal, rebuild
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, muting_of, state_of, writing
from audit.actions import Actor
from devices.snapshot import load
from tests.alarms.entries import make_alarm
from tests.cast import Works
from tests.properties import SHARED_FIXTURE

BASE = (Event.ALARM, Event.RETURN, Event.ACK, Event.RESET, Event.REALARM)
OVERLAY = (
    "shelve", "shelve once", "unshelve", "expire", "suppress", "suppress otherwise", "suppress by causes",
    "cause muted", "unsuppress", "out of service", "in service", "note",
)  # fmt: skip
RULES = st.builds(Rules, st.booleans(), st.booleans(), st.booleans(), st.booleans())
STEPS = st.lists(st.sampled_from([*BASE, *BASE, *OVERLAY]), min_size=200, max_size=200)
LIMITS = ShelveLimits(True, 480)
UNSEEN = causes.why_bared([])


def asked(name: str, state: State, muted: Muting, rules: Rules, now_ms: int) -> muting.Outcome:
    """What an overlay's function says."""
    match name:
        case "shelve" | "shelve once":
            return muting.shelve(muted, state, LIMITS, 30, "pump overhaul", now_ms, one_shot=name == "shelve once")
        case "unshelve":
            return muting.unshelve(muted, state)
        case "expire":
            return muting.expired(muted, state, now_ms)
        case "suppress" | "suppress otherwise":
            return muting.suppress(muted, state, rules, "pump trip" if name == "suppress" else "cleaning")
        case "suppress by causes" | "cause muted":
            bared = UNSEEN if name == "cause muted" else ""
            return muting.suppress(muted, state, rules, "while a cause is active", by_causes=True, bared=bared)
        case "unsuppress":
            return muting.unsuppress(muted, state, rules)
        case "out of service":
            return muting.out_of_service(muted, state, "transmitter exchanged")
        case _:
            return muting.in_service(muted, state)


@dataclass
class Life:
    """An alarm without a database: what transitions.Writer does, by the pure functions alone."""

    rules: Rules
    state: State = field(default_factory=State)
    muted: Muting = field(default_factory=Muting)
    journal: list[SimpleNamespace] = field(default_factory=list)
    now_ms: int = 0

    def step(self, name: Event | str) -> None:
        self.now_ms += 400_000
        if name is Event.ALARM and self.muted.by_causes:  # it has none here, so nobody sees them
            self._take(asked("cause muted", self.state, self.muted, self.rules, self.now_ms))
        if isinstance(name, Event):
            outcome = logic.step(self.state, name, self.rules)
            self._take(outcome)
            if name is Event.RETURN and isinstance(outcome, Change):
                self._take(muting.returned(self.muted, self.state))
        elif name == "note":
            self._take(Change(self.state, Event.CHANGED))
        else:
            self._take(asked(name, self.state, self.muted, self.rules, self.now_ms))

    def _take(self, outcome: Change | Muted | Refused | None) -> None:
        if isinstance(outcome, Refused) or outcome is None:
            return
        before, mutes = self.state.base, self.muted.reasons
        self.state = outcome.state
        details: dict[str, object] = {"latched": self.state.latched}
        if isinstance(outcome, Muted):
            self.muted = outcome.muting
            details |= {"rule": self.muted.by_design, "by_causes": self.muted.by_causes}
            if self.muted.shelving:
                details |= {"until_ms": self.muted.shelving.until_ms, "one_shot": self.muted.shelving.one_shot}
        if self.muted.bared:
            details["bared"] = {"rule": self.muted.by_design, "why": self.muted.bared}
        self.journal.append(
            SimpleNamespace(
                seq=len(self.journal) + 1, event=outcome.event, from_state=before, to_state=self.state.base,
                mutes_before=",".join(mutes), mutes_after=",".join(self.muted.reasons), details=details,
                occurrence=self.state.occurrence, realarms=self.state.realarms,
            )
        )  # fmt: skip


def is_defined(state: State, rules: Rules) -> bool:
    """The combinations of flags that mean something."""
    fits_rules = (rules.latching or not state.latched) and (rules.ack_required or state.acked)
    is_latched_while_active = not (rules.latching and state.active) or state.latched
    never_was = state.occurrence > 0 or state == State()
    return fits_rules and is_latched_while_active and never_was and state.base in Base


def check_sequence(rules: Rules, names: list[Event | str]) -> None:
    life = Life(rules)
    for name in names:
        before = life.state
        life.step(name)
        assert is_defined(life.state, rules)
        assert life.state.occurrence - before.occurrence in (0, 1)
    assert rebuild(life.journal) == (life.state, life.muted)


@settings(max_examples=40)
@given(RULES, STEPS)
def test_no_sequence_leads_to_an_undefined_state_and_the_journal_rebuilds_it(
    rules: Rules, names: list[Event | str]
) -> None:
    """ALM-04"""
    check_sequence(rules, names)


@pytest.mark.slow
@settings(max_examples=800)
@given(RULES, STEPS)
def test_no_sequence_of_thousands_does(rules: Rules, names: list[Event | str]) -> None:
    """ALM-04"""
    check_sequence(rules, names)


def all_rules() -> list[Rules]:
    return [Rules(*flags) for flags in itertools.product((False, True), repeat=4)]


@pytest.mark.parametrize("rules", all_rules(), ids=str)
def test_every_state_that_can_be_reached_is_defined_and_takes_every_event(rules: Rules) -> None:
    """ALM-01: the whole machine, walked to its end; numbers of occurrences and repeats left out."""
    known, to_do = set[State](), [State()]
    while to_do:
        state = to_do.pop()
        assert is_defined(state, rules)
        for event in BASE:
            outcome = logic.step(state, event, rules)
            after = outcome.state if isinstance(outcome, Change) else state
            after = replace(after, occurrence=min(after.occurrence, 2), realarms=min(after.realarms, 1))
            if after not in known:
                known.add(after)
                to_do.append(after)
    bases = {state.base for state in known}
    assert Base.ACKED in bases
    assert (Base.LATCH_ACK in bases) is rules.latching
    assert (Base.UNACK in bases) is rules.ack_required


# -- the journal as it is in the database


def entry_with(alarm: Alarm, rules: Rules) -> AlarmEntry:
    alarm.latching, alarm.ack_required = rules.latching, rules.ack_required
    alarm.ack_on_return, alarm.relatch_silently = rules.ack_on_return, rules.relatch_silently
    alarm.save()
    return snapshot.load(load()).alarms[alarm.pk]


def check_in_database(alarm: Alarm, rules: Rules, names: list[Event | str], in_one: int) -> None:
    """`in_one`: so many steps in one writing."""
    JournalEntry.objects.all().delete()
    AlarmState.objects.all().delete()
    entry, now_ms = entry_with(alarm, rules), 1_700_000_000_000
    life = Life(rules, now_ms=now_ms)
    for start in range(0, len(names), in_one):
        with writing() as writer:
            for name in names[start : start + in_one]:
                now_ms += 400_000
                who, when = Who(Actor.system("test")), When(now_ms, now_ms, 12.5)
                row = writer.row(entry)
                if isinstance(name, Event):
                    writer.happen(entry, name, who, when)
                elif name == "note":
                    writer.note(entry, who, when)
                else:
                    writer.mute(entry, asked(name, state_of(row), muting_of(row), rules, now_ms), who, when)
                life.step(name)
    row = AlarmState.objects.filter(pk=alarm.pk).first() or AlarmState(alarm=alarm)
    entries = list(JournalEntry.objects.filter(alarm_uuid=alarm.uuid).order_by("seq"))
    assert rebuild(entries) == (state_of(row), muting_of(row)) == (life.state, life.muted)
    assert (row.seq, row.base) == (len(entries), life.state.base.value)
    assert row.is_listed == (life.state.base is not Base.NORMAL and life.muted.shown is None)


@settings(max_examples=4, suppress_health_check=SHARED_FIXTURE)
@given(rules=RULES, names=STEPS, in_one=st.integers(1, 40))
def test_the_journal_in_the_database_rebuilds_the_row(
    works: Works, rules: Rules, names: list[Event | str], in_one: int
) -> None:
    """ALM-04, ALM-20"""
    alarm = Alarm.objects.filter(tag=works.level).first() or make_alarm(works.level)
    check_in_database(alarm, rules, names, in_one)


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=SHARED_FIXTURE)
@given(rules=RULES, names=STEPS, in_one=st.integers(1, 40))
def test_the_journal_in_the_database_rebuilds_the_row_many_times(
    works: Works, rules: Rules, names: list[Event | str], in_one: int
) -> None:
    """ALM-04, ALM-20"""
    alarm = Alarm.objects.filter(tag=works.level).first() or make_alarm(works.level)
    check_in_database(alarm, rules, names, in_one)


# -- a journal that is not whole


def journal() -> list[SimpleNamespace]:
    life = Life(Rules(latching=True))
    for name in (Event.ALARM, "shelve", Event.ACK, Event.RETURN, "unshelve", "suppress"):
        life.step(name)
    return life.journal


def test_a_missing_entry_is_noticed() -> None:
    for n in range(len(journal()) - 1):
        entries = journal()
        del entries[n]
        with pytest.raises(BrokenJournal, match=f"Entry {n + 1} of the alarm is missing"):
            rebuild(entries)


def test_a_changed_entry_is_noticed() -> None:
    for name, value in (("to_state", "acked"), ("mutes_after", "out_of_service"), ("from_state", "rtn_unack")):
        entries = journal()
        setattr(entries[1], name, value)
        with pytest.raises(BrokenJournal, match=r"Entry [23]"):
            rebuild(entries)


def test_a_shelving_without_an_end_is_noticed() -> None:
    entries = journal()
    entries[1].details = {}
    with pytest.raises(BrokenJournal, match="until when"):
        rebuild(entries)


def test_an_entry_that_does_not_say_why_an_alarm_shows_itself_is_noticed() -> None:
    life = Life(Rules())
    for name in ("cause muted", Event.ALARM):
        life.step(name)
    assert rebuild(life.journal)[1].bared == UNSEEN
    shelved = Life(Rules())
    for name in ("shelve", "cause muted", Event.ALARM):
        shelved.step(name)
    for lived, number in ((life, 0), (shelved, 1), (shelved, 2)):
        entries = [SimpleNamespace(**vars(entry)) for entry in lived.journal]
        entries[number].details = {**entries[number].details, "bared": None}
        with pytest.raises(BrokenJournal, match=rf"Entry {number + 1} (does not say why|begins)"):
            rebuild(entries)


def test_an_alarm_that_was_deleted_and_shows_itself_no_more_goes_on_from_normal() -> None:
    life = Life(Rules())
    life.step("cause muted")
    life.step("out of service")
    again = vars(life.journal[0]) | {"seq": 2, "event": "alarm", "to_state": "unack", "details": {}, "occurrence": 1}
    assert rebuild([life.journal[0], SimpleNamespace(**again)])[1] == Muting()


def test_an_alarm_that_was_deleted_and_is_there_again_goes_on_from_normal() -> None:
    again = SimpleNamespace(
        seq=7, event="alarm", from_state="normal", to_state="unack", mutes_before="", mutes_after="", details={},
        occurrence=2, realarms=0,
    )  # fmt: skip
    assert rebuild([*journal(), again]) == (State(True, False, False, 2, 0), Muting())


# -- re-alarm


def test_the_time_to_the_next_re_alarm_is_that_of_the_acknowledgement() -> None:
    """ALM-16"""
    acked = State(active=True, occurrence=1)
    due = logic.realarm_at(None, acked, Event.ACK, 1000, 60_000, 2)
    assert due == 61_000
    assert logic.realarm_at(due, acked, Event.SHELVE, 9000, 60_000, 2) == 61_000
    assert logic.realarm_at(due, acked, Event.ACK, 9000, 60_000, 2) == 69_000
    assert logic.realarm_at(due, acked, Event.CHANGED, 9000, 0, 2) is None
    assert logic.realarm_at(due, replace(acked, realarms=2), Event.ACK, 9000, 60_000, 2) is None
    assert logic.realarm_at(due, replace(acked, acked=False), Event.REALARM, 9000, 60_000, 2) is None
    assert logic.realarm_at(due, replace(acked, active=False), Event.RETURN, 9000, 60_000, 2) is None


def test_an_alarm_without_acknowledgement_does_not_re_alarm_by_an_old_one(works: Works) -> None:
    """ALM-16: its time counts from its own beginning."""
    alarm = make_alarm(works.level)
    entry = replace(snapshot.load(load()).alarms[alarm.pk], realarm_ms=60_000, realarm_limit=3)
    system = Who(Actor.system("test"))
    with writing() as writer:
        for event, at_ms in ((Event.ALARM, 1000), (Event.ACK, 2000), (Event.RETURN, 3000)):
            writer.happen(entry, event, system, When(at_ms, at_ms))
    unasked = replace(entry, definition=replace(entry.definition, rules=Rules(ack_required=False)))
    with writing() as writer:
        writer.happen(unasked, Event.ALARM, system, When(500_000, 500_000))
        assert writer.row(unasked).realarm_at_ms == 560_000
        writer.happen(unasked, Event.REALARM, system, When(560_000, 560_000))
        assert (writer.row(unasked).base, writer.row(unasked).realarm_at_ms) == (Base.ACKED, 620_000)


def test_a_shelving_is_over_at_its_end_and_not_before() -> None:
    shelved = Muting(Shelving(5000))
    assert muting.expired(shelved, State(), 4999) is None
    assert isinstance(muting.expired(shelved, State(), 5000), Muted)
