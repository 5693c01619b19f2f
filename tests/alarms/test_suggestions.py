"""What would have quietened an alarm, tried on its own history."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.kinds import Kind
from alarms.kpi.suggestions import Pair, Setting, Tried, pairs_of, replay, replay_deadband, suggestions

HIGH = Setting(Kind.HI, 10.0, 0.5, 0.0, 0.0, respond_min=10, span=100)


def pulses(*lengths_and_gaps_s: float) -> list[Pair]:
    """Active, normal, active, ... seconds, from 1 s after the epoch."""
    found, at = [], 1.0
    for active, normal in zip(lengths_and_gaps_s[::2], [*lengths_and_gaps_s[1::2], 0.0], strict=False):
        found.append(Pair(round(at * 1000), round((at + active) * 1000), 10.2, 9.4))
        at += active + normal
    return found


CHATTER = pulses(2, 4, 3, 4, 30, 60, 2, 8, 2)


@pytest.mark.parametrize(("on_s", "left"), [(0, 5), (2, 5), (2.5, 2), (3, 2), (5, 1), (31, 0)])
def test_an_on_delay_removes_what_was_shorter(on_s: float, left: int) -> None:
    """Pulses of 2, 3, 30, 2 and 2 s; one as long as the delay still comes."""
    assert replay(CHATTER, HIGH, on_s, 0) == left


@pytest.mark.parametrize(("off_s", "left"), [(0, 5), (4, 5), (5, 3), (8.5, 2), (61, 1)])
def test_an_off_delay_joins_what_came_again_within_it(off_s: float, left: int) -> None:
    """Gaps of 4, 4, 60 and 8 s."""
    assert replay(CHATTER, HIGH, 0, off_s) == left


def test_both_delays_work_together() -> None:
    """The pulse of 30 s is the first that is long enough; those after the gap are too short."""
    assert replay(CHATTER, HIGH, 5, 5) == 1


def test_the_delays_it_had_are_taken_off_first() -> None:
    """With an on-delay of 10 s and an off-delay of 20 s, active for 30 s means that the condition held for 20 s."""
    had = replace(HIGH, on_delay_s=10, off_delay_s=20)
    pairs = [Pair(10_000, 40_000)]
    assert replay(pairs, had, 20, 20) == 1
    assert replay(pairs, had, 20.001, 20) == 0


def test_what_is_active_still_counts() -> None:
    assert replay([Pair(1000, None)], HIGH, 60, 0) == 1
    assert replay_deadband([Pair(1000, None)], HIGH, 5) == 1


def test_a_deadband_is_judged_by_the_values_at_the_return() -> None:
    """9.4 is back by 0.6: enough for 0.5, not for 0.7. The third return is at 5, the fourth has no value."""
    pairs = [Pair(n * 1000, n * 1000 + 500, 10.1, back) for n, back in enumerate([9.4, 9.4, 5.0, None, 9.4])]
    assert replay_deadband(pairs, HIGH, 0.5) == 5
    assert replay_deadband(pairs, HIGH, 0.7) == 3
    low = replace(HIGH, kind=Kind.LO)
    assert replay_deadband([Pair(0, 1, 9.9, 10.6), Pair(2, 3, 9.9, 10.6)], low, 0.7) == 1


def test_proposed_is_the_smallest_that_does_nearly_as_much_as_the_largest() -> None:
    on, off, deadband = suggestions(CHATTER, HIGH)
    assert (on.what, on.now) == ("on-delay", 0)
    assert [t.value for t in on.tried] == [1, 2, 5, 10, 15, 30, 60]
    assert on.tried[-1] == Tried(60, 0, 5)
    assert on.proposed == on.tried[-1]  # the pulse of 30 s goes with it
    assert [(t.value, t.left) for t in off.tried] == [(5, 3), (10, 2), (15, 2), (30, 2), (60, 2), (120, 1), (300, 1)]
    assert off.proposed == Tried(120, 1, 5)
    assert [(t.value, t.left) for t in deadband.tried] == [(1.0, 1), (2.0, 1), (5.0, 1)]
    assert deadband.proposed == Tried(1.0, 1, 5)
    assert deadband.proposed.removed_pct == 80
    assert "5 of 5 returns have one" in deadband.note


def test_an_on_delay_leaves_the_operator_the_time_to_respond() -> None:
    on = suggestions(CHATTER, replace(HIGH, respond_min=2))[0]
    assert [t.value for t in on.tried] == [1, 2, 5, 10]  # a tenth of two minutes is 12 s
    none = suggestions(CHATTER, replace(HIGH, respond_min=0.1))[0]
    assert (none.tried, none.proposed) == ([], None)
    assert none.note.startswith("None is tried")


def test_without_a_measure_no_deadband_is_tried() -> None:
    bare = replace(HIGH, span=None, deadband=0.0)
    assert "no range" in suggestions(CHATTER, bare)[2].note
    unknown = [pair._replace(return_value=None) for pair in CHATTER]
    assert "cannot be judged" in suggestions(unknown, HIGH)[2].note
    assert suggestions(unknown, HIGH)[2].tried == []
    assert len(suggestions(CHATTER, replace(HIGH, kind=Kind.DISCRETE))) == 2


def test_where_the_deadband_is_wide_already_multiples_of_it_are_tried() -> None:
    wide = suggestions(CHATTER, replace(HIGH, deadband=5.0))[2]
    assert [t.value for t in wide.tried] == [7.5, 10, 15, 25]
    assert [t.value for t in suggestions(CHATTER, replace(HIGH, span=None))[2].tried] == [0.75, 1, 1.5, 2.5]


def test_pairs_are_made_of_what_belongs_together() -> None:
    told = [
        ("return", 1, 9.0), ("alarm", 2, 10.5), ("ack", 3, None), ("return", 4, 9.4), ("alarm", 5, "open"),
        ("return", 6, True), ("alarm", 7, 11),
    ]  # fmt: skip
    assert pairs_of(told) == [Pair(2, 4, 10.5, 9.4), Pair(5, 6, None, None), Pair(7, None, 11.0, None)]


seconds = st.integers(1, 400).map(lambda n: n / 4)


@given(st.lists(seconds, min_size=2, max_size=40), seconds, seconds)
def test_longer_delays_never_make_more_alarms(lengths: list[float], one: float, other: float) -> None:
    pairs, shorter, longer = pulses(*lengths), min(one, other), max(one, other)
    assert len(pairs) == replay(pairs, HIGH, 0, 0) >= replay(pairs, HIGH, 0, shorter) >= replay(pairs, HIGH, 0, longer)
    assert len(pairs) >= replay(pairs, HIGH, shorter, 0) >= replay(pairs, HIGH, longer, 0)
