"""What the hub makes of blocks: rows, ages, order. Time is an argument here."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import quality
from bus.messages import BACKFILL, FULL, LIVE, Block, Value
from devices.points import DataType, Point, Table
from devices.snapshot import TagEntry
from hmi.live.feeds import NOTHING, Feed, LiveValues
from tests.entries import tag_entry

WALL = 1_700_000_000_000
GROUP = "1:1000"


def a_block(seq: int, held: dict[int, Any], *, flags: int = LIVE, at: int = WALL, epoch: int = 1, **more: Any) -> Block:
    statuses = more.pop("statuses", [0] * len(held))
    return Block(epoch, 1, more.pop("group", GROUP), seq, at, flags, list(held), list(held.values()), statuses, **more)


def a_tag(tag_id: int) -> TagEntry:
    point = Point(tag_id, Table.HOLDING, 0, DataType.FLOAT32)
    return tag_entry(point)


def a_feed(values: LiveValues, ids: Sequence[int] = (1, 2)) -> Feed:
    return Feed(values, [a_tag(i) for i in ids], frozenset())


def rows(feed: Feed, no: int = NOTHING, now_ms: int = 0) -> list[list[Any]]:
    frame = feed.frame(99, no, now_ms)
    return [] if frame is None else sorted(json.loads(frame)["rows"])


def test_a_new_reader_is_sent_every_tag_also_those_without_a_value() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 2.5}, flags=FULL)}, 0, WALL)
    assert rows(a_feed(values)) == [[1, 2.5, 0, None], [2, None, quality.BAD_WAITING_FOR_INITIAL_DATA, None]]


def test_a_reader_is_sent_what_changed_after_what_it_has() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0, 2: 2.0}, flags=FULL)}, 0, WALL)
    feed, had = a_feed(values), values.no
    values.apply([a_block(2, {2: 3.0})], 10, 10, WALL)
    values.apply([a_block(3, {2: 4.0})], 10, 20, WALL)
    assert rows(feed, had) == [[2, 4.0, 0, None]]
    assert feed.frame(99, values.no, 20) is None


def test_a_block_without_changes_is_proof_of_freshness_and_no_news() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, 0, WALL)
    assert values.apply([a_block(2, {}, at=WALL + 900)], 1000, 1000, WALL + 1000) == set()
    assert values.group(GROUP).age_ms(1000) == 100


def test_a_full_block_that_says_the_same_sends_nothing() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, 0, WALL)
    assert values.apply([a_block(2, {1: 1.0}, flags=FULL)], 0, 0, WALL) == set()


def test_a_tag_that_a_full_block_leaves_out_waits_again() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0, 2: 2.0}, flags=FULL)}, 0, WALL)
    assert values.apply([a_block(2, {1: 1.0}, flags=FULL)], 0, 0, WALL) == {GROUP}
    assert rows(a_feed(values))[1][2] == quality.BAD_WAITING_FOR_INITIAL_DATA


def test_backfill_moves_the_state_on_but_is_no_news_and_makes_nothing_fresh() -> None:
    """What follows a backfill block builds on it: leaving it out would show its predecessor for ever."""
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0, 2: 5.0}, flags=FULL)}, 0, WALL)
    feed, had = a_feed(values), values.no
    assert values.apply([a_block(2, {1: 2.0}, flags=BACKFILL)], 9000, 9000, WALL + 9000) == set()
    assert values.group(GROUP).age_ms(9000) == 9000
    assert values.apply([a_block(3, {}, at=WALL + 9000)], 10, 9010, WALL + 9010) == {GROUP}
    assert values.apply([a_block(4, {2: 6.0}, at=WALL + 9010)], 10, 9020, WALL + 9020) == {GROUP}
    assert rows(feed, had) == [[1, 2.0, 0, None], [2, 6.0, 0, None]]


def test_the_live_block_behind_a_backfill_in_the_same_read_takes_its_changes_along() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, 0, WALL)
    news = [a_block(2, {1: 2.0}, flags=BACKFILL), a_block(3, {})]
    assert values.apply(news, 0, 0, WALL) == {GROUP}


def test_what_changed_while_the_bus_was_away_is_told_with_the_full_block_that_says_it_again() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 0.0}, flags=FULL)}, 0, WALL)
    feed, had = a_feed(values), values.no
    assert values.apply([a_block(2, {1: 1.0}, flags=BACKFILL)], 10, 10, WALL) == set()
    assert values.apply([a_block(3, {1: 1.0}, flags=FULL, at=WALL + 20)], 10, 20, WALL + 20) == {GROUP}
    assert rows(feed, had) == [[1, 1.0, 0, None]]


def test_a_change_before_a_backfill_in_the_same_read_is_told() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 0.0}, flags=FULL)}, 0, WALL)
    assert values.apply([a_block(2, {1: 1.0}), a_block(3, {}, flags=BACKFILL)], 0, 0, WALL) == {GROUP}


def test_a_scan_that_is_said_once_more_is_as_old_as_before() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 0.0}, flags=FULL)}, 0, WALL)
    values.apply([a_block(2, {1: 0.0}, flags=FULL)], 40, 50_000, WALL + 50_000)
    assert values.group(GROUP).age_ms(50_000) == 50_000


def test_the_last_values_of_a_lost_link_carry_their_own_age_and_it_grows() -> None:
    values = LiveValues()
    lost = [quality.UNCERTAIN_NO_COMMUNICATION]
    block = a_block(1, {1: 1.0}, flags=FULL, at=WALL, statuses=lost, source_ms=[WALL - 5000])
    values.replace(1, {GROUP: block}, 0, WALL)
    feed = a_feed(values, [1])
    assert rows(feed, now_ms=0)[0][3] == 5000
    assert rows(feed, now_ms=7000)[0][3] == 12_000


def test_a_clock_step_makes_no_block_older_than_the_wait_for_it() -> None:
    """SR 2.11: the wall clock jumps an hour; the ages on screens do not."""
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, 0, WALL)
    values.apply([a_block(2, {1: 2.0}, at=WALL + 1)], 200, 1000, WALL + 3_600_000)
    assert values.group(GROUP).age_ms(1000) == 200
    values.apply([a_block(3, {1: 3.0}, at=WALL + 7_200_000)], 200, 2000, WALL)
    assert values.group(GROUP).age_ms(2000) == 0


def test_what_lay_on_the_bus_before_we_came_is_as_old_as_the_wall_clock_says() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, 0, WALL + 60_000)
    assert values.group(GROUP).age_ms(0) == 60_000


def test_a_new_look_at_the_bus_does_not_make_an_old_block_young_or_a_newer_one_older_than_the_old() -> None:
    values = LiveValues()
    block = a_block(1, {1: 1.0}, flags=FULL)
    values.replace(1, {GROUP: block}, 0, WALL)
    values.replace(1, {GROUP: block}, 5000, WALL)
    assert values.group(GROUP).age_ms(5000) == 5000
    values.replace(1, {GROUP: replace(block, seq=2)}, 6000, WALL + 3_600_000)
    assert values.group(GROUP).age_ms(6000) == 6000


def test_a_bus_that_lost_its_values_leaves_the_last_ones_to_grow_old() -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, 0, WALL)
    values.replace(0, {}, 4000, WALL + 4000)
    assert rows(a_feed(values, [1]), now_ms=4000) == [[1, 1.0, 0, None]]
    assert values.group(GROUP).age_ms(4000) == 4000


@pytest.mark.parametrize(
    ("value", "status", "sent"),
    [
        (2**63 + 1, 0, str(2**63 + 1)),
        (2**53, 0, 2**53),
        (True, 0, True),
        (math.nan, 0, None),
        (math.inf, 0, None),
        (1.5, quality.BAD_SENSOR_FAILURE, None),
        ("Ä\u2028\ud7ff", 0, "Ä\u2028\ud7ff"),
    ],
)
def test_every_value_is_json_that_a_browser_reads_exactly(value: Value, status: int, sent: object) -> None:
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: value}, flags=FULL, statuses=[status])}, 0, WALL)
    frame = a_feed(values, [1]).frame(1, NOTHING, 0)
    assert frame is not None
    parsed = json.loads(frame, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    assert parsed["rows"] == [[1, sent, status, None]]


def test_a_tag_that_is_switched_off_says_so() -> None:
    values = LiveValues()
    feed = Feed(values, [a_tag(1), a_tag(2)], frozenset({2}))
    assert [2, None, quality.BAD_OUT_OF_SERVICE, None] in rows(feed)


scans = st.lists(st.dictionaries(st.integers(1, 4), st.floats(-10, 10)), max_size=30)


@given(scans, st.lists(st.booleans(), max_size=30))
def test_whoever_reads_now_and_then_ends_with_what_the_bus_has(
    changes: list[dict[int, float]], reads: list[bool]
) -> None:
    """Latest wins: frames may be left out, but what was sent last of each tag is its newest value."""
    values = LiveValues()
    truth: dict[int, float] = dict.fromkeys(range(1, 5), 0.0)
    values.replace(1, {GROUP: a_block(1, truth, flags=FULL)}, 0, WALL)
    feed, no = a_feed(values, [1, 2, 3, 4]), NOTHING
    screen: dict[int, float] = {}
    for seq, change in enumerate(changes, start=2):
        values.apply([a_block(seq, change)], 0, seq, WALL)
        truth |= change
        if seq < len(reads) and reads[seq]:
            screen |= {row[0]: row[1] for row in rows(feed, no)}
            no = values.no
    screen |= {row[0]: row[1] for row in rows(feed, no)}
    assert screen == truth
