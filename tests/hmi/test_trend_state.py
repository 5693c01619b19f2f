"""The address of a trend holds all it shows: what is written is read again, and what is wrong is said."""

from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from hmi.screens.trend_state import (
    DAY_MS,
    DEFAULT_SPAN_MS,
    HOUR_MS,
    LONGEST_MS,
    MOST_PENS,
    PRESETS,
    Parsed,
    PenState,
    TrendState,
    format_query,
    parse,
    paths_in,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
ZONES = [
    ZoneInfo(name) for name in ("UTC", "Europe/Stockholm", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York")
]
YEARS = st.integers(0, 4_000_000_000_000)
"""Up to the year 2096."""


def read(query: str, zone: ZoneInfo = STOCKHOLM) -> Parsed:
    return parse(QueryDict(query), zone)


def ms(text: str) -> int:
    at = read(f"at={text.replace('+', '%2B')}").state.cursor_ms
    assert at is not None
    return at


numbers = st.floats(allow_nan=False, allow_infinity=False)
paths = st.from_regex(r"\A[A-Za-z0-9_-]{1,8}(/[A-Za-z0-9_-]{1,8}){1,3}\Z")
ends = st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1])
pens = st.builds(PenState, paths, st.booleans(), st.booleans(), st.booleans(), st.none() | ends).map(
    lambda pen: pen if pen.ends is None else PenState(pen.path, pen.hidden, pen.own_axis, False, pen.ends)
)
windows = st.tuples(YEARS, st.integers(1000, LONGEST_MS)).map(lambda pair: (pair[0], pair[0] + pair[1]))
states = st.builds(
    TrendState,
    st.lists(pens, max_size=MOST_PENS, unique_by=lambda pen: pen.path.lower()).map(tuple),
    st.integers(1, LONGEST_MS // 1000).map(lambda s: s * 1000),
    st.none() | windows,
    st.none() | YEARS,
)


@given(states, st.sampled_from(ZONES))
def test_what_is_written_is_read_again(state: TrendState, zone: ZoneInfo) -> None:
    found = read(format_query(state, zone), zone)
    assert (found.state, found.problems) == (state, [])


@given(st.text(max_size=60), st.sampled_from(["pen", "span", "from", "to", "at"]))
def test_no_text_breaks_it(text: str, name: str) -> None:
    query = QueryDict(mutable=True)
    query[name] = text
    assert parse(query, STOCKHOLM).state.span_ms > 0


def test_without_anything_it_is_the_last_hour_that_goes_on() -> None:
    found = read("")
    assert (found.state.follows, found.state.span_ms, found.state.pens) == (True, DEFAULT_SPAN_MS, ())
    assert found.state.bounds(10 * DAY_MS) == (10 * DAY_MS - HOUR_MS, 10 * DAY_MS)


def test_the_presets_are_spans() -> None:
    found = {name: read(f"span={name}") for name in PRESETS}
    assert not any(parsed.problems for parsed in found.values())
    assert found["365d"].state.span_ms == 365 * DAY_MS


def test_a_pen_says_how_it_is_drawn() -> None:
    (pen,) = read("pen=works/north/level~hide~own~-1.5..8").state.pens
    assert pen == PenState("works/north/level", hidden=True, own_axis=True, ends=(-1.5, 8.0))


def test_the_same_tag_twice_is_one_pen_and_a_ninth_is_refused() -> None:
    found = read("pen=a/b&pen=A/B")
    assert len(found.state.pens) == 1
    found = read("&".join(f"pen=a/t{n}" for n in range(9)))
    assert len(found.state.pens) == MOST_PENS
    assert found.problems == ["A trend has at most 8 pens; these are 9. The first 8 are drawn."]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("pen=a/b~wide", "'wide' says nothing of a pen. It can be: hide, own, fit, or ends like 0..8."),
        ("pen=a/b~8..0", "'8..0' says nothing of a pen. It can be: hide, own, fit, or ends like 0..8."),
        ("span=long", "'long' is no span. Write it like 10min, 8h or 30d, of at most 20 years. Shown is 1 h."),
        ("span=99999d", "'99999d' is no span. Write it like 10min, 8h or 30d, of at most 20 years. Shown is 1 h."),
        ("from=2026-03-01", "A time that stands still needs both its begin and its end. Shown is the time up to now."),
        ("from=x&to=2026-03-01", "'x' is no time. Write it as 2026-03-01 14:30, by the clock of Europe/Stockholm."),
        (
            "from=2026-03-02&to=2026-03-01",
            "The end must lie after the begin, by at least 1 s and at most 20 years. Shown is the time up to now.",
        ),
        (
            "at=2026-03-29T02:30",
            "2026-03-29T02:30 was left out by the clock of Europe/Stockholm, which was put forward then.",
        ),
    ],
)
def test_what_is_not_understood_is_said(query: str, sentence: str) -> None:
    found = read(query)
    assert found.problems == [sentence]
    assert found.state.follows


def test_the_repeated_hour_is_told_apart_by_its_offset() -> None:
    first, second = ms("2026-10-25T02:30:00+02:00"), ms("2026-10-25T02:30:00+01:00")
    assert second - first == HOUR_MS
    assert ms("2026-10-25T02:30") == first
    state = TrendState(window=(first, second))
    assert "from=2026-10-25T02:30:00%2B02:00&to=2026-10-25T02:30:00%2B01:00" in format_query(state, STOCKHOLM)


def test_a_day_of_a_changed_clock_has_23_or_25_hours() -> None:
    for day, after, hours in (("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)):
        window = read(f"from={day}&to={after}").state.window
        assert window is not None
        assert window[1] - window[0] == hours * HOUR_MS


def test_paths_are_known_before_the_time_zone() -> None:
    assert paths_in(QueryDict("pen=a/b~own&pen=c/d&from=x")) == ["a/b", "c/d"]


def test_pens_come_and_go() -> None:
    state = TrendState().with_pen("a/b").with_pen("c/d")
    assert [pen.path for pen in state.without("A/B").pens] == ["c/d"]
    assert state.changed("c/d", own_axis=True).pens[1].own_axis
