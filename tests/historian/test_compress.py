"""Exception and swinging door: bounds that hold for every raw value (HIS-02, HIS-03)."""

import math
from dataclasses import replace
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bus.messages import Value
from bus.quality import BAD_SENSOR_FAILURE, GOOD, GOOD_CLAMPED, UNCERTAIN_EU_EXCEEDED, is_good
from historian.samples import Row
from historian.series import Rule, SeriesKind
from tests.historian.streams import SLOPED, START_MS, STEPPED, Source, recording, seen, value_at

EPS = 1e-9
HOUR_S = 3600

numbers = st.floats(-1e9, 1e9) | st.integers(-50, 50).map(float)


def _runs(said: list[tuple[int, int]]) -> list[float]:
    return [float(value) for value, times in said for _ in range(times)]


wobble = st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 6)), min_size=2, max_size=30).map(_runs)
"""Values that stand for some scans."""


def rows_of(rule: Rule, values: list[Value], statuses: list[int] | None = None) -> tuple[Source, list[Row]]:
    """One raw value a second."""
    source = Source(recording(rule))
    for place, value in enumerate(values):
        source.scan(place * 1000, value, statuses[place] if statuses else GOOD)
    return source, source.stop()


def close(a: float | str | None, b: Value, scale: float) -> bool:
    if not isinstance(a, float) or not isinstance(b, float):
        return a == b
    return abs(a - b) <= EPS * max(1.0, scale)


def unchecked(rule: Rule) -> Rule:
    return replace(rule, exc_max_ms=0)


# -- vectors (HIS-03)


@pytest.mark.parametrize("rule", [SLOPED, STEPPED, replace(SLOPED, exc_dev=0.5, comp_dev=1.0)])
def test_a_constant_of_an_hour_is_its_heartbeats(rule: Rule) -> None:
    """HIS-03: at most 1 + ceil(3600 s / ExcMax) + 1 points, and the marker of the stop."""
    _, rows = rows_of(rule, [21.5] * (HOUR_S + 1))
    assert len(rows) - 1 <= 1 + ceil(HOUR_S / 600) + 1
    assert {row[2] for row in rows[:-1]} == {21.5}
    assert [row[0] - START_MS for row in rows[:-1]] == list(range(0, HOUR_S * 1000 + 1, 600_000))


def test_a_ramp_of_an_hour_is_its_two_ends() -> None:
    """HIS-03."""
    _, rows = rows_of(SLOPED, [float(s) for s in range(HOUR_S)])
    assert seen(rows) == [(0, 0.0), (3_599_000, 3599.0), (3_599_001, None)]


def test_a_ramp_that_floats_cannot_say_exactly_is_few_points_with_any_tolerance() -> None:
    """HIS-03."""
    _, rows = rows_of(replace(SLOPED, comp_dev=1e-9), [0.1 * s for s in range(HOUR_S)])
    assert len(rows) - 1 <= 3


@pytest.mark.parametrize("comp_dev", [0.0, 0.5, 2.0])
def test_a_tent_keeps_its_peak(comp_dev: float) -> None:
    values: list[Value] = [float(v) for v in [*range(100), *range(100, -1, -1)]]
    _, rows = rows_of(replace(SLOPED, comp_dev=comp_dev), values)
    assert abs(max(row[2] or 0.0 for row in rows) - 100.0) <= comp_dev


def test_a_spike_of_one_scan_is_kept_with_its_feet() -> None:
    _, rows = rows_of(replace(SLOPED, exc_dev=0.5, comp_dev=1.0), [5.0, 5.0, 5.0, 50.0, 5.0, 5.0])
    assert seen(rows)[:-1] == [(0, 5.0), (2000, 5.0), (3000, 50.0), (4000, 5.0), (5000, 5.0)]


def test_a_sine_with_two_percent_of_tolerance_is_a_tenth_of_its_values() -> None:
    """HIS-03: the ratio; a period of 10 min sampled each second."""
    values: list[Value] = [50 + 50 * math.sin(2 * math.pi * s / 600) for s in range(HOUR_S)]
    _, rows = rows_of(replace(SLOPED, exc_dev=1.0, comp_dev=2.0), values)
    assert HOUR_S / len(rows) > 10


# -- bounds


@given(st.lists(numbers, min_size=1, max_size=50), st.floats(0.001, 100))
def test_what_is_held_misses_no_raw_value_by_more_than_the_exception_deviation(values: list[float], dev: float) -> None:
    """HIS-03."""
    source, rows = rows_of(unchecked(replace(STEPPED, exc_dev=dev)), list(values))
    for ms, raw, _ in source.raw:
        held, _ = value_at(rows, ms, is_stepped=True)
        assert isinstance(raw, float)
        assert isinstance(held, float)
        assert abs(raw - held) <= dev


@given(wobble | st.lists(numbers, min_size=2, max_size=50), st.data())
def test_the_line_misses_no_raw_value_by_more_than_the_compression_deviation(
    values: list[float], data: st.DataObject
) -> None:
    """HIS-03, with both stages; every raw value, those that no row names too."""
    comp_dev = data.draw(st.floats(0.01, 30))
    exc_dev = data.draw(st.sampled_from([0.0, comp_dev / 4, comp_dev / 2]))
    source, rows = rows_of(replace(SLOPED, exc_dev=exc_dev, comp_dev=comp_dev), list(values))
    scale = max(abs(v) for v in values)
    for ms, raw, _ in source.raw:
        line, _ = value_at(rows, ms, is_stepped=False)
        assert isinstance(raw, float)
        assert isinstance(line, float)
        assert abs(raw - line) <= comp_dev + EPS * max(1.0, scale)


@given(wobble, st.floats(0.01, 10))
def test_no_extreme_is_missed_by_more_than_the_deviation(values: list[float], comp_dev: float) -> None:
    _, rows = rows_of(replace(SLOPED, exc_dev=comp_dev / 2, comp_dev=comp_dev), list(values))
    stored = [row[2] for row in rows if row[2] is not None]
    assert abs(max(stored) - max(values)) <= comp_dev + EPS
    assert abs(min(stored) - min(values)) <= comp_dev + EPS


raw_values = st.one_of(
    st.floats(-1e6, 1e6),
    st.integers(-5, 5),
    st.sampled_from([2**53 - 1, 2**53 + 1, 2**64 - 1, -(2**63)]),
    st.none(),
)
raw_statuses = st.sampled_from([GOOD, GOOD, GOOD, GOOD_CLAMPED, UNCERTAIN_EU_EXCEEDED, BAD_SENSOR_FAILURE])


@pytest.mark.parametrize("is_stepped", [True, False])
@given(st.lists(st.tuples(raw_values, raw_statuses, st.integers(1, 3)), min_size=1, max_size=40))
@example([(1.0, GOOD, 3), (2.0, BAD_SENSOR_FAILURE, 2), (2.0, GOOD, 1)])
def test_the_default_rule_gives_every_raw_value_back(is_stepped: bool, runs: list[tuple[Value, int, int]]) -> None:
    """HIS-02: the default leaves nothing out that the rows would not say; texts of whole numbers are exact."""
    source = Source(recording(STEPPED if is_stepped else SLOPED))
    at_ms = 0
    for value, status, times in runs:
        for _ in range(times):
            source.scan(at_ms, value, status)
            at_ms += 1000
    rows = source.stop()
    scale = max((abs(v) for v, _, _ in runs if isinstance(v, int | float)), default=1.0)
    for ms, raw, status in source.raw:
        got, got_status = value_at(rows, ms, is_stepped=is_stepped)
        assert got_status == status
        if isinstance(raw, int) and abs(raw) > 2**53:
            assert got == str(raw)
        elif raw is None or is_stepped or not is_good(status):
            assert got == raw
        else:
            assert isinstance(got, float)
            assert abs(got - float(raw)) <= EPS * max(1.0, float(scale) if abs(scale) < 2**53 else abs(float(raw)))


@given(st.lists(st.tuples(st.integers(0, 9), raw_statuses), min_size=2, max_size=40))
def test_each_change_of_quality_is_a_row_with_the_point_before_it(said: list[tuple[int, int]]) -> None:
    """HIS-02: whatever the deviations."""
    rule = replace(SLOPED, exc_dev=50.0, comp_dev=100.0)
    values: list[Value] = [float(value) for value, _ in said]
    source, rows = rows_of(rule, values, [status for _, status in said])
    stored = {row[0]: row for row in rows}
    for before, after in pairwise(source.raw):
        if before[2] != after[2]:
            assert (stored[before[0]][2], stored[before[0]][4]) == before[1:]
            assert (stored[after[0]][2], stored[after[0]][4]) == after[1:]


# -- what is no line


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (SeriesKind.TEXT, ["idle", "idle", "running", "", "idle"]),
        (SeriesKind.STATE, [False, False, True, False, True]),
        (SeriesKind.STATE, [3, 3, 4, 0, 3]),
    ],
)
def test_texts_and_states_are_rows_at_every_change_whatever_the_deviations(
    kind: SeriesKind, values: list[Value]
) -> None:
    _, rows = rows_of(Rule(1, kind, is_stepped=True, exc_dev=100, exc_min_ms=60_000, comp_dev=200), values)
    want = [v if isinstance(v, str) else float(v or 0) for v in values]
    assert seen(rows)[:4] == [(0, want[0]), (2000, want[2]), (3000, want[3]), (4000, want[4])]


@pytest.mark.parametrize("rule", [SLOPED, STEPPED, replace(SLOPED, exc_dev=10, comp_dev=20)])
def test_a_counter_beyond_2_53_is_exact_at_every_count(rule: Rule) -> None:
    counts: list[Value] = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**64 - 2, 2**64 - 1]
    source, rows = rows_of(rule, counts)
    stored = {row[0]: row for row in rows}
    for ms, raw, _ in source.raw[2:]:
        assert stored[ms][3] == str(raw)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("rule", [SLOPED, STEPPED, replace(SLOPED, exc_dev=1, comp_dev=2)])
def test_what_is_no_number_is_a_row_without_one_and_said_once(rule: Rule, bad: float) -> None:
    source = Source(recording(rule))
    for place, value in enumerate([1.0, bad, bad, 2.0]):
        source.scan(place * 1000, value)
    rows = source.stop()
    said = [(ms, value) for ms, value in seen(rows) if ms <= 3000]
    assert said in ([(0, 1.0), (1000, None), (3000, 2.0)], [(0, 1.0), (1000, None), (2000, None), (3000, 2.0)])


def test_numbers_too_large_to_subtract_are_rows_at_every_change() -> None:
    values: list[Value] = [1.7e308, -1.7e308, 1.7e308, 1.0, -1.6e308]
    _, rows = rows_of(replace(SLOPED, exc_dev=1, comp_dev=2), values)
    assert [value for _, value in seen(rows)][:-1] == values


def test_a_doubtful_value_is_a_row_at_every_change() -> None:
    """HIS-07: only Good values make a line."""
    values: list[Value] = [1.0, 2.0, 3.0, 4.0]
    _, rows = rows_of(replace(SLOPED, exc_dev=10, comp_dev=20), values, [UNCERTAIN_EU_EXCEEDED] * 4)
    assert [value for _, value in seen(rows)][:-1] == values


# -- minima and maxima


def test_changes_come_no_faster_than_the_exception_minimum_but_what_stands_comes() -> None:
    rule = replace(STEPPED, exc_min_ms=10_000)
    source = Source(recording(rule))
    for s in range(60):
        source.scan(s * 1000, 1.0 if s < 3 else 2.0)
    assert seen(source.rows)[:2] == [(0, 1.0), (3000, 2.0)]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60))
def test_whatever_stands_longer_than_the_exception_minimum_is_in_history(levels: list[int]) -> None:
    """A value that was there for three minima or more is seen in the rows."""
    source = Source(recording(replace(STEPPED, exc_min_ms=2000, exc_max_ms=0)))
    at_ms = 0
    for level in levels:
        for _ in range(6):
            source.scan(at_ms, float(level))
            at_ms += 1000
    rows = source.stop()
    for place, level in enumerate(levels):
        at = START_MS + place * 6000 + 5000
        assert value_at(rows, at, is_stepped=True)[0] == float(level)


def test_rows_of_the_door_are_no_closer_than_the_compression_minimum() -> None:
    values: list[Value] = [float(s * 37 % 11) for s in range(300)]
    _, rows = rows_of(replace(SLOPED, comp_min_ms=20_000), values)
    times = [row[0] for row in rows][:-2]
    assert len(times) > 5
    assert all(b - a >= 20_000 for a, b in pairwise(times))


def test_a_change_of_quality_does_not_wait_for_a_minimum() -> None:
    rule = replace(SLOPED, exc_dev=1, exc_min_ms=60_000, comp_dev=2, comp_min_ms=60_000)
    _, rows = rows_of(rule, [1.0, 5.0, 9.0, 9.0], [GOOD, GOOD, BAD_SENSOR_FAILURE, GOOD])
    assert seen(rows)[:4] == [(0, 1.0), (1000, 5.0), (2000, 9.0), (3000, 9.0)]


def test_a_straight_line_has_a_row_within_each_compression_maximum() -> None:
    _, rows = rows_of(replace(SLOPED, comp_max_ms=60_000), [float(s) for s in range(600)])
    times = [row[0] for row in rows]
    assert max(b - a for a, b in pairwise(times)) == 60_000
