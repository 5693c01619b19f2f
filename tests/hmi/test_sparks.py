"""The small line beside a number: broken where nothing was measured, and quiet where nothing has happened."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.points import DataType, Point, Table
from devices.snapshot import TagEntry
from hmi.live.recent import STEP_MS, Points
from hmi.screens.sparks import HEIGHT, WIDTH, _spark, has_spark, least_difference, scale_of, span_text, sparks
from tests.entries import tag_entry

NOW = 1_700_000_000_000


def a_tag(data_type: DataType = DataType.FLOAT32, **fields: Any) -> TagEntry:
    return tag_entry(Point(1, Table.HOLDING, 0, data_type), **fields)


def points(*values: float | None) -> Points:
    """One each step, the newest now."""
    return [(NOW - STEP_MS * back, value) for back, value in zip(range(len(values) - 1, -1, -1), values, strict=True)]


def lines(*values: float | None, **fields: Any) -> list[list[tuple[int, int]]]:
    found = _spark(a_tag(**fields), points(*values), NOW)
    return [[tuple(map(int, p.split(","))) for p in line.split()] for line in found.lines]  # type: ignore[misc]  # pairs


def test_a_line_ends_now_and_rises_with_its_value() -> None:
    (line,) = lines(0.0, 5.0, 10.0, eu_min=0, eu_max=10)
    assert [x for x, _ in line] == [WIDTH - 2, WIDTH - 1, WIDTH]
    assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)


def test_a_gap_breaks_the_line() -> None:
    """HMI-19"""
    assert [[x for x, _ in line] for line in lines(1.0, 2.0, None, 3.0, 1.0)] == [
        [WIDTH - 4, WIDTH - 3],
        [WIDTH - 1, WIDTH],
    ]


def test_a_point_that_is_missing_breaks_it_too() -> None:
    known = points(1.0, 2.0, 3.0, 4.0)
    found = _spark(a_tag(), [known[0], known[1], known[3]], NOW)
    assert len(found.lines) == 2


def test_one_point_alone_is_a_dot() -> None:
    (line,) = lines(1.0)
    assert line[0] == line[1]


def test_noise_does_not_look_like_an_event() -> None:
    """HMI-15: a hundredth of the range stays a tenth of the height."""
    (line,) = lines(50.0, 50.1, 50.0, 50.1, eu_min=0, eu_max=100)
    heights = [y for _, y in line]
    assert max(heights) - min(heights) <= HEIGHT / 50


def test_what_stays_the_same_is_two_points() -> None:
    assert len(lines(*[7.0] * 100)[0]) == 2


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=120), st.booleans())
def test_every_value_is_within_the_height(values: list[float], has_range: bool) -> None:
    fields = {"eu_min": -5.0, "eu_max": 5.0} if has_range else {}
    (line,) = lines(*values, **fields)
    assert all(0 <= y <= HEIGHT for _, y in line)
    assert all(a < b for (a, _), (b, _) in pairwise(line)) or len(values) == 1


def test_a_scale_always_has_a_height() -> None:
    for numbers in ([], [0.0], [5.0, 5.0], [-1e-30]):
        low, high = scale_of(numbers, least_difference(a_tag(), numbers))
        assert high > low


@pytest.mark.parametrize(
    ("tag", "has_one"),
    [
        (a_tag(), True),
        (a_tag(DataType.UINT16), True),
        (a_tag(DataType.UINT16, state_labels={"0": "off"}), False),
        (a_tag(DataType.BOOL), False),
        (a_tag(DataType.STRING), False),
    ],
)
def test_only_numbers_have_a_line(tag: TagEntry, has_one: bool) -> None:
    assert has_spark(tag) is has_one
    assert (tag.id in sparks([tag])) is has_one


def test_before_a_hub_has_started_the_page_says_that_it_begins_now() -> None:
    assert span_text() == "Since now"
    assert sparks([a_tag()])[1].lines == []
