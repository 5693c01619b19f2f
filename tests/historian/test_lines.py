"""Lines to draw: no spike and no gap is lost, whatever the number of points (HIS-07, HIS-09)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN
from historian import reduce
from historian.reduce import Points

STATUSES = np.array([GOOD, UNCERTAIN, BAD_NO_COMMUNICATION], np.uint32)


def line(*points: tuple[int, float]) -> Points:
    return Points(np.array([p[0] for p in points], np.int64), np.array([p[1] for p in points], np.float64))


def test_a_spike_of_one_sample_in_a_day_is_drawn() -> None:
    """HIS-09."""
    values = np.zeros(86_400)
    values[[40_000, 70_001]] = 99.0, -7.0
    reduced = reduce.reduced(Points(np.arange(86_400, dtype=np.int64) * 1000, values), 0, 86_400_000, 2000)

    assert len(reduced) <= 2000
    assert reduced.values[reduced.times == 40_000_000].tolist() == [99.0]
    assert reduced.values[reduced.times == 70_001_000].tolist() == [-7.0]


def test_a_line_to_a_bad_sample_is_held_and_then_breaks() -> None:
    """HIS-07."""
    drawn = reduce.outline(
        np.array([0, 1000, 2000, 5000], np.int64),
        np.array([1.0, 2.0, np.nan, 3.0]),
        np.array([GOOD, GOOD, BAD_NO_COMMUNICATION, GOOD], np.uint32),
    )

    assert drawn.times.tolist() == [0, 1000, 1999, 2000, 5000]
    assert drawn.values[[0, 1, 2, 4]].tolist() == [1.0, 2.0, 2.0, 3.0]
    assert np.isnan(drawn.values[3])


def test_a_short_gap_in_a_long_time_still_breaks_the_line() -> None:
    """HIS-07."""
    values = np.sin(np.arange(100_000) / 50)
    values[55_555] = np.nan
    reduced = reduce.reduced(Points(np.arange(100_000, dtype=np.int64), values), 0, 100_000, 500)

    assert reduced.times[np.isnan(reduced.values)].tolist() == [55_555]


def test_the_nearest_points_beside_the_window_stay() -> None:
    full = line(*[(ms, float(ms)) for ms in range(0, 10_000, 10)])
    reduced = reduce.reduced(full, 2000, 3000, 20)

    assert (reduced.times[0], reduced.times[-1]) == (1990, 3000)


def test_what_is_not_good_is_told_from_to_and_how_bad() -> None:
    """HIS-07."""
    times = np.array([0, 10, 20, 30, 40], np.int64)
    spans = reduce.not_good(times, STATUSES[[0, 1, 1, 2, 0]], 50)

    assert spans == [(10, 30, 1), (30, 40, 2)]
    assert reduce.cut(spans, 15, 35, 1) == [(15, 30, 1), (30, 35, 2)]
    assert reduce.not_good(times, STATUSES[[0, 0, 0, 0, 2]], 50) == [(40, 50, 2)]


def test_spans_nearer_than_a_pixel_become_one_and_never_less_bad() -> None:
    spans = [(n, n + 1, 1 + (n == 500)) for n in range(0, 1000, 2)]

    assert reduce.cut(spans, 0, 1000, 10) == [(0, 999, 2)]
    assert reduce.cut([(0, 100, 1), (300, 400, 2)], 0, 1000, 10) == [(0, 100, 1), (300, 400, 2)]


values = st.one_of(st.integers(-9, 9).map(float), st.just(float("nan")))


@given(
    st.lists(st.tuples(st.integers(0, 3000), values), max_size=150, unique_by=lambda p: p[0]),
    st.integers(0, 1500), st.integers(1, 1500), st.integers(8, 40),
)  # fmt: skip
def test_extremes_of_every_bucket_stay_and_nothing_is_invented(
    points: list[tuple[int, float]], begin: int, length: int, most: int
) -> None:
    """HIS-09."""
    full = line(*sorted(points))
    end = begin + length
    reduced = reduce.reduced(full, begin, end, most)
    kept = dict(zip(reduced.times.tolist(), reduced.values.tolist(), strict=True))
    of = dict(zip(full.times.tolist(), full.values.tolist(), strict=True))

    assert len(reduced) <= most
    assert (np.diff(reduced.times) > 0).all()
    assert all(of[ms] == value or value != value for ms, value in kept.items())
    fewer = max(1, (most - 2) // 5)
    for count in (fewer, max(1, (most - 2) // 4)):
        if len(of) > most and any(v != v for ms, v in of.items() if begin <= ms < end) == (count == fewer):
            for bucket in range(count):
                raw = {ms: v for ms, v in of.items() if begin <= ms < end and (ms - begin) * count // length == bucket}
                drawn = {ms: v for ms, v in kept.items() if ms in raw}
                assert extremes(raw) == extremes(drawn)
                assert any(v != v for v in raw.values()) == any(v != v for v in drawn.values())


def extremes(of: dict[int, float]) -> tuple[float, float] | None:
    numbers = [v for v in of.values() if v == v]
    return (min(numbers), max(numbers)) if numbers else None


@given(st.lists(st.tuples(st.integers(0, 400), values, st.integers(0, 2)), max_size=80, unique_by=lambda p: p[0]))
def test_no_line_crosses_a_gap_however_few_points_are_left(rows: list[tuple[int, float, int]]) -> None:
    """HIS-07: between two neighbours that are both drawn in the end, a whole bucket wide apart, was no break."""
    rows.sort()
    times = np.array([r[0] for r in rows], np.int64)
    drawn = reduce.outline(times, np.array([r[1] for r in rows]), STATUSES[[r[2] for r in rows]])
    reduced = reduce.reduced(drawn, 0, 400, 12)
    breaks = drawn.times[np.isnan(drawn.values)].tolist()
    for a, b, x, y in zip(reduced.times, reduced.times[1:], reduced.values, reduced.values[1:], strict=False):
        if x == x and y == y and b - a > 400 // 2:
            assert not [ms for ms in breaks if a < ms < b]
