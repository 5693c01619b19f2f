"""Blocks in, events out: the same as judging every alarm anew with each block, and interrupted at any place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.condition import Sample, Truth, holds
from alarms.definition import CAUSE_ACTIVE, Condition, Definition, Suppression, parent_loops
from alarms.evaluation import BadState, Evaluation, Raised
from alarms.kinds import Event, Kind
from bus.messages import BACKFILL, LIVE, Block, Value
from bus.quality import BAD_SENSOR_FAILURE, GOOD, UNCERTAIN_NO_COMMUNICATION
from devices.freshness import limit_ms

GROUPS = {1: ("a", 1000), 2: ("a", 1000), 3: ("b", 500), 4: ("b", 500)}
EMPTY: dict[int, Value] = {}
BEGIN = 1_000_000


def block(
    at_s: float, values: Mapping[int, Value] = EMPTY, group: str = "a", status: int = GOOD, **more: object
) -> Block:
    made = Block(
        1, 1, group, 1, BEGIN + round(at_s * 1000), LIVE, [*values], [*values.values()], [status] * len(values)
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields of Block


def high(number: int = 1, tag: int = 1, **more: object) -> Definition:
    return Definition(number, Condition(Kind.HI, tag, 10.0, 1.0), **more)  # type: ignore[arg-type]  # of Definition


def of(*definitions: Definition) -> Evaluation:
    return Evaluation({d.id: d for d in definitions}, GROUPS)


def told(raised: list[Raised]) -> list[tuple[int, str, float]]:
    return [(r.alarm, r.event.value, (r.source_ms - BEGIN) / 1000) for r in raised]


# -- single behaviours


def test_a_short_excursion_between_two_looks_is_seen() -> None:
    """ALM-05: every sample is judged."""
    evaluation = of(high())
    found = [told(evaluation.take(block(at, {1: value}))) for at, value in enumerate((5.0, 12.0, 5.0))]
    assert found == [[], [(1, "alarm", 1)], [(1, "return", 2)]]


def test_what_is_raised_carries_value_status_and_the_time_of_the_sample() -> None:
    found = of(high()).take(block(5, {2: 1.0, 1: 12.0}, source_ms=[1, BEGIN + 4321]))
    assert found == [Raised(1, Event.ALARM, BEGIN + 4321, 12.0, GOOD)]


def test_blocks_without_changes_are_the_clock() -> None:
    evaluation = of(high(on_delay_ms=3000))
    evaluation.take(block(0, {1: 12.0}))
    assert [told(evaluation.take(block(at))) for at in (1, 2, 3, 4)] == [[], [], [(1, "alarm", 3)], []]


def test_another_group_is_no_clock_of_the_alarm() -> None:
    evaluation = of(high(on_delay_ms=3000))
    evaluation.take(block(0, {1: 12.0}))
    assert [r for at in range(1, 60) for r in evaluation.take(block(at, group="b"))] == []


def test_late_blocks_are_judged_in_their_order_with_their_own_time() -> None:
    evaluation = of(high(on_delay_ms=2000), high(3, 3))
    evaluation.take(block(100, {3: 1.0}, group="b"))
    late = [(50, 12.0), (51, 12.5), (52, 13.0), (53, 5.0)]
    found = [r for at, v in late for r in evaluation.take(block(at, {1: v}, flags=BACKFILL))]
    assert told(found) == [(1, "alarm", 52), (1, "return", 53)]


@pytest.mark.parametrize("step_s", [-5000, 5000])
def test_a_step_of_the_clock_neither_ripens_nor_starves_a_delay(step_s: int) -> None:
    """ALM-05"""
    evaluation = of(high(on_delay_ms=10_000))
    evaluation.take(block(0, {1: 12.0}))
    late = [told(evaluation.take(block(at + (step_s if at >= 5 else 0)))) for at in range(1, 15)]
    raised_after = next(n for n, found in enumerate(late, start=1) if found)
    assert raised_after in (8, 11)  # forward it counts as 3 s, the limit of the group; back as nothing


def test_a_cause_and_what_it_suppresses_begin_and_end_without_a_needless_call() -> None:
    """ALM-15: cause first, then the suppression, then what is suppressed; and the way back."""
    child = high(1, 1, suppression=Suppression("pump trip", parents=(2,)))
    evaluation = of(child, high(2, 2))
    begun = evaluation.take(block(0, {1: 12.0, 2: 12.0}))
    assert told(begun) == [(2, "alarm", 0), (1, "suppress", 0), (1, "alarm", 0)]
    assert (begun[1].rule, begun[1].causes) == (CAUSE_ACTIVE, (2,))
    assert told(evaluation.take(block(1, {1: 5.0, 2: 5.0}))) == [
        (1, "return", 1), (2, "return", 1), (1, "unsuppress", 1),
    ]  # fmt: skip


def test_why_an_alarm_is_suppressed_is_told_and_told_again_when_that_changes() -> None:
    """ALM-15: the expression, or else which causes; in words and by their ids."""
    child = high(1, 1, suppression=Suppression("flag", "flag", (("flag", 3),), (2, 4)))
    evaluation = of(child, high(2, 2), high(4, 4))
    steps: list[tuple[dict[int, Value], str]]
    steps = [({2: 12.0}, "a"), ({4: 12.0}, "b"), ({3: 1}, "b"), ({2: 5.0}, "a"), ({3: 0}, "b"), ({4: 5.0}, "b")]
    found = [[r for r in evaluation.take(block(at, v, g)) if r.alarm == 1] for at, (v, g) in enumerate(steps)]
    assert [[(r.event.value, r.rule, r.causes) for r in raised] for raised in found] == [
        [("suppress", CAUSE_ACTIVE, (2,))], [("suppress", CAUSE_ACTIVE, (2, 4))], [("suppress", "flag", ())],
        [], [("suppress", CAUSE_ACTIVE, (4,))], [("unsuppress", "flag", ())],
    ]  # fmt: skip


def test_causes_come_before_what_follows_from_them() -> None:
    first, second = Suppression("s", parents=(2,)), Suppression("s", parents=(3,))
    evaluation = of(high(1, 1, suppression=first), high(2, 2, suppression=second), high(3, 3))
    evaluation.take(block(0, {3: 5.0}, group="b"))
    evaluation.take(block(1, {1: 12.0}))
    begun = [r for group, v in (("b", {3: 12.0}), ("a", {2: 12.0})) for r in evaluation.take(block(2, v, group))]
    assert told(begun) == [(3, "alarm", 2), (2, "suppress", 2), (2, "alarm", 2), (1, "suppress", 2)]


def test_a_suppression_ends_before_what_comes_in_the_same_scan() -> None:
    evaluation = of(high(1, 1, suppression=Suppression("s", "flag", (("flag", 2),))))
    assert told(evaluation.take(block(0, {1: 5.0, 2: 1}))) == [(1, "suppress", 0)]
    assert told(evaluation.take(block(1, {1: 12.0, 2: 0}))) == [(1, "unsuppress", 1), (1, "alarm", 1)]


def test_loops_of_suppression_are_found() -> None:
    """ALM-15"""
    parents = {1: (2,), 2: (3,), 3: (1,), 4: (1,), 5: (5,), 6: ()}
    definitions = {n: high(n, suppression=Suppression("s", parents=own)) for n, own in parents.items()}
    assert parent_loops(definitions) == {1: {2}, 2: {3}, 3: {1}, 5: {5}}


def test_one_expression_that_cannot_be_read_holds_its_alarm_and_no_other() -> None:
    broken = Definition(2, Condition(Kind.EXPRESSION, 1, expression="value >", inputs=(("value", 1),)))
    evaluation = of(high(), broken)
    assert set(evaluation.unreadable) == {2}
    assert told(evaluation.take(block(0, {1: 12.0}))) == [(1, "alarm", 0)]


def test_an_alarm_of_a_tag_in_no_group_comes_without_its_delay_rather_than_never() -> None:
    evaluation = Evaluation({1: high(on_delay_ms=5000)}, {})
    assert told(evaluation.take(block(0, {1: 12.0}))) == [(1, "alarm", 0)]


def test_a_delay_that_is_paused_by_another_group_keeps_all_that_was_confirmed() -> None:
    evaluation = of(Definition(1, Condition(Kind.DEVIATION, 1, 5.0, reference=3), 3000))
    evaluation.take(block(0, {3: 50.0}, group="b"))
    for at, value in ((0, 20.0), (1, 21.0), (2, 22.0)):
        evaluation.take(block(at, {1: value}))
    evaluation.take(block(2.1, {3: None}, group="b", status=BAD_SENSOR_FAILURE))
    assert [evaluation.take(block(at)) for at in (3, 4, 60)] == [[], [], []]
    evaluation.take(block(61.9, {3: 50.0}, group="b"))
    assert told(evaluation.take(block(61))) == [(1, "alarm", 61)]


# -- another configuration


def test_a_changed_setpoint_is_judged_at_once_by_the_last_value() -> None:
    evaluation = of(high())
    evaluation.take(block(0, {1: 8.0}))
    lower = Definition(1, Condition(Kind.HI, 1, 7.0, 1.0))
    assert told(evaluation.configure({1: lower}, GROUPS)) == [(1, "alarm", 0)]
    assert told(evaluation.configure({1: high()}, GROUPS)) == [(1, "return", 0)]


def test_a_changed_alarm_with_a_bad_input_stays_active() -> None:
    evaluation = of(high())
    evaluation.take(block(0, {1: 12.0}))
    evaluation.take(block(1, {1: None}, status=BAD_SENSOR_FAILURE))
    assert evaluation.configure({1: Definition(1, Condition(Kind.HI, 1, 99.0))}, GROUPS) == []
    assert told(evaluation.take(block(2, {1: 12.0}))) == [(1, "return", 2)]


def test_delays_of_what_is_unchanged_go_on_through_a_new_configuration() -> None:
    delayed = high(on_delay_ms=3000)
    evaluation = of(delayed)
    evaluation.take(block(0, {1: 12.0}))
    evaluation.take(block(1))
    assert evaluation.configure({1: delayed, 2: high(2, 2)}, GROUPS) == []
    assert [told(evaluation.take(block(at))) for at in (2, 3)] == [[], [(1, "alarm", 3)]]


def test_a_new_alarm_is_judged_by_the_value_its_tag_has() -> None:
    evaluation = of()
    evaluation.take(block(0, {1: 12.0}))
    assert told(evaluation.configure({1: high()}, GROUPS)) == [(1, "alarm", 0)]


def test_of_what_is_removed_nothing_is_raised_but_what_it_suppressed_is_free() -> None:
    child = high(1, 1, suppression=Suppression("s", parents=(2,)))
    evaluation = of(child, high(2, 2))
    evaluation.take(block(0, {1: 12.0, 2: 12.0}))
    assert told(evaluation.configure({1: child}, GROUPS)) == [(1, "unsuppress", 0)]


def test_a_tag_that_moves_to_another_group_keeps_the_delay_that_is_over() -> None:
    evaluation = of(high(on_delay_ms=5000))
    for at in range(4):
        evaluation.take(block(at, {1: 12.0 + at}))
    evaluation.configure({1: high(on_delay_ms=5000)}, GROUPS | {1: ("b", 500)})
    found = [told(evaluation.take(block(at, group="b"))) for at in (10, 11, 12)]
    assert found == [[], [], [(1, "alarm", 12)]]


# -- what was before


def test_what_the_rows_say_stays_until_a_value_says_otherwise() -> None:
    evaluation = of(high(1, 1), high(2, 2), high(3, 3, suppression=Suppression("s", "flag", (("flag", 4),))))
    evaluation.assume(active=[1, 2], suppressed=[3])
    assert told(evaluation.take(block(0, group="b"))) == [(3, "suppress", 0)]  # why, told again
    assert told(evaluation.take(block(1, {1: 12.0, 2: 5.0}))) == [(2, "return", 1)]
    assert told(evaluation.take(block(2, {3: 12.0}, group="b"))) == [(3, "alarm", 2)]
    assert told(evaluation.take(block(3, {4: 0}, group="b"))) == [(3, "unsuppress", 3)]


@pytest.mark.parametrize(("by_causes", "rule", "causes"), [([1], CAUSE_ACTIVE, (2,)), ([], "flag", ())])
def test_what_the_rows_say_of_why_it_is_suppressed_stays_while_its_expression_is_not_known(
    by_causes: list[int], rule: str, causes: tuple[int, ...]
) -> None:
    """ALM-15"""
    evaluation = of(high(1, 1, suppression=Suppression("flag", "flag", (("flag", 3),), (2,))), high(2, 2))
    evaluation.assume(active=[2], suppressed=[1], by_causes=by_causes)
    assert [(r.rule, r.causes) for r in evaluation.take(block(0))] == [(rule, causes)]


def test_rows_that_are_assumed_later_are_judged_by_the_values_that_are_known() -> None:
    evaluation = of(high())
    evaluation.take(block(0, {1: 5.0}))
    evaluation.assume(active=[1], suppressed=[])
    assert told(evaluation.take(block(1, group="b"))) == [(1, "return", 1)]


def test_a_damaged_state_is_refused_and_changes_nothing() -> None:
    evaluation = of(high())
    evaluation.take(block(0, {1: 12.0}))
    state = evaluation.dump()
    for raw in (b"", b"abc", state[:-1], state[:9] + b"\x00" + state[10:], state + b"\x00"):
        with pytest.raises(BadState):
            evaluation.restore(raw)
    assert evaluation.dump() == state


def test_a_definition_that_was_changed_meanwhile_is_judged_anew_with_its_whole_delay() -> None:
    before = of(high(on_delay_ms=3000))
    before.take(block(0, {1: 12.0}))
    before.take(block(2))
    after = of(high(on_delay_ms=5000))
    after.restore(before.dump())
    found = [(at, told(after.take(block(at)))) for at in range(3, 10)]
    assert [at for at, raised in found if raised] == [8]


# -- the same as a slow and simple one


DEFINITIONS = (
    high(1, 1), Definition(2, Condition(Kind.LO, 1, 3.0, 2.0), 2000, 3000), high(3, 3, on_delay_ms=1500),
    Definition(4, Condition(Kind.DEVIATION, 2, 4.0, 1.0, reference=3), 1000),
    Definition(5, Condition(Kind.DISCRETE, 4, states=(7, 12))), Definition(6, Condition(Kind.BAD_QUALITY, 1), 1000),
    Definition(7, Condition(Kind.COMM, 3)),
    Definition(8, Condition(Kind.EXPRESSION, 2, expression="value > 6 and x > 6", inputs=(("value", 2), ("x", 4)))),
    high(9, 2, suppression=Suppression("cause", parents=(1,)), off_delay_ms=2000),
    Definition(10, Condition(Kind.LOLO, 3, 3.0), suppression=Suppression("s", "z > 6", (("z", 1),), (5, 9))),
    Definition(11, Condition(Kind.HIHI, 4, 9.0, 3.0), 500, 500),
)  # fmt: skip
VALUES = st.sampled_from([(float(v), GOOD) for v in (2, 3, 4, 6, 7, 9, 10, 12)] * 3 + [
    (None, BAD_SENSOR_FAILURE), (7.0, UNCERTAIN_NO_COMMUNICATION), ("text", GOOD),
])  # fmt: skip
STEPS = st.sampled_from([0, 400, 500, 1000, 1000, 1000, 2500, 60_000, -5000])


SCANS = st.lists(
    st.one_of(
        st.tuples(st.just("a"), STEPS, st.dictionaries(st.sampled_from([1, 2]), VALUES)),
        st.tuples(st.just("b"), STEPS, st.dictionaries(st.sampled_from([3, 4]), VALUES)),
    ),
    max_size=60,
)
Scans = list[tuple[str, int, dict[int, tuple[Value, int]]]]


def blocks_of(scans: Scans) -> list[Block]:
    """Scan group, ms since its scan before, and what changed."""
    at = {"a": BEGIN, "b": BEGIN + 70}
    blocks: list[Block] = []
    for group, step_ms, rows in scans:
        at[group] += step_ms
        values, statuses = [v for v, _ in rows.values()], [s for _, s in rows.values()]
        blocks.append(Block(1, 1, group, len(blocks), at[group], LIVE, list(rows), values, statuses))
    return blocks


@dataclass
class Plain:
    """One alarm by the letter of the rules: judged with every block, its time added up block by block."""

    definition: Definition
    active: bool = False
    differs: bool = False
    spent_ms: int = 0
    ruled: bool = False
    suppressed: bool = False
    why: tuple[int, ...] = ()
    """The causes, where they alone suppress it."""

    def take(self, samples: Mapping[int, Sample], step_ms: int) -> None:
        says = holds(self.definition.condition, samples, self.active)
        if says is self.active:
            self.spent_ms = 0
        elif says is not None:
            self.spent_ms += step_ms if self.differs else 0
        self.differs = says is (not self.active)
        delay_ms = self.definition.off_delay_ms if self.active else self.definition.on_delay_ms
        if self.differs and self.spent_ms >= delay_ms:
            self.active, self.differs, self.spent_ms = not self.active, False, 0

    def rule(self, samples: Mapping[int, Sample], alarms: Mapping[int, "Plain"]) -> None:
        suppression = self.definition.suppression
        if suppression is None:
            return
        if suppression.expression:
            says = Truth(suppression.expression, suppression.inputs)(samples, False, 0)
            self.ruled = self.ruled if says is None else says
        causes = tuple(pk for pk in sorted(suppression.parents) if alarms[pk].active)
        self.suppressed, self.why = self.ruled or bool(causes), () if self.ruled else causes


def plainly(blocks: list[Block]) -> Iterator[set[tuple[int, str]]]:
    """What each block leads to."""
    samples = {tag: Sample() for tag in GROUPS}
    alarms = {d.id: Plain(d) for d in DEFINITIONS}
    before: dict[str, int] = {}
    for each in blocks:
        step_ms = max(0, each.read_at_ms - before.get(each.group, each.read_at_ms))
        before[each.group] = each.read_at_ms
        for tag, value, status in zip(each.ids, each.values, each.statuses, strict=True):
            samples[tag] = Sample(value, status)
        was = {pk: (alarm.active, alarm.suppressed, alarm.why) for pk, alarm in alarms.items()}
        for alarm in alarms.values():
            group, scan_ms = GROUPS[alarm.definition.tags[0]]
            alarm.take(samples, min(step_ms, limit_ms(scan_ms)) if group == each.group else 0)
        for alarm in alarms.values():
            alarm.rule(samples, alarms)
        yield _differences(was, alarms)


def _differences(
    was: Mapping[int, tuple[bool, bool, tuple[int, ...]]], alarms: Mapping[int, Plain]
) -> set[tuple[int, str]]:
    found = set()
    for pk, alarm in alarms.items():
        if alarm.active is not was[pk][0]:
            found.add((pk, "alarm" if alarm.active else "return"))
        if (alarm.suppressed, alarm.why) != was[pk][1:]:
            found.add((pk, "suppress" if alarm.suppressed else "unsuppress"))
    return found


def check_against_plain(scans: Scans) -> None:
    evaluation = of(*DEFINITIONS)
    blocks = blocks_of(scans)
    for each, expected in zip(blocks, plainly(blocks), strict=True):
        raised = evaluation.take(each)
        found = [(r.alarm, r.event.value) for r in raised]
        assert set(found) == expected
        assert len(found) == len(expected)
        assert {r.source_ms for r in raised} <= {each.read_at_ms}


RATES = (Definition(20, Condition(Kind.RATE, 1, 1.0, 0.2, window_ms=5000), 1000),)


def check_interrupted(scans: Scans, place: int) -> None:
    """Dumped after some blocks, restored in another process: as if it had gone on."""
    blocks = blocks_of(scans)
    place = min(place, len(blocks))
    through, first, second = of(*DEFINITIONS, *RATES), of(*DEFINITIONS, *RATES), of(*DEFINITIONS, *RATES)
    whole = [through.take(each) for each in blocks]
    begun = [first.take(each) for each in blocks[:place]]
    second.restore(first.dump())
    assert second.dump() == first.dump()
    assert begun + [second.take(each) for each in blocks[place:]] == whole
    assert second.dump() == through.dump()


@settings(max_examples=40)
@given(SCANS)
def test_it_says_what_judging_every_alarm_with_every_block_would_say(scans: Scans) -> None:
    check_against_plain(scans)


@settings(max_examples=40)
@given(SCANS, st.integers(0, 60))
def test_a_restored_evaluation_goes_on_exactly(scans: Scans, place: int) -> None:
    """ALM-04"""
    check_interrupted(scans, place)


@pytest.mark.slow
@settings(max_examples=500)
@given(SCANS, st.integers(0, 60))
def test_long_runs_of_both(scans: Scans, place: int) -> None:
    check_against_plain(scans)
    check_interrupted(scans, place)


@settings(max_examples=40)
@given(SCANS, st.integers(0, 60))
def test_the_same_configuration_again_changes_nothing(scans: Scans, place: int) -> None:
    blocks = blocks_of(scans)
    through, told_again = of(*DEFINITIONS, *RATES), of(*DEFINITIONS, *RATES)
    for n, each in enumerate(blocks):
        if n == place:
            said = told_again.configure({d.id: d for d in (*DEFINITIONS, *RATES)}, GROUPS)
            assert {(r.alarm, r.event) for r in said} == {(pk, Event.SUPPRESS) for pk in through.standing()[1]}
        assert told_again.take(each) == through.take(each)
