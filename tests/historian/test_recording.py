"""Recording: blocks in, rows out; what it remembers, and what happens when the rules change."""

from dataclasses import replace
from typing import Any
from zlib import crc32

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import BACKFILL, FULL, LIVE, Block, Value
from bus.quality import BAD_NO_COMMUNICATION, BAD_SENSOR_FAILURE, GOOD, UNCERTAIN_NO_COMMUNICATION
from historian.recording import BadState, Recording
from historian.samples import Row
from historian.series import Rule, SeriesKind
from tests.historian.streams import SLOPED, START_MS, STEPPED, TAG, block, recording, seen

COARSE = replace(SLOPED, exc_dev=1.0, exc_min_ms=1500, exc_max_ms=20_000, comp_dev=3.0, comp_max_ms=30_000)
RULES = {
    1: replace(SLOPED, series=11, exc_max_ms=15_000),
    2: replace(COARSE, series=12),
    3: replace(STEPPED, series=13, exc_dev=2.0),
    4: Rule(14, SeriesKind.TEXT, is_stepped=True),
    5: replace(SLOPED, series=15, comp_dev=1.0, comp_min_ms=3000),
}
GROUPS = {1: ("a", 1000), 2: ("a", 1000), 3: ("a", 1000), 4: ("b", 500), 5: ("b", 500)}


# -- one block


def test_a_tag_without_a_rule_leaves_no_trace() -> None:
    told = recording()
    assert told.take(block(0, {8: 1.0, 9: "x"}, is_full=True)) == []
    assert told.take(block(0, {8: 1.0}, group="unheard:1000", is_full=True)) == []
    assert told.stop(START_MS + 1000) == []


def test_two_tags_of_a_group_each_follow_their_own_rule() -> None:
    told = Recording({1: STEPPED, 2: replace(STEPPED, series=2, exc_dev=5.0)}, {1: ("g", 1000), 2: ("g", 1000)})
    rows = told.take(block(0, {1: 0.0, 2: 0.0}, group="g", is_full=True))
    rows += told.take(block(1000, {1: 1.0, 2: 1.0}, group="g"))
    assert [(row[1], row[2]) for row in rows] == [(1, 0.0), (2, 0.0), (1, 1.0)]


def test_a_row_says_when_the_value_was_taken_and_when_the_server_learned_of_it() -> None:
    """HIS-01."""
    (row,) = recording(STEPPED).take(block(1000, {TAG: 5}, source_ms={TAG: 400}))
    assert row == (START_MS + 400, 1, 5.0, None, GOOD, START_MS + 1000)


def test_a_full_block_that_repeats_what_stands_is_no_change() -> None:
    told = recording(STEPPED)
    told.take(block(0, {TAG: 5.0}, is_full=True))
    assert told.take(block(1000, {TAG: 5.0}, is_full=True)) == []
    assert told.take(block(2000, {TAG: 5}, source_ms={TAG: 500}, is_full=True)) == []


def test_backfill_is_recorded_like_what_is_live() -> None:
    live, late = recording(STEPPED), recording(STEPPED)
    for at_ms in range(0, 5000, 1000):
        said = block(at_ms, {TAG: float(at_ms)})
        assert live.take(said) == late.take(replace(said, flags=BACKFILL))


def test_of_one_source_time_said_twice_in_a_block_the_later_word_is_the_truth() -> None:
    """HIS-01."""
    twice = Block(1, 1, "1:1000", 0, START_MS, LIVE, [TAG, TAG], [1.0, 2.0], [GOOD, GOOD], None)
    rows = recording(STEPPED).take(twice)
    assert seen(rows)[-1] == (0, 2.0)


def test_a_line_before_a_time_that_is_said_twice_keeps_its_shape() -> None:
    told = recording()
    rows: list[Row] = []
    for second in range(10):
        rows += told.take(block(second * 1000, {TAG: float(second)}))
    rows += told.take(block(9000, {TAG: 50.0}))
    assert seen(rows) == [(0, 0.0), (8000, 8.0), (9000, 50.0)]


def test_a_step_is_a_row_soon_also_where_no_value_follows() -> None:
    """Else a line would be drawn from before the step to now."""
    told = recording()
    rows = told.take(block(0, {TAG: 1.0})) + told.take(block(1000, {TAG: 9.0}))
    for second in range(2, 13):
        rows += told.take(block(second * 1000))
    assert seen(rows) == [(0, 1.0), (1000, 9.0)]


# -- the rules change


def test_the_same_rules_once_more_change_nothing() -> None:
    told = recording()
    told.take(block(0, {TAG: 1.0}))
    before = told.dump()
    assert told.configure({TAG: SLOPED}, {TAG: ("1:1000", 1000)}) == []
    told.take(block(1000))
    assert before != told.dump()


def test_a_tag_that_is_no_longer_recorded_ends_with_its_last_value_and_a_marker() -> None:
    told = recording()
    told.take(block(0, {TAG: 1.0}))
    told.take(block(1000))
    rows = told.configure({}, {})
    assert seen(rows) == [(1000, 1.0), (1001, None)]
    assert rows[-1][4] == BAD_NO_COMMUNICATION
    assert told.take(block(2000, {TAG: 2.0})) == []


def test_another_series_begins_anew_and_the_former_ends() -> None:
    """A change of the unit: what is known is in the old one."""
    told = recording()
    told.take(block(0, {TAG: 1.0}))
    rows = told.configure({TAG: replace(SLOPED, series=2)}, {TAG: ("1:1000", 1000)})
    assert [(row[1], row[2]) for row in rows] == [(1, None)]
    assert told.take(block(1000)) == []
    rows = told.take(block(2000, {TAG: 1.0}, is_full=True))
    assert [(row[0] - START_MS, row[1], row[2]) for row in rows] == [(2000, 2, 1.0)]


@pytest.mark.parametrize("other", [replace(SLOPED, exc_dev=1, comp_dev=2), STEPPED, replace(SLOPED, exc_max_ms=5000)])
def test_another_rule_stores_the_line_up_to_here_and_goes_on(other: Rule) -> None:
    told = recording()
    rows = told.take(block(0, {TAG: 1.0}))
    rows += told.take(block(1000, {TAG: 2.0}))
    rows += told.configure({TAG: other}, {TAG: ("1:1000", 1000)})
    rows += told.take(block(2000, {TAG: 9.0}))
    rows += told.stop(START_MS + 2500)
    assert seen(rows) == [(0, 1.0), (1000, 2.0), (2000, 9.0), (2500, None)]


def test_a_shorter_heartbeat_holds_from_now_on() -> None:
    told = recording(STEPPED)
    told.take(block(0, {TAG: 1.0}))
    told.configure({TAG: replace(STEPPED, exc_max_ms=3000)}, {TAG: ("1:1000", 1000)})
    assert [seen(told.take(block(s * 1000))) for s in range(1, 4)] == [[], [], [(3000, 1.0)]]


def test_the_first_values_of_a_new_tag_come_out_of_the_newest_ones_and_prove_nothing_of_others() -> None:
    """The newest values may be ahead of the stream."""
    told = recording(STEPPED)
    told.take(block(0, {TAG: 1.0}))
    groups = {TAG: ("1:1000", 1000), 8: ("1:1000", 1000)}
    told.configure({TAG: STEPPED, 8: replace(STEPPED, series=2)}, groups)
    assert seen(told.begin(block(5000, {8: 4.0}))) == [(5000, 4.0)]
    assert told.take(block(1000)) == []
    assert seen(told.take(block(2000, {TAG: 2.0}))) == [(2000, 2.0)]
    assert [told.take(block(s * 1000)) for s in (3, 4, 5, 6)] == [[], [], [], []]


def test_tags_of_which_nothing_is_known_are_named() -> None:
    told = Recording({1: STEPPED, 2: replace(STEPPED, series=2)}, dict.fromkeys((1, 2), ("1:1000", 1000)))
    assert told.unheard() == {1, 2}
    told.take(block(0, {2: 1.0}))
    after = Recording(
        {1: STEPPED, 2: replace(STEPPED, series=2), 3: STEPPED}, dict.fromkeys((1, 2, 3), ("1:1000", 1000))
    )
    after.restore(told.dump())
    assert after.unheard() == {1, 3}


def test_a_tag_that_moves_to_another_group_goes_on_without_a_gap() -> None:
    told = recording(STEPPED)
    told.take(block(0, {TAG: 1.0}, is_full=True))
    told.configure({TAG: STEPPED}, {TAG: ("1:500", 500)})
    assert told.take(block(1000, {}, is_full=True)) == []
    assert told.take(block(1200, {TAG: 1.0}, group="1:500", is_full=True)) == []
    assert seen(told.take(block(1700, {TAG: 2.0}, group="1:500"))) == [(1700, 2.0)]


def test_what_a_full_block_does_not_name_is_proved_by_nobody() -> None:
    told = recording(replace(STEPPED, exc_max_ms=5000))
    rows = told.take(block(0, {TAG: 1.0}, is_full=True))
    rows += told.take(block(1000, {}, is_full=True))
    for second in range(2, 60):
        rows += told.take(block(second * 1000))
    rows += told.take(block(60_000, {TAG: 1.0}))
    assert seen(rows) == [(0, 1.0), (3000, None), (60_000, 1.0)]


# -- memory


def stream(data: st.DataObject, length: int) -> list[Block]:
    """Two groups; jumps, steps back, source times, silence."""
    clocks, made = {"a": 10_000, "b": 10_000}, []
    texts = st.sampled_from(["on", "off", "", None])
    numbers = st.sampled_from([0, 1, 1.5, 2, 3, 10, True, 2**60, None, float("nan")]) | st.floats(-100, 100)
    for _ in range(length):
        name = data.draw(st.sampled_from("ab"))
        clocks[name] += data.draw(st.sampled_from([1000, 1000, 1000, 500, 0, 10_000, -3000]))
        at_ms = clocks[name]
        mine = [tag for tag, (group, _) in GROUPS.items() if group == name]
        is_full = data.draw(st.integers(0, 4)) == 0
        tags = mine if is_full else data.draw(st.lists(st.sampled_from(mine), max_size=3))
        values: list[Value] = [data.draw(texts if tag == 4 else numbers) for tag in tags]
        statuses = [data.draw(st.sampled_from([0, 0, 0, BAD_SENSOR_FAILURE, UNCERTAIN_NO_COMMUNICATION])) for _ in tags]
        offsets = st.sampled_from([0, 0, -300, -4000, 2000, 7000])
        source = [START_MS + at_ms + data.draw(offsets) for _ in tags] if data.draw(st.booleans()) else None
        flags = FULL if is_full else LIVE
        made.append(Block(1, 1, name, 0, START_MS + at_ms, flags, tags, values, statuses, source))
    return made


@settings(max_examples=25)
@given(st.data(), st.integers(1, 25))
def test_a_dump_at_any_point_goes_on_as_if_nothing_had_been(data: st.DataObject, length: int) -> None:
    """HIS-11: after a kill the same rows are said again."""
    blocks = stream(data, length)
    through, by_dumps = Recording(RULES, GROUPS), Recording(RULES, GROUPS)
    for said in blocks:
        raw = by_dumps.dump()
        by_dumps = Recording(RULES, GROUPS)
        by_dumps.restore(raw)
        assert by_dumps.take(said) == through.take(said)
        assert by_dumps.dump() == through.dump()
    assert (by_dumps.late, by_dumps.clamped) == (through.late, through.clamped)
    assert by_dumps.stop(START_MS + 500_000) == through.stop(START_MS + 500_000)


@settings(max_examples=25)
@given(st.data(), st.integers(1, 25))
def test_whatever_comes_each_line_ends_with_a_marker_and_times_are_those_of_the_blocks(
    data: st.DataObject, length: int
) -> None:
    blocks = stream(data, length)
    told = Recording(RULES, GROUPS)
    rows: list[Row] = []
    for said in blocks:
        new = told.take(said)
        assert all(row[5] <= said.read_at_ms or row[5] in {b.read_at_ms for b in blocks} for row in new)
        rows += new
    newest = max(row[0] for row in rows) if rows else 0
    rows += told.stop(newest + 1)
    assert told.stop(newest + 2) == []
    for series in {row[1] for row in rows}:
        last = [row for row in rows if row[1] == series][-1]
        assert last[4] == BAD_NO_COMMUNICATION


def test_what_changed_in_the_rules_while_nobody_recorded_comes_with_the_next_rows() -> None:
    told = recording()
    told.take(block(0, {TAG: 1.0}))
    told.take(block(1000))
    after = Recording({}, {})
    after.restore(told.dump())
    again = Recording({}, {})
    again.restore(after.dump())
    for one in (after, again):
        assert seen(one.take(block(2000, {TAG: 5.0}))) == [(1000, 1.0), (1001, None)]
        assert one.take(block(3000, {TAG: 6.0})) == []


def _damaged(raw: bytes) -> list[bytes]:
    return [b"", raw[:-1], raw + b"\0", raw[:40] + bytes([raw[40] ^ 1]) + raw[41:], b"\0" * 50]


def _of(fields: Any) -> bytes:
    body: bytes = msgpack.packb(fields)
    return crc32(body).to_bytes(4, "big") + body


def test_a_damaged_or_newer_dump_is_refused_and_leaves_recording_as_it_was() -> None:
    told = recording()
    told.take(block(0, {TAG: 1.0}))
    raw = told.dump()
    for bad in [*_damaged(raw), _of([2, 0]), _of([1, 2]), _of("x"), _of([1, b"", [], [], [], []])]:
        with pytest.raises(BadState):
            told.restore(bad)
    assert told.dump() == raw


def test_exact_whole_numbers_and_texts_live_through_a_dump() -> None:
    rules = {1: replace(STEPPED, series=1), 2: Rule(2, SeriesKind.TEXT, is_stepped=True), 3: replace(SLOPED, series=3)}
    groups = dict.fromkeys(rules, ("g", 1000))
    told = Recording(rules, groups)
    told.take(block(0, {1: 2**64 - 1, 2: "Grüße", 3: 0.1 + 0.2}, group="g"))
    after = Recording(rules, groups)
    after.restore(told.dump())
    assert after.take(block(1000, {1: 2**64 - 1, 2: "Grüße", 3: 0.1 + 0.2}, group="g")) == []
    assert seen(after.stop(START_MS + 1500))[::2] == [(1000, str(2**64 - 1)), (1000, "Grüße"), (1000, 0.1 + 0.2)]
