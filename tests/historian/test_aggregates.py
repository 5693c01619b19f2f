"""Aggregates of history: time-weighted, with a status, with gaps that stay gaps (HIS-04 … HIS-07)."""

import math
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN
from historian import pieces
from historian.aggregate import (
    BAD,
    BAD_NO_DATA,
    CALCULATED,
    INTERPOLATED,
    PARTIAL,
    RAW,
    UNCERTAIN_DATA_SUBNORMAL,
    Aggregate,
    Column,
    Options,
    aggregate,
    refuse_nonsense,
)
from historian.intervals import Every, QueryRefused, intervals
from historian.samples import Samples, of_rows
from historian.series import SeriesKind
from historian.summary import Summaries
from tests.historian import naive_aggregates as naive
from tests.historian.memory_storage import summary_of

B = BAD_NO_COMMUNICATION
A = Aggregate


def samples(
    *some: tuple[int, float | None] | tuple[int, float | None, int], exact: dict[int, str] | None = None
) -> Samples:
    rows = [(s[0], 1, s[1], (exact or {}).get(s[0]), s[2] if len(s) > 2 else GOOD, s[0]) for s in some]
    return of_rows(rows)


def seconds(*some: tuple[int, float | None] | tuple[int, float | None, int]) -> Samples:
    return samples(*[(s[0] * 1000, *s[1:]) for s in some])


def one(
    kind: Aggregate, of: Samples, *edges_s: int, is_stepped: bool = False, ends_s: int = 0,
    options: Options | None = None, is_text: bool = False,
) -> Column:  # fmt: skip
    edges = np.array(edges_s, np.int64) * 1000
    options = options or Options()
    parts = pieces.of_samples(of, is_text=is_text, uncertain_is_bad=options.treat_uncertain_as_bad)
    table = aggregate(parts, edges, [kind], is_stepped=is_stepped, ends_ms=ends_s * 1000, options=options)
    return table.columns[kind]


RISING = seconds((0, 10.0), (30, 20.0), (60, 40.0))
BROKEN = seconds((0, 10.0), (20, None, B), (40, 20.0), (60, 40.0))


@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        (A.TIME_AVERAGE_2, 15.0, CALCULATED),
        (A.TIME_AVERAGE, 22.5, CALCULATED),
        (A.AVERAGE, 15.0, CALCULATED),
        (A.MINIMUM, 10.0, RAW),
        (A.MAXIMUM, 20.0, CALCULATED),
        (A.MINIMUM_ACTUAL_TIME, 10.0, RAW),
        (A.MAXIMUM_ACTUAL_TIME, 20.0, RAW),
        (A.RANGE, 10.0, CALCULATED),
        (A.COUNT, 2.0, CALCULATED),
        (A.START, 10.0, RAW),
        (A.END, 20.0, RAW),
        (A.DELTA, 10.0, CALCULATED),
        (A.DURATION_GOOD, 60_000.0, CALCULATED),
        (A.DURATION_BAD, 0.0, CALCULATED),
        (A.PERCENT_GOOD, 100.0, CALCULATED),
        (A.PERCENT_BAD, 0.0, CALCULATED),
        (A.NUMBER_OF_TRANSITIONS, 2.0, CALCULATED),
        (A.STANDARD_DEVIATION, math.sqrt(50), CALCULATED),
        (A.INTERPOLATIVE, 10.0, RAW),
    ],
)
def test_three_samples_in_a_minute(kind: Aggregate, value: float, status: int) -> None:
    """HIS-05, HIS-06."""
    column = one(kind, RISING, 0, 60)

    assert column.values.tolist() == pytest.approx([value])
    assert column.statuses.tolist() == [status]


@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        (A.TIME_AVERAGE_2, 15.0, UNCERTAIN_DATA_SUBNORMAL | CALCULATED),
        (A.PERCENT_GOOD, 200 / 3, CALCULATED),
        (A.DURATION_GOOD, 40_000.0, CALCULATED),
        (A.DURATION_BAD, 20_000.0, CALCULATED),
        (A.TIME_AVERAGE, (10 * 20 + 30 * 20) / 40, UNCERTAIN_DATA_SUBNORMAL | CALCULATED),
        (A.AVERAGE, 15.0, UNCERTAIN_DATA_SUBNORMAL | CALCULATED),
        (A.MINIMUM, 10.0, UNCERTAIN_DATA_SUBNORMAL | RAW),
        (A.COUNT, 2.0, UNCERTAIN_DATA_SUBNORMAL | CALCULATED),
        (A.DELTA, 10.0, CALCULATED),
        (A.NUMBER_OF_TRANSITIONS, 2.0, UNCERTAIN_DATA_SUBNORMAL | CALCULATED),
    ],
)
def test_a_gap_is_left_out_and_said(kind: Aggregate, value: float, status: int) -> None:
    """HIS-06, HIS-07: the line to a Bad sample is held, and nothing counts until the next Good one."""
    column = one(kind, BROKEN, 0, 60)

    assert column.values.tolist() == pytest.approx([value])
    assert column.statuses.tolist() == [status]


@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        (A.INTERPOLATIVE, 15.0, INTERPOLATED),
        (A.TIME_AVERAGE, 15.5, CALCULATED),
        (A.COUNT, 0.0, CALCULATED),
        (A.AVERAGE, None, BAD_NO_DATA | CALCULATED),
        (A.MINIMUM, None, BAD_NO_DATA | CALCULATED),
        (A.START, None, BAD_NO_DATA | RAW),
        (A.DELTA, None, BAD_NO_DATA | CALCULATED),
        (A.NUMBER_OF_TRANSITIONS, 0.0, CALCULATED),
        (A.PERCENT_GOOD, 100.0, CALCULATED),
    ],
)
def test_an_interval_without_samples_lives_by_its_bounds(kind: Aggregate, value: float | None, status: int) -> None:
    """HIS-06."""
    column = one(kind, RISING, 15, 18)

    assert column.statuses.tolist() == [status]
    assert column.values.tolist() == pytest.approx([math.nan if value is None else value], nan_ok=True)


@pytest.mark.parametrize("kind", A)
def test_before_and_after_the_data_there_is_nothing(kind: Aggregate) -> None:
    """HIS-05."""
    column = one(kind, RISING, -120, -60, 0, 60, 61, 120)

    assert [s & 0xFFFF0000 for s in column.statuses[[0, 1, 4]].tolist()] == [BAD_NO_DATA] * 3
    assert np.isnan(column.values[[0, 1, 4]]).all()
    assert not np.isnan(column.values[2])


def test_an_interval_that_data_fills_in_part_says_so() -> None:
    """HIS-05: the last one is reckoned up to the end of the data; before the first sample all is Bad."""
    good = one(A.PERCENT_GOOD, RISING, -60, 30, 60, 120, ends_s=90)
    mean = one(A.TIME_AVERAGE_2, RISING, -60, 30, 60, 120, ends_s=90)

    assert good.values.tolist() == pytest.approx([100 / 3, 100, 100])
    assert good.statuses.tolist() == [CALCULATED | PARTIAL, CALCULATED, CALCULATED | PARTIAL]
    assert mean.values.tolist() == [10.0, 20.0, 40.0]
    assert mean.statuses.tolist() == [UNCERTAIN_DATA_SUBNORMAL | CALCULATED | PARTIAL, CALCULATED, CALCULATED | PARTIAL]


def test_at_a_bound_after_a_bad_sample_there_is_no_value() -> None:
    """HIS-07."""
    column = one(A.INTERPOLATIVE, BROKEN, 10, 30, 50, 60)

    assert column.values.tolist() == pytest.approx([10.0, math.nan, 30.0], nan_ok=True)
    assert column.statuses.tolist() == [
        UNCERTAIN_DATA_SUBNORMAL | INTERPOLATED, BAD_NO_DATA | INTERPOLATED, INTERPOLATED
    ]  # fmt: skip


def test_what_is_bad_long_enough_has_no_value() -> None:
    """HIS-05: PercentDataBad, PercentDataGood."""
    strict = one(A.TIME_AVERAGE_2, BROKEN, 0, 60, options=Options(percent_data_bad=30))
    lax = one(A.TIME_AVERAGE_2, BROKEN, 0, 60, options=Options(percent_data_good=60, percent_data_bad=90))

    assert (strict.statuses.tolist(), math.isnan(strict.values[0])) == ([BAD | CALCULATED], True)
    assert (lax.statuses.tolist(), lax.values.tolist()) == ([CALCULATED], [15.0])


def test_uncertain_counts_as_bad_unless_asked_otherwise() -> None:
    """HIS-05: TreatUncertainAsBad."""
    of = seconds((0, 10.0), (30, 20.0, UNCERTAIN), (60, 40.0))

    assert one(A.AVERAGE, of, 0, 60).values.tolist() == [10.0]
    assert one(A.AVERAGE, of, 0, 60, options=Options(treat_uncertain_as_bad=False)).values.tolist() == [15.0]
    highest = one(A.MAXIMUM, of, 0, 60, options=Options(treat_uncertain_as_bad=False))
    assert (highest.values.tolist(), highest.statuses.tolist()) == ([20.0], [UNCERTAIN_DATA_SUBNORMAL | CALCULATED])


def test_a_plain_mean_of_what_compression_left_would_be_wrong() -> None:
    """HIS-04: 50 minutes at 20 as two samples, 10 minutes of noise at 80 as six hundred."""
    of = seconds((0, 20.0), (2999, 20.0), *[(3000 + n, 80.0) for n in range(600)], (3600, 80.0))

    assert one(A.TIME_AVERAGE, of, 0, 3600).values.tolist() == pytest.approx([30.0], abs=0.02)
    assert one(A.AVERAGE, of, 0, 3600).values[0] > 79


def test_start_end_and_extremes_say_when() -> None:
    of = seconds((0, 5.0), (10, 1.0), (20, 9.0), (25, 9.0), (29, None, B))
    at = {kind: one(kind, of, -10, 30).times.tolist() for kind in A}

    assert at[A.START] == [0]
    assert at[A.END] == [29_000]
    assert at[A.MINIMUM_ACTUAL_TIME] == [10_000]
    assert at[A.MAXIMUM_ACTUAL_TIME] == [20_000]
    assert at[A.MINIMUM] == at[A.TIME_AVERAGE] == [-10_000]
    assert one(A.END, of, -10, 30).statuses.tolist() == [B | RAW | PARTIAL]


def test_a_transition_is_seen_across_what_is_bad_and_over_the_bound() -> None:
    of = seconds((-5, 1.0), (-1, None, B), (2, 1.0), (4, 0.0), (5, None, B), (6, 0.0), (8, 1.0), (20, 1.0))

    assert one(A.NUMBER_OF_TRANSITIONS, of, 0, 10).values.tolist() == [2.0]
    assert one(A.NUMBER_OF_TRANSITIONS, seconds((2, 1.0), (20, 1.0)), 0, 10).values.tolist() == [1.0]


def test_counters_beyond_what_a_float_can_say_are_exact() -> None:
    big = 2**63
    of = samples(
        (0, float(big)),
        (1000, float(big + 7)),
        (5000, float(big + 9)),
        exact={0: str(big), 1000: str(big + 7), 5000: str(big + 9)},
    )

    assert one(A.DELTA, of, 0, 2).values.tolist() == [7.0]
    assert one(A.RANGE, of, 0, 2).values.tolist() in ([7.0], [0.0])  # two floats that are equal have one place
    assert one(A.END, of, 0, 2).exact == {0: str(big + 7)}
    assert one(A.NUMBER_OF_TRANSITIONS, of, 0, 2).values.tolist() == [2.0]


def test_texts_are_counted_not_reckoned() -> None:
    of = samples(
        (0, None), (1000, None), (2000, None), (9000, None), exact={0: "run", 1000: "run", 2000: "stop", 9000: "run"}
    )

    assert one(A.NUMBER_OF_TRANSITIONS, of, 0, 5, is_text=True).values.tolist() == [2.0]
    assert one(A.COUNT, of, 0, 5, is_text=True).values.tolist() == [3.0]
    assert one(A.END, of, 0, 5, is_text=True).exact == {0: "stop"}
    assert one(A.DURATION_GOOD, of, 0, 5, is_text=True).values.tolist() == [5000.0]


@pytest.mark.parametrize("kind", [SeriesKind.TEXT, SeriesKind.STATE])
def test_numbers_of_texts_and_states_are_refused_in_words(kind: SeriesKind) -> None:
    with pytest.raises(QueryRefused, match=r"TimeAverage means nothing for (texts|states).*Count, Start, End"):
        refuse_nonsense([A.TIME_AVERAGE, A.COUNT], kind, Options())
    refuse_nonsense([A.COUNT, A.START, A.NUMBER_OF_TRANSITIONS, A.PERCENT_GOOD], kind, Options())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(use_sloped_extrapolation=True), "held"),
        (Options(percent_data_bad=101), "from 0 to 100"),
        (Options(percent_data_good=10, percent_data_bad=20), "Good and Bad at once"),
    ],
)
def test_options_that_cannot_be_kept_are_refused(options: Options, said: str) -> None:
    with pytest.raises(QueryRefused, match=said):
        refuse_nonsense([A.COUNT], SeriesKind.NUMBER, options)


BERLIN = ZoneInfo("Europe/Berlin")


def ms(*date: int, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime(*date, tzinfo=zone).timestamp() * 1000)  # type: ignore[arg-type, misc] # a date in pieces


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2024, 2, 29), 24)])
def test_days_are_as_long_as_the_clocks_make_them(day: tuple[int, int, int], hours: int) -> None:
    """HIS-06; 29 February is a day of its own."""
    begin = ms(*day)
    edges = intervals(begin, begin + 36 * 3_600_000, Every.of("1d"), BERLIN)
    of = samples((begin, 1.0), (begin + 48 * 3_600_000, 1.0))
    good = aggregate(pieces.of_samples(of), edges, [A.DURATION_GOOD], is_stepped=True, ends_ms=0)

    assert good.columns[A.DURATION_GOOD].values.tolist() == [hours * 3_600_000, (36 - hours) * 3_600_000]
    assert len(intervals(begin, begin + hours * 3_600_000, Every.of("1h"), BERLIN)) == hours + 1


def test_calendar_months_and_weeks_begin_where_people_say() -> None:
    year = intervals(ms(2024, 1, 1), ms(2025, 1, 1), Every.of("1month"), BERLIN)
    weeks = intervals(ms(2026, 3, 25), ms(2026, 4, 8), Every.of("1w"), BERLIN)

    assert year.tolist() == [ms(2024, m, 1) for m in range(1, 13)] + [ms(2025, 1, 1)]
    assert weeks.tolist() == [ms(2026, 3, 25), ms(2026, 3, 30), ms(2026, 4, 6), ms(2026, 4, 8)]


def test_a_day_that_has_no_midnight_begins_after_the_jump() -> None:
    santiago = ZoneInfo("America/Santiago")
    edges = intervals(ms(2024, 9, 7, zone=santiago), ms(2024, 9, 9, zone=santiago), Every.of("1d"), santiago)

    assert np.diff(edges).tolist() == [24 * 3_600_000, 23 * 3_600_000]


@pytest.mark.parametrize("words", ["", "0s", "1 fortnight", "-1h", "1.5h", "h", "1H"])
def test_a_length_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(QueryRefused, match="for example 15min"):
        Every.of(words)


def test_too_many_intervals_are_refused_before_they_are_made() -> None:
    with pytest.raises(QueryRefused, match="more than 20,000"):
        intervals(0, 10**12, Every.of("1ms"), BERLIN)
    with pytest.raises(QueryRefused, match="must be after"):
        intervals(5, 5, Every.of("1s"), BERLIN)


numbers = st.integers(-50, 50).map(float)
sample = st.tuples(st.integers(0, 400), st.one_of(numbers, st.none()), st.sampled_from([0, 0, 0, 1, 2]))


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[naive.Sample], list[int], int, bool]:
    by_time = {s[0]: s for s in draw(st.lists(sample, min_size=1, max_size=25))}
    edges = sorted(draw(st.sets(st.integers(-20, 450), min_size=2, max_size=9)))
    ends = max(by_time) + draw(st.sampled_from([0, 0, 30]))
    return [by_time[t] for t in sorted(by_time)], edges, ends, draw(st.booleans())


def as_samples(story: list[naive.Sample]) -> Samples:
    return samples(*[(t, v, (0, UNCERTAIN, B)[s]) for t, v, s in story])


def expected(
    kind: Aggregate, story: list[naive.Sample], begin: int, end: int, ends: int, *, is_stepped: bool
) -> float | None:
    """None: no value."""
    if end <= story[0][0] or begin > ends:
        return None
    inside = [s for s in story if begin <= s[0] < end]
    good = [s[1] for s in inside if naive.usable(s) and s[1] is not None]
    width = max(0, min(end, ends) - begin)
    match kind:
        case A.INTERPOLATIVE:
            at = naive.value_at(story, begin, is_stepped=is_stepped)
            return None if at is None else float(at)
        case A.TIME_AVERAGE | A.TIME_AVERAGE_2:
            stepped = is_stepped or kind is A.TIME_AVERAGE_2
            span, area = naive.good_and_area(story, begin, end, ends, is_stepped=stepped)
            return float(area / span) if span else None
        case A.DURATION_GOOD:
            return naive.good_and_area(story, begin, end, ends, is_stepped=is_stepped)[0]
        case A.PERCENT_BAD:
            span = naive.good_and_area(story, begin, end, ends, is_stepped=is_stepped)[0]
            return 100 * (width - span) / width if width else None
        case A.COUNT:
            return None if inside and not good else len(good)
        case A.START | A.END:
            return inside[0 if kind is A.START else -1][1] if inside else None
        case A.NUMBER_OF_TRANSITIONS:
            if inside and not good:
                return None
            known = [s for s in story if naive.usable(s)]
            changed = [s for n, s in enumerate(known) if n == 0 or known[n - 1][1] != s[1]]
            return len([s for s in changed if begin <= s[0] < end])
    if not good:
        return None
    plain = {
        A.AVERAGE: sum(good) / len(good), A.MINIMUM: min(good), A.MAXIMUM: max(good), A.RANGE: max(good) - min(good),
        A.DELTA: good[-1] - good[0], A.STANDARD_DEVIATION: naive.deviation(good),
    }  # fmt: skip
    return plain[kind]


ORACLE = sorted(set(A) - {A.DURATION_BAD, A.PERCENT_GOOD, A.MINIMUM_ACTUAL_TIME, A.MAXIMUM_ACTUAL_TIME})


@settings(max_examples=100, deadline=None)
@given(stories())
def test_every_aggregate_equals_the_slow_way(story: tuple[list[naive.Sample], list[int], int, bool]) -> None:
    """HIS-05."""
    rows, edges, ends, is_stepped = story
    table = aggregate(
        pieces.of_samples(as_samples(rows)), np.array(edges, np.int64), list(A), is_stepped=is_stepped, ends_ms=ends
    )
    for kind in ORACLE:
        want = [expected(kind, rows, a, b, ends, is_stepped=is_stepped) for a, b in pairwise(edges)]
        got = table.columns[kind].values.tolist()
        assert got == pytest.approx([math.nan if w is None else w for w in want], nan_ok=True, abs=1e-9), kind
    duration = table.columns[A.DURATION_GOOD].values + table.columns[A.DURATION_BAD].values
    there = ~np.isnan(duration)
    assert duration[there].tolist() == [
        max(0, min(b, ends) - a) for a, b in np.column_stack([edges[:-1], edges[1:]])[there].tolist()
    ]


@settings(max_examples=60, deadline=None)
@given(stories(), st.integers(0, 400))
def test_summaries_in_place_of_samples_change_nothing(
    story: tuple[list[naive.Sample], list[int], int, bool], until: int
) -> None:
    """HIS-05: sealed and not sealed make one result, where the summaries lie within intervals and are exact."""
    rows, _, ends, is_stepped = story
    of = as_samples(rows)
    edges = np.arange(-50, 500, 50, dtype=np.int64)
    sealed = summary_of(of.between(0, until - until % 10), 10)
    exact = pieces.is_exact(sealed)
    spans = sealed.rows["start_ms"][exact]
    loose = [n for n, ms in enumerate(of.times.tolist()) if ms - ms % 10 not in spans]
    rest = Samples(of.times[loose], of.numbers[loose], of.statuses[loose], of.server_ms[loose])
    mixed = pieces.together([pieces.of_samples(rest), pieces.of_summaries(Summaries(sealed.rows[exact]))])

    plain = aggregate(pieces.of_samples(of), edges, list(A), is_stepped=is_stepped, ends_ms=ends)
    joined = aggregate(mixed, edges, list(A), is_stepped=is_stepped, ends_ms=ends)
    for kind in A:
        a, b = plain.columns[kind], joined.columns[kind]
        assert b.values.tolist() == pytest.approx(a.values.tolist(), nan_ok=True, abs=1e-9), kind
        assert b.statuses.tolist() == a.statuses.tolist(), kind
        assert b.times.tolist() == a.times.tolist(), kind
