"""Rates, averages and totals in time, the quality of what is computed, and its order."""

import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.quality import (
    BAD_NOT_CONNECTED,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_CLAMPED,
    GOOD_LOCAL_OVERRIDE,
    LIMIT_HIGH,
    LIMIT_LOW,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_NO_COMMUNICATION,
    UNCERTAIN_SUBNORMAL,
    Severity,
    severity,
)
from devices.derived import AVERAGE_BUCKETS, RATE_SAMPLES, Average, Rate, Total, combined, in_order, loops, within
from devices.formula import Formula, Function

ANY = [GOOD, GOOD_CLAMPED | LIMIT_HIGH, GOOD_LOCAL_OVERRIDE, UNCERTAIN_NO_COMMUNICATION,
       UNCERTAIN_EU_EXCEEDED | LIMIT_LOW, BAD_TIMEOUT, BAD_NOT_CONNECTED, 0xC0000000]  # fmt: skip


# -- quality


@given(st.lists(st.sampled_from(ANY), max_size=6))
def test_the_worst_input_decides(statuses: list[int]) -> None:
    """UA-03: worst severity wins; an override stays visible among Good ones."""
    found = combined(statuses)
    assert severity(found) is max((severity(s) for s in statuses), default=Severity.GOOD)
    if severity(found) is Severity.UNCERTAIN:
        assert found == UNCERTAIN_SUBNORMAL
    if severity(found) is Severity.GOOD:
        assert found == (GOOD_LOCAL_OVERRIDE if GOOD_LOCAL_OVERRIDE in statuses else GOOD)
    if severity(found) is Severity.BAD:
        assert found in statuses


def test_a_result_beyond_its_range_is_uncertain_and_says_on_which_side() -> None:
    assert within(11, GOOD, 0, 10) == UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH
    assert within(-1, GOOD_LOCAL_OVERRIDE, 0, 10) == UNCERTAIN_EU_EXCEEDED | LIMIT_LOW
    assert within(10, GOOD, 0, 10) == GOOD
    assert within(11, UNCERTAIN_SUBNORMAL, 0, 10) == UNCERTAIN_SUBNORMAL


# -- rate


def test_a_rate_is_the_change_over_the_window_per_time_unit() -> None:
    rate = Rate(window_s=10, per_s=3600)
    for second in range(30):
        found = rate.step(second, second * 0.5, GOOD)
    assert found[0] == pytest.approx(1800.0)
    assert found[1] == GOOD


def test_a_rate_is_uncertain_until_half_of_its_window_is_known() -> None:
    rate = Rate(10, 1)
    assert rate.step(0, 0, GOOD) == (None, BAD_WAITING_FOR_INITIAL_DATA)
    assert [rate.step(t, t, GOOD)[1] for t in range(1, 7)] == [*[UNCERTAIN_SUBNORMAL] * 4, GOOD, GOOD]


def test_a_gap_does_not_disturb_a_rate_and_while_it_lasts_there_is_none() -> None:
    rate = Rate(60, 1)
    for second in range(100):
        is_gap = 70 <= second < 90
        found = rate.step(second, None if is_gap else second * 2.0, BAD_TIMEOUT if is_gap else GOOD)
        if is_gap:
            assert found == (None, BAD_TIMEOUT)
    assert found[0] == pytest.approx(2.0)
    assert found[1] == GOOD


def test_a_value_that_was_kept_during_an_outage_is_no_end_of_a_good_rate() -> None:
    rate = Rate(10, 1)
    for second in range(40):
        is_lost = 10 <= second < 25
        value = 9.0 if is_lost else float(second)
        found = rate.step(second, value, UNCERTAIN_NO_COMMUNICATION if is_lost else GOOD)
        if severity(found[1]) is Severity.GOOD:
            assert found[0] == pytest.approx(1.0)
        if is_lost:
            assert severity(found[1]) is Severity.UNCERTAIN
    assert found[1] == GOOD


def test_a_counter_that_is_reset_gives_a_negative_rate_for_one_window() -> None:
    rate = Rate(10, 1)
    found = [rate.step(t, float(t if t < 20 else t - 20), GOOD)[0] for t in range(40)]
    assert all(value == pytest.approx(1.0) for value in found[11:20])
    assert all(value is not None and value < 1 for value in found[20:30])
    assert all(value == pytest.approx(1.0) for value in found[31:])


def test_the_memory_of_a_long_window_is_bounded() -> None:
    rate, average = Rate(86_400, 1), Average(86_400, 2)
    for i in range(20_000):
        status = (GOOD, UNCERTAIN_SUBNORMAL)[i % 2]
        rate.step(i * 0.1, i, status)
        average.step(i * 0.1, i, status)
    assert len(rate._kept) <= 4 * RATE_SAMPLES
    assert len(average._buckets) <= AVERAGE_BUCKETS * 1.1 + 2


# -- average


def test_an_average_weighs_by_time_not_by_scans() -> None:
    average = Average(100, 60)
    for at, value in ((0, 0.0), (40, 0.0), (40.001, 10.0), (50, 10.0), (80, 10.0)):
        found = average.step(at, value, GOOD)
    assert found[0] == pytest.approx(5.0, rel=1e-3)


def test_bad_time_is_left_out_and_too_little_good_time_makes_it_uncertain() -> None:
    average = Average(10, 2)
    for second in range(21):
        found = average.step(second, 4.0, GOOD)
    assert found == (4.0, GOOD)
    statuses = [average.step(t, None, BAD_TIMEOUT) for t in range(21, 36)]
    assert statuses[0] == (4.0, GOOD)
    assert statuses[4] == (4.0, UNCERTAIN_SUBNORMAL)
    assert statuses[-1] == (None, BAD_TIMEOUT)


def test_an_overridden_value_stays_visible_in_the_average_for_the_window() -> None:
    average = Average(10, 2)
    found = [average.step(t, 4.0, GOOD_LOCAL_OVERRIDE if t == 15 else GOOD)[1] for t in range(30)]
    assert found[14] == GOOD
    assert found[15] == found[20] == GOOD_LOCAL_OVERRIDE
    assert found[29] == GOOD


# -- total


def test_a_total_is_the_amount_that_has_flown() -> None:
    total = Total(per_s=3600, max_gap_s=3, total=100.0)
    for second in range(3601):
        found = total.step(second, 36.0, GOOD)
    assert found[0] == pytest.approx(136.0, abs=1e-9)
    assert found[1] == GOOD


def test_time_that_was_not_measured_is_not_counted_and_is_uncertain_while_it_lasts() -> None:
    total = Total(1, 3, 0.0)
    seen = []
    for second in range(30):
        is_bad = 10 <= second < 20
        seen.append(total.step(second, None if is_bad else 1.0, BAD_TIMEOUT if is_bad else GOOD))
    assert seen[9] == (9.0, GOOD)
    assert seen[10:20] == [(9.0, UNCERTAIN_SUBNORMAL)] * 10
    assert seen[29] == (18.0, GOOD)


def test_a_value_that_was_kept_is_not_counted() -> None:
    total = Total(1, 3, 0.0)
    for second in range(30):
        found = total.step(second, 1.0, UNCERTAIN_SUBNORMAL if second >= 10 else GOOD, is_measured=second < 10)
    assert found == (9.0, UNCERTAIN_SUBNORMAL)


def test_without_a_total_to_begin_with_there_is_none() -> None:
    total = Total(1, 3, None)
    assert total.step(0, 1.0, GOOD) == (None, BAD_WAITING_FOR_INITIAL_DATA)
    total.preset(7.0)
    assert total.step(1, 1.0, GOOD) == (8.0, GOOD)


def test_a_small_flow_is_not_lost_beside_a_total_of_years() -> None:
    total = Total(1, 3, 1e12)
    for i in range(100_001):
        found = total.step(i * 0.1, 1e-4, GOOD)
    assert found[0] == pytest.approx(1e12 + 1.0, abs=2e-4)


@dataclass(frozen=True)
class Scan:
    wait_s: float
    value: float
    status: int


SCANS = st.lists(
    st.builds(
        Scan, st.floats(0.05, 5), st.floats(-1e6, 1e6), st.sampled_from([GOOD, UNCERTAIN_SUBNORMAL, BAD_TIMEOUT])
    ),
    min_size=2,
    max_size=60,
)


@settings(max_examples=100)
@given(SCANS, st.integers(0, 59))
def test_a_total_that_is_started_again_anywhere_counts_each_measured_second_once(scans: list[Scan], cut: int) -> None:
    """What the restart itself took was not measured: that one interval is missing, and nothing is counted twice."""
    gap = 3.0
    whole, now, before = 0.0, 0.0, None
    total, cut = Total(60, gap, 0.0), cut % len(scans)
    for i, scan in enumerate(scans):
        if i == cut:
            total, before = Total(60, gap, total.total), None
        now += scan.wait_s
        is_bad = severity(scan.status) is Severity.BAD
        if before is not None and not is_bad and now - before[0] <= gap:
            whole += (before[1] + scan.value) / 2 * (now - before[0]) / 60
        before = None if is_bad else (now, scan.value)
        value, status = total.step(now, None if is_bad else scan.value, scan.status)
        assert value == pytest.approx(whole, abs=1e-6)
        assert severity(status) is (Severity.GOOD if scan.status == GOOD else Severity.UNCERTAIN)


@settings(max_examples=100)
@given(SCANS)
def test_an_average_lies_between_the_smallest_and_the_largest_value(scans: list[Scan]) -> None:
    average, now = Average(20, 3), 0.0
    values = [scan.value for scan in scans if severity(scan.status) is not Severity.BAD]
    for scan in scans:
        now += scan.wait_s
        is_bad = severity(scan.status) is Severity.BAD
        value, status = average.step(now, None if is_bad else scan.value, scan.status)
        assert (value is None) is (severity(status) is Severity.BAD)
        if isinstance(value, float):
            assert min(values) - 1e-6 <= value <= max(values) + 1e-6


@settings(max_examples=100)
@given(SCANS, st.floats(2, 60))
def test_a_rate_of_anything_is_between_the_steepest_slopes(scans: list[Scan], window_s: float) -> None:
    rate, now, samples = Rate(window_s, 1), 0.0, []
    for scan in scans:
        now += scan.wait_s
        is_bad = severity(scan.status) is Severity.BAD
        value, status = rate.step(now, None if is_bad else scan.value, scan.status)
        if not is_bad:
            samples.append((now, scan.value))
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(samples)]
        assert (value is None) is (severity(status) is Severity.BAD)
        if isinstance(value, float):
            assert min(slopes) - 1e-3 <= value <= max(slopes) + 1e-3


@given(st.sampled_from([0, 1, 2]), st.floats(-1.7e308, 1.7e308))
def test_huge_values_never_come_out_as_infinity(which: int, value: float) -> None:
    machine = (Rate(10, 1e8), Average(10, 3), Total(0.001, 3, 1e308))[which]
    for i, sign in enumerate((1, -1, 1)):
        found, _ = machine.step(i, sign * value, GOOD)
        assert found is None or (isinstance(found, float) and math.isfinite(found))


# -- order


def formula(tag: int, *sources: int) -> Formula:
    return Formula(tag, Function.VALUE, "", tuple((f"i{n}", source) for n, source in enumerate(sources)))


def test_each_comes_after_what_it_is_computed_from() -> None:
    order, looped = in_order([formula(3, 2, 1), formula(2, 1, 99), formula(1, 98)])
    assert [f.tag for f in order] == [1, 2, 3]
    assert not looped


def test_a_loop_is_named_in_its_order_and_what_hangs_on_it_goes_on() -> None:
    formulas = [
        formula(1, 2),
        formula(2, 3),
        formula(3, 1),
        formula(4, 3),
        formula(5, 4),
        formula(6, 98),
        formula(7, 7),
    ]
    order, looped = in_order(formulas)
    assert {f.tag for f in looped} == {1, 2, 3, 7}
    assert [f.tag for f in order] in ([6, 4, 5], [4, 6, 5], [4, 5, 6])
    assert loops(formulas) == [[1, 2, 3], [7]]


@settings(max_examples=150)
@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 14), max_size=4), max_size=13))
def test_whatever_is_computed_from_whatever_the_order_holds_and_loops_are_loops(needs: dict[int, list[int]]) -> None:
    formulas = [formula(tag, *sources) for tag, sources in needs.items()]
    order, looped = in_order(formulas)
    stuck = {f.tag for f in looped}
    assert sorted([*(f.tag for f in order), *stuck]) == sorted(needs)
    seen: set[int] = set()
    for found in order:
        assert all(s in seen or s in stuck or s not in needs for s in needs[found.tag])
        seen.add(found.tag)
    named = loops(formulas)
    assert bool(named) is bool(stuck)
    for loop in named:
        assert all(after in needs[tag] for tag, after in zip(loop, [*loop[1:], loop[0]], strict=True))
