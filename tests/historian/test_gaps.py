"""Silence, lost entries, stops, clock steps, late values: what is not known is not drawn (HIS-02, HIS-07, HIS-08)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import Value
from bus.quality import (
    BAD_NO_COMMUNICATION,
    GOOD,
    GOOD_CLAMPED,
    LIMIT_HIGH,
    UNCERTAIN,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
    is_good,
)
from devices.freshness import limit_ms
from historian.recording import Recording
from historian.samples import Row
from historian.series import Rule
from tests.historian.streams import (
    SLOPED,
    START_MS,
    STEPPED,
    TAG,
    as_stored,
    block,
    recording,
    seen,
    value_at,
)

BOTH = pytest.mark.parametrize("rule", [SLOPED, STEPPED, replace(SLOPED, exc_dev=1.0, comp_dev=2.0)])
LIMIT_MS = limit_ms(1000)


def told_after(rule: Rule, *values: float) -> tuple[Recording, list[Row]]:
    told = recording(rule)
    return told, [row for s, value in enumerate(values) for row in told.take(block(s * 1000, {TAG: value}))]


# -- silence of a group


@BOTH
def test_a_silent_group_ends_the_line_at_its_last_proof_and_the_next_block_begins_another(rule: Rule) -> None:
    """HIS-07."""
    told, rows = told_after(rule, 5.0)
    rows += told.take(block(1000))
    rows += told.take(block(60_000, {TAG: 7.0}))
    assert seen(rows) == [(0, 5.0), (1000, 5.0), (1000 + LIMIT_MS, None), (60_000, 7.0)]
    assert rows[2][4] == BAD_NO_COMMUNICATION


@BOTH
def test_what_the_block_after_the_silence_does_not_name_stands_from_then(rule: Rule) -> None:
    told, rows = told_after(rule, 5.0)
    rows += told.take(block(60_000))
    assert seen(rows)[-2:] == [(LIMIT_MS, None), (60_000, 5.0)]


@BOTH
def test_a_full_block_with_the_same_value_begins_the_line_after_the_silence(rule: Rule) -> None:
    told, rows = told_after(rule, 5.0)
    rows += told.take(block(60_000, {TAG: 5.0}, is_full=True))
    assert seen(rows)[-2:] == [(LIMIT_MS, None), (60_000, 5.0)]


def test_scans_that_come_in_time_are_no_gap() -> None:
    told, rows = told_after(STEPPED, 5.0)
    for k in range(1, 20):
        rows += told.take(block(k * LIMIT_MS))
    assert seen(rows) == [(0, 5.0)]


def test_the_limit_follows_the_scan_period_of_the_group() -> None:
    told = recording(STEPPED, scan_ms=60_000)
    told.take(block(0, {TAG: 5.0}))
    assert told.take(block(180_000)) == []
    assert seen(told.take(block(400_000)))[1:] == [(360_000, None), (400_000, 5.0)]


def test_a_value_the_exception_stage_held_back_is_stored_before_the_gap() -> None:
    told, rows = told_after(replace(STEPPED, exc_dev=1.0), 5.0, 5.5)
    rows += told.take(block(60_000))
    assert seen(rows) == [(0, 5.0), (1000, 5.5), (1000 + LIMIT_MS, None), (60_000, 5.5)]


# -- lost entries, stops


@BOTH
def test_where_entries_are_lost_nothing_is_known_after_the_last_proof(rule: Rule) -> None:
    told, rows = told_after(rule, 5.0)
    rows += told.take(block(1000))
    rows += told.began_anew(START_MS + 1000)
    rows += told.take(block(2000, {TAG: 5.0}, is_full=True))
    assert seen(rows) == [(0, 5.0), (1000, 5.0), (1001, None), (2000, 5.0)]


def test_a_long_loss_is_marked_no_later_than_values_stay_good() -> None:
    told, rows = told_after(STEPPED, 5.0)
    rows += told.began_anew(START_MS + 900_000)
    rows += told.take(block(900_500, {TAG: 6.0}, is_full=True))
    assert seen(rows) == [(0, 5.0), (LIMIT_MS, None), (900_500, 6.0)]


def test_before_the_first_value_there_is_nothing_to_end() -> None:
    assert recording().began_anew(START_MS) == []
    assert recording().stop(START_MS) == []


@BOTH
def test_a_planned_stop_stores_the_last_value_and_a_marker(rule: Rule) -> None:
    """HIS-02."""
    told, rows = told_after(rule, 5.0, 6.0)
    rows += told.take(block(2000))
    rows += told.stop(START_MS + 2400)
    assert seen(rows)[-2:] == [(2000, 6.0), (2400, None)]
    assert rows[-1][4] == BAD_NO_COMMUNICATION
    assert told.stop(START_MS + 2500) == []


def test_after_a_stop_recording_can_go_on() -> None:
    told, rows = told_after(STEPPED, 5.0)
    rows += told.stop(START_MS + 500)
    rows += told.take(block(1000))
    assert seen(rows) == [(0, 5.0), (500, None), (1000, 5.0)]


# -- source times


@pytest.mark.parametrize(
    "status", [UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE, UNCERTAIN_LAST_USABLE | LIMIT_HIGH]
)
def test_the_last_usable_value_of_a_lost_link_stands_from_when_that_was_said(status: int) -> None:
    """Its own old time would overwrite the Good sample there."""
    told, rows = told_after(SLOPED, 5.0, 6.0)
    rows += told.take(block(2000, {TAG: 6.0}, status=status, source_ms={TAG: 1000}))
    assert [(row[0] - START_MS, row[2], row[4]) for row in rows] == [(0, 5.0, 0), (1000, 6.0, 0), (2000, 6.0, status)]


@pytest.mark.parametrize(
    ("status", "want"),
    [
        (GOOD, UNCERTAIN),
        (GOOD_CLAMPED | LIMIT_HIGH, UNCERTAIN | LIMIT_HIGH),
        (BAD_NO_COMMUNICATION, BAD_NO_COMMUNICATION),
    ],
)
def test_a_time_in_the_future_is_set_back_and_the_value_is_uncertain(status: int, want: int) -> None:
    """HIS-08."""
    told = recording(STEPPED)
    rows = told.take(block(0, {TAG: 5.0}, status=status, source_ms={TAG: 5001}))
    assert [(row[0] - START_MS, row[4]) for row in rows] == [(0, want)]
    assert told.clamped == 1
    told.take(block(1000, {TAG: 5.0}, status=status, source_ms={TAG: 6001}))
    assert told.clamped == 1


def test_five_seconds_ahead_are_believed() -> None:
    told = recording(STEPPED)
    rows = told.take(block(0, {TAG: 5.0}, source_ms={TAG: 5000}))
    assert (seen(rows), rows[0][4], told.clamped) == ([(5000, 5.0)], GOOD, 0)


def test_a_late_value_goes_to_its_time_and_what_the_bus_says_now_stands_from_now() -> None:
    """HIS-08."""
    told, rows = told_after(STEPPED, 5.0, 6.0, 7.0)
    rows += told.take(block(3000, {TAG: 1.0}, source_ms={TAG: 500}))
    assert told.late == 1
    assert seen(as_stored(rows)) == [(0, 5.0), (500, 1.0), (1000, 6.0), (2000, 7.0), (3000, 1.0)]
    assert seen(told.take(block(4000, {TAG: 2.0}))) == [(4000, 2.0)]


def test_a_late_value_ends_no_line_with_a_wrong_slope() -> None:
    told, rows = told_after(SLOPED, *[float(v) for v in range(10)])
    rows += told.take(block(10_000, {TAG: 50.0}, source_ms={TAG: 4500}))
    stored = as_stored(rows)
    assert (9000, 9.0) in seen(stored)
    assert (4500, 50.0) in seen(stored)
    assert seen(stored)[-1] == (10_000, 50.0)


# -- clocks


@BOTH
def test_a_clock_that_steps_back_ends_the_line_and_what_stands_is_told_again(rule: Rule) -> None:
    told, rows = told_after(rule, 5.0, 6.0, 9.0)
    before = len(rows)
    rows += told.take(block(-60_000))
    assert (2000, 9.0) in seen(rows)
    assert seen(rows[before:])[-1] == (-60_000, 9.0)
    assert all(is_good(row[4]) for row in rows)


def test_when_the_clock_has_passed_its_old_place_what_stands_is_told_once_more() -> None:
    """Else the newest row of before the step would seem to hold."""
    told, rows = told_after(replace(STEPPED, exc_max_ms=0), 5.0, 6.0, 9.0)
    rows += told.take(block(-2000, {TAG: 1.0}))
    for s in range(-1, 20):
        rows += told.take(block(s * 1000))
    assert value_at(as_stored(rows), START_MS + 10_000, is_stepped=True) == (1.0, GOOD)
    assert seen(as_stored(rows))[-1] == (3000, 1.0)


# -- anything


steps = st.lists(
    st.tuples(
        st.sampled_from(["scan", "scan", "scan", "scan", "full", "silence", "anew", "restore"]),
        st.integers(0, 3),
        st.sampled_from([GOOD, GOOD, GOOD, UNCERTAIN_NO_COMMUNICATION]),
    ),
    max_size=60,
)


@pytest.mark.parametrize("rule", [SLOPED, STEPPED, replace(SLOPED, comp_dev=1.0), replace(STEPPED, exc_dev=1.0)])
@settings(max_examples=60)
@given(steps)
def test_whatever_comes_no_row_in_a_gap_is_good_and_every_raw_value_is_given_back(
    rule: Rule, said: list[tuple[str, int, int]]
) -> None:
    """HIS-03, HIS-07: gaps are (last proof + limit, next block); times of rows are each once."""
    told = recording(rule)
    rows: list[Row] = []
    raw: list[tuple[int, float, int]] = []
    gaps: list[tuple[int, int]] = []
    at_ms, known, is_lost = 0, (float("nan"), GOOD), False
    for what, number, status in said:
        now: tuple[float, int] = (float(number), status)
        if what == "anew":
            rows += told.began_anew(START_MS + at_ms)
            is_lost = True
            continue
        if what == "restore":
            after = recording(rule)
            after.restore(told.dump())
            told = after
            continue
        last_ms = at_ms
        at_ms += 60_000 if what == "silence" else 1000
        if raw and what == "silence":
            gaps.append((last_ms + (1 if is_lost else LIMIT_MS), at_ms))
        elif raw and is_lost:
            gaps.append((last_ms + 1, at_ms))
        is_named = now != known or what == "full" or is_lost
        values: dict[int, Value] = {TAG: now[0]} if is_named else {}
        rows += told.take(block(at_ms, values, status=status, is_full=what == "full" or is_lost))
        raw.append((at_ms, *now))
        known, is_lost = now, False
    rows += told.stop(START_MS + at_ms + 1)
    times = [row[0] for row in rows]
    assert len(times) == len(set(times))
    assert rows == as_stored(rows)
    for from_ms, to_ms in gaps:
        for ms in (from_ms, (from_ms + to_ms) // 2, to_ms - 1):
            assert value_at(rows, START_MS + ms, is_stepped=rule.is_stepped) == (None, BAD_NO_COMMUNICATION)
    for ms, value, quality in raw:
        got, got_status = value_at(rows, START_MS + ms, is_stepped=rule.is_stepped)
        assert isinstance(got, float)
        assert abs(got - value) <= max(rule.comp_dev, rule.exc_dev) + 1e-9
        assert got_status == quality
