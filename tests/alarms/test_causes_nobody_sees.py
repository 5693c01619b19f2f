"""A cause that a person has shelved, or taken out of service, hides nothing that follows from it (ALM-15)."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alarms import actions, causes
from alarms.actions import Result
from alarms.current import current_alarms
from alarms.kinds import Base, Event, Kind, Severity
from alarms.models import Alarm, AlarmClass, AlarmState, JournalEntry
from alarms.muting import Muting, Shelving
from alarms.process.configuration import load
from alarms.process.engine import Engine
from alarms.process.timers import let_time_pass
from alarms.rebuild import rebuild
from alarms.running import Raised
from alarms.transitions import muting_of, state_of
from audit.actions import Actor
from plant.revisions import bump
from tests.alarms.entries import make_alarm
from tests.alarms.stream import Plant, Process, journal
from tests.cast import Works
from tests.fault_seed import seeded

OMAR = Actor("user", "omar", "Omar")
HIGH, NORMAL = 12.0, 5.0


def everywhere(_: object) -> bool:
    return True


def row_of(alarm: Alarm) -> AlarmState:
    return AlarmState.objects.get(pk=alarm.pk)


def done(results: list[Result]) -> None:
    assert [r.refused for r in results] == [None]


def shelve(alarm: Alarm, *, at_ms: int | None = None) -> None:
    done(actions.shelve(OMAR, [str(alarm.uuid)], 10, "being cleaned", everywhere, now_ms=at_ms))


def unshelve(alarm: Alarm) -> None:
    done(actions.unshelve(OMAR, [str(alarm.uuid)], everywhere))


def take_out(alarm: Alarm) -> None:
    today = timezone.localdate()
    done(actions.take_out_of_service(OMAR, [str(alarm.uuid)], "exchanged", "", today, everywhere))


def put_back(alarm: Alarm) -> None:
    done(actions.return_to_service(OMAR, [str(alarm.uuid)], everywhere))


@dataclass
class Site:
    """A level whose high level is the cause of what the flow does."""

    works: Works
    plant: Plant = field(default_factory=Plant)

    def __post_init__(self) -> None:
        self.works.flow.scan_ms = 2000
        self.works.flow.save()
        self.cause = make_alarm(self.works.level)
        self.follows = make_alarm(self.works.flow)
        self.follows.suppressed_by.add(self.cause)
        with transaction.atomic():
            bump("ada", "test")
        self.process = Process().begin()

    def level(self, value: float) -> None:
        self._say(self.works.level.pk, f"{self.works.level.device_id}:{self.works.level.scan_ms}", value)

    def flow(self, value: float) -> None:
        self._say(self.works.flow.pk, f"{self.works.flow.device_id}:{self.works.flow.scan_ms}", value)

    def _say(self, tag: int, group: str, value: float) -> None:
        self.process.hear(self.plant.say(group, {tag: value}))

    @property
    def told(self) -> list[tuple[str, str, bool]]:
        """Of what follows: event, reason, and whether it called."""
        entries = JournalEntry.objects.filter(alarm_uuid=self.follows.uuid).order_by("seq")
        return list(entries.values_list("event", "reason", "annunciated"))


@pytest.fixture
def site(works: Works) -> Site:
    return Site(works)


MUTINGS: list[tuple[Callable[[Alarm], None], Callable[[Alarm], None], str]] = [
    (shelve, unshelve, "shelved"), (take_out, put_back, "out of service"),
]  # fmt: skip


@pytest.mark.parametrize(("hide", "show", "word"), MUTINGS)
def test_what_follows_shows_itself_in_the_writing_that_hides_its_cause_and_is_suppressed_again_after_it(
    site: Site, hide: Callable[[Alarm], None], show: Callable[[Alarm], None], word: str
) -> None:
    """ALM-15"""
    site.level(HIGH)
    site.flow(HIGH)
    assert not row_of(site.follows).is_listed
    hide(site.cause)
    cause, follows = row_of(site.cause), row_of(site.follows)
    assert (follows.is_listed, follows.base, follows.occurrence) == (True, Base.UNACK, 2)
    assert follows.annunciated_no == follows.changed_no == cause.changed_no
    assert follows.suppressed_rule == "while works/north/level:hi is active"
    assert follows.bared == f"its cause works/north/level:hi is {word}"
    show(site.cause)
    follows = row_of(site.follows)
    assert (follows.is_listed, follows.bared, follows.occurrence) == (False, "", 2)
    suppressed = "Suppressed while works/north/level:hi is active"
    assert site.told == [
        ("suppress", f"{suppressed}.", False),
        ("alarm", "", False),
        ("cause_muted", f"Shows itself because its cause works/north/level:hi is {word}.", True),
        ("suppress", f"{suppressed}, and what tells the cause is seen.", False),
    ]
    assert set(JournalEntry.objects.filter(event__in=["suppress", "cause_muted"]).values_list("actor_kind")) == {
        ("system",)
    }


def test_the_end_of_a_shelving_by_its_time_suppresses_again(site: Site) -> None:
    site.level(HIGH)
    shelve(site.cause, at_ms=1_000_000)
    site.flow(HIGH)
    assert row_of(site.follows).is_listed
    alarms = load().alarms
    let_time_pass(alarms, 1_599_999)
    assert row_of(site.follows).is_listed
    let_time_pass(alarms, 1_600_000)
    assert not row_of(site.follows).is_listed
    assert [event for event, *_ in site.told] == ["suppress", "cause_muted", "alarm", "suppress"]


def test_a_cause_that_comes_while_it_is_shelved_hides_nothing(site: Site) -> None:
    site.flow(HIGH)
    shelve(site.cause)
    site.level(HIGH)
    follows = row_of(site.follows)
    assert (follows.is_listed, follows.occurrence, bool(follows.bared)) == (True, 1, True)
    site.level(NORMAL)
    follows = row_of(site.follows)
    assert (follows.is_listed, follows.occurrence, follows.suppressed_rule, follows.bared) == (True, 1, "", "")
    assert [(event, called) for event, _, called in site.told] == [
        ("alarm", True), ("cause_muted", False), ("unsuppress", False),
    ]  # fmt: skip


def test_what_comes_in_the_scan_in_which_its_seen_cause_goes_and_a_hidden_one_stays_calls_once(works: Works) -> None:
    seen, hidden, follows = make_alarm(works.level), make_alarm(works.level, "hidden"), make_alarm(works.flow)
    follows.suppressed_by.add(seen, hidden)
    with transaction.atomic():
        bump("ada", "test")
    engine, both = Engine(load().alarms), (seen.pk, hidden.pk)
    raised = [Raised(pk, Event.ALARM, 1, HIGH, 0) for pk in both]
    engine.apply([*raised, Raised(follows.pk, Event.SUPPRESS, 1, NORMAL, 0, "a cause is active", both)], 1, "1-0")
    shelve(hidden)
    engine.apply([Raised(seen.pk, Event.RETURN, 2, NORMAL, 0), Raised(follows.pk, Event.ALARM, 2, HIGH, 0)], 1, "2-0")
    row = row_of(follows)
    assert (row.is_listed, row.occurrence, row.annunciated_no == row.changed_no) == (True, 1, True)


def test_it_holds_over_a_kill_and_nothing_is_written_twice(site: Site) -> None:
    site.level(HIGH)
    site.process.keep()
    shelve(site.cause)
    site.flow(HIGH)
    before = journal("path", "event", "annunciated")
    for has_memory in (True, False):
        site.process = Process()
        if has_memory:
            site.process.write(site.process.judging.caught_up())
        else:
            site.process.begin()
        site.flow(HIGH)
        assert journal("path", "event", "annunciated") == before
        assert row_of(site.follows).is_listed
    site.process = Process().begin()
    unshelve(site.cause)
    assert not row_of(site.follows).is_listed


def test_a_cause_that_is_deleted_while_it_is_hidden_ends_the_suppression_without_another_call(site: Site) -> None:
    site.level(HIGH)
    site.flow(HIGH)
    shelve(site.cause)
    site.follows.suppressed_by.clear()
    site.cause.delete()
    with transaction.atomic():
        bump("ada", "test")
    site.process.write(site.process.judging.adopt(load()))
    follows = row_of(site.follows)
    assert (follows.is_listed, follows.occurrence, follows.suppressed_rule) == (True, 2, "")


def test_rows_of_before_are_told_why_they_are_suppressed(site: Site) -> None:
    """As an older version left them."""
    site.level(HIGH)
    site.flow(HIGH)
    AlarmState.objects.filter(pk=site.follows.pk).update(
        suppressed_rule="a cause is active", suppressed_by_causes=False
    )
    site.process = Process().begin()
    site.level(HIGH)
    follows = row_of(site.follows)
    assert (follows.suppressed_by_causes, follows.is_listed) == (True, False)


@pytest.mark.parametrize("what", ["comes", "shelved", "unshelved"])
def test_a_flood_of_consequences_costs_no_query_for_each(works: Works, what: str) -> None:
    """ALM-32"""
    assert queries_of(works, 40, what) == queries_of(works, 160, what)


def reads(taken: CaptureQueriesContext) -> int:
    """What is written goes in portions, as large as the database takes."""
    return sum(query["sql"].startswith("SELECT") for query in taken.captured_queries)


def queries_of(works: Works, count: int, what: str) -> int:
    Alarm.objects.all().delete()
    JournalEntry.objects.all().delete()
    cause = make_alarm(works.level)
    follow = [make_alarm(works.flow, f"f{n}") for n in range(count)]
    for alarm in follow:
        alarm.suppressed_by.add(cause)
    with transaction.atomic():
        bump("ada", "test")
    engine, ids = Engine(load().alarms), [alarm.pk for alarm in follow]
    raised = [Raised(cause.pk, Event.ALARM, 1, HIGH, 0)]
    raised += [Raised(pk, Event.SUPPRESS, 1, HIGH, 0, "a cause is active", (cause.pk,)) for pk in ids]
    raised += [Raised(pk, Event.ALARM, 1, HIGH, 0) for pk in ids]
    with CaptureQueriesContext(connection) as taken:
        engine.apply(raised, 1, f"{count}-0")
    if what == "comes":
        return reads(taken)
    current_alarms()
    with CaptureQueriesContext(connection) as taken:
        shelve(cause)
    assert AlarmState.objects.filter(is_listed=True).count() == count
    if what == "shelved":
        return reads(taken)
    with CaptureQueriesContext(connection) as taken:
        unshelve(cause)
    return reads(taken)


# -- words


def test_the_reason_names_causes_in_order_and_stays_within_its_column() -> None:
    shelved, out = Muting(Shelving(1)), Muting(out_of_service=True)
    assert causes.why_bared([]) == "no cause of it is in the list"
    assert causes.why_bared([("b", shelved), ("a", out)]) == (
        "none of its causes is in the list: a (out of service) and b (shelved)"
    )
    many = causes.why_bared([(f"c{n}", shelved) for n in range(6)])
    assert many.endswith("c1 (shelved), c2 (shelved) and 3 more")
    for paths in (["p" * 290], ["p" * 290, "q" * 290]):
        assert len(causes.why_bared([(path, out) for path in paths])) <= 300
    assert causes.why_bared([("p" * 290, out)]).endswith(" is out of service")
    assert causes.while_active(["b", "a"]) == "while a or b is active"
    assert causes.while_active("edcba") == "while a, b, c or 2 more is active"


# -- whatever happens in whatever order

PARENTS: dict[int, tuple[int, ...]] = {1: (0,), 2: (1,), 3: (1, 4), 5: (3,), 6: (2, 4)}
"""By number: a chain, two causes, a cause far up, and a diamond."""
COUNT = 7
RULED = 3
"""Also suppressed while the flow is above 5."""


@dataclass
class Truth:
    """What the test knows of the plant: it does not read it from what is tested."""

    active: set[int] = field(default_factory=set)
    is_cleaning: bool = False

    def causes(self, number: int) -> set[int]:
        """Active ones, with the active ones above them."""
        own = {p for p in PARENTS.get(number, ()) if p in self.active}
        return own | {above for p in own for above in self.causes(p)}

    def is_ruled(self, number: int) -> bool:
        return number == RULED and self.is_cleaning


class Walk:
    """Seven alarms, each a bit of the level's value."""

    def __init__(self, works: Works, chance: random.Random) -> None:
        self.works, self.chance, self.truth, self.plant = works, chance, Truth(), Plant()
        works.flow.scan_ms = 2000
        works.flow.save()
        group, _ = AlarmClass.objects.get_or_create(name="process", defaults={"title": "Process"})
        self.alarms = [self._made(number, group) for number in range(COUNT)]
        for number, parents in PARENTS.items():
            self.alarms[number].suppressed_by.add(*(self.alarms[p] for p in parents))
        self.alarms[RULED].inputs.create(name="f", source=works.flow)
        with transaction.atomic():
            bump("ada", "test")
        self.process = Process().begin()
        self.shelved_until_ms = 0

    def _made(self, number: int, group: AlarmClass) -> Alarm:
        states = [value for value in range(1 << COUNT) if value >> number & 1]
        return Alarm.objects.create(
            tag=self.works.level, name=f"a{number}", kind=Kind.DISCRETE.value, states=states, alarm_class=group,
            message="m", severity=Severity.MAJOR.value, time_to_respond_min=10.0, priority=2,
            latching=number % 3 == 0, suppress_when="f > 5" if number == RULED else "",
        )  # fmt: skip

    def step(self) -> None:
        what, alarm = self.chance.random(), self.chance.choice(self.alarms)
        uuids = [str(alarm.uuid)]
        if what < 0.4:
            self.truth.active ^= set(self.chance.sample(range(COUNT), self.chance.choice([1, 1, 2, 3])))
            self._say(self.works.level, float(sum(1 << n for n in self.truth.active)))
        elif what < 0.48:
            self.truth.is_cleaning = not self.truth.is_cleaning
            self._say(self.works.flow, 10.0 if self.truth.is_cleaning else 0.0)
        elif what < 0.62:
            actions.shelve(OMAR, uuids, 10, "cleaned", everywhere, one_shot=self.chance.random() < 0.3)
        elif what < 0.72:
            actions.unshelve(OMAR, uuids, everywhere)
        elif what < 0.8:
            actions.take_out_of_service(OMAR, uuids, "exchanged", "", timezone.localdate(), everywhere)
        elif what < 0.9:
            actions.return_to_service(OMAR, uuids, everywhere)
        elif what < 0.95:
            actions.acknowledge(OMAR, [(uuids[0], self.rows()[self.alarms.index(alarm)].occurrence)], "", everywhere)
        elif what < 0.97:
            let_time_pass(load().alarms, self.plant.at_ms * 2)  # every shelving is over
        else:
            self._killed()

    def _killed(self) -> None:
        self.process.keep() if self.chance.random() < 0.5 else None
        mark = self.process.judging.mark
        self.process = Process()
        self.process.begin(mark)
        self._say(self.works.level, float(sum(1 << n for n in self.truth.active)))
        self._say(self.works.flow, 10.0 if self.truth.is_cleaning else 0.0)

    def _say(self, tag: object, value: float) -> None:
        group = f"{tag.device_id}:{tag.scan_ms}"  # type: ignore[attr-defined]  # a Tag
        self.process.hear(self.plant.say(group, {tag.pk: value}))  # type: ignore[attr-defined]  # a Tag

    def rows(self) -> dict[int, AlarmState]:
        held = {row.pk: row for row in AlarmState.objects.all()}
        return {n: held.get(a.pk) or AlarmState(alarm=a) for n, a in enumerate(self.alarms)}

    def checked(self, before: dict[int, AlarmState]) -> dict[int, AlarmState]:
        rows, truth = self.rows(), self.truth
        seen = {n for n in truth.active if rows[n].is_listed}
        for number, row in rows.items():
            assert row.active is (number in truth.active)
            own = [p for p in PARENTS.get(number, ()) if p in truth.active]
            assert bool(row.suppressed_rule) is (bool(own) or truth.is_ruled(number))
            is_by_person = row.shelved_until_ms is not None or row.out_of_service
            if row.active and not is_by_person:
                is_covered = bool(truth.causes(number) & seen)
                assert (not row.is_listed) is (truth.is_ruled(number) or is_covered), number
            if row.active and before[number].active and is_hidden_by_design(before[number]) and row.is_listed:
                assert row.annunciated_no > before[number].annunciated_no
                assert row.occurrence > before[number].occurrence
        return rows

    def rebuilt(self) -> None:
        for number, row in self.rows().items():
            entries = JournalEntry.objects.filter(alarm_uuid=self.alarms[number].uuid).order_by("seq")
            assert rebuild(entries) == (state_of(row), muting_of(row))


def is_hidden_by_design(row: AlarmState) -> bool:
    return not row.is_listed and row.shelved_until_ms is None and not row.out_of_service


def walk(works: Works, chance: random.Random, steps: int) -> None:
    walked = Walk(works, chance)
    rows = walked.rows()
    for number in range(steps):
        walked.step()
        rows = walked.checked(rows)
        if number % 40 == 39:
            walked.rebuilt()
    assert JournalEntry.objects.filter(event=Event.CAUSE_MUTED.value).exists()


def test_no_active_alarm_is_hidden_by_design_unless_some_alarm_up_its_chain_is_seen(works: Works) -> None:
    """ALM-04, ALM-15: 200 steps, and nothing is hidden or shown for another reason; the journal rebuilds every row."""
    walk(works, seeded(0), 200)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(1, 13))
def test_none_is_in_many_walks(works: Works, turn: int) -> None:
    """ALM-04, ALM-15"""
    walk(works, seeded(turn), 200)
