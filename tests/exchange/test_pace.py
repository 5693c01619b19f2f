"""A caller may ask `rate` times a second in the long run, and `burst` times at once."""

from hypothesis import given
from hypothesis import strategies as st

from exchange import pace
from exchange.pace import Pace


def test_a_burst_goes_through_and_then_the_rate() -> None:
    own = Pace(rate=10, burst=3)
    assert [own.wait_s("a", 0.0) for _ in range(4)] == [None, None, None, 1]
    assert own.wait_s("a", 0.1) is None
    assert own.wait_s("a", 0.1) == 1


def test_callers_do_not_share() -> None:
    own = Pace(rate=1, burst=1)
    assert own.wait_s("a", 0.0) is None
    assert own.wait_s("b", 0.0) is None
    assert own.wait_s("a", 0.0) == 1


def test_a_clock_that_stands_still_or_goes_back_gives_nothing_away() -> None:
    own = Pace(rate=1, burst=1)
    assert own.wait_s("a", 100.0) is None
    assert own.wait_s("a", 50.0) == 1


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=300))
def test_no_pattern_of_asking_gets_more_than_burst_and_rate(steps: list[float]) -> None:
    own, now, through = Pace(rate=10, burst=5), 0.0, 0
    for step in steps:
        now += step
        through += own.wait_s("a", now) is None
    assert through <= 5 + 10 * now + 1e-6


def test_memory_does_not_grow_with_the_number_of_callers(monkeypatch: object) -> None:
    own = Pace(rate=1, burst=1)
    for n in range(pace.CALLERS_KEPT + 50):
        own.wait_s(f"address:{n}", 0.0)
    assert len(own._buckets) == pace.CALLERS_KEPT
