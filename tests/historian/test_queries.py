"""What history answers: the right level, the right edge, nothing invented, nothing lost (HIS-05, HIS-07, HIS-09)."""

import math
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN_NO_COMMUNICATION
from historian import chunks, summary
from historian.aggregate import Aggregate
from historian.intervals import Every, QueryRefused, intervals
from historian.query import Line, Newest, Pen, Query
from historian.samples import Samples
from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Chunk, Sealed, Storage
from tests.historian.memory_storage import MINUTE_MS, MemoryStorage
from tests.historian.storages import history_url, postgres_url, storage

__all__ = ["history_url", "postgres_url", "storage"]  # fixtures

DAY_MS = 24 * HOUR_MS
T0 = 1_767_225_600_000
UTC = ZoneInfo("UTC")


@pytest.fixture
def memory() -> MemoryStorage:
    return MemoryStorage()


def asking(memory: MemoryStorage) -> Query:
    return Query(cast("Storage", memory))


def wave(begin: int, end: int, step: int) -> list[tuple[int, float | None, int]]:
    return [(ms, round(math.sin(ms / 1e6), 6) * 50, GOOD) for ms in range(begin, end, step)]


def fresh(value: float, at: int, now: int) -> Newest:
    return Newest(value, GOOD, at, now - 500, now, 3000)


def drawn(line: Line) -> list[tuple[int, float]]:
    return list(zip(line.times.tolist(), line.values.tolist(), strict=True))


def test_a_tag_without_history_is_an_empty_line(memory: MemoryStorage) -> None:
    lines = asking(memory).plot([Pen(None), Pen(7)], T0, T0 + DAY_MS)
    table = asking(memory).aggregate(Pen(None), [Aggregate.AVERAGE], T0, T0 + 2, np.array([T0, T0 + 2]))

    assert [(len(line.times), line.not_good) for line in lines] == [(0, []), (0, [])]
    assert np.isnan(table.columns[Aggregate.AVERAGE].values).all()
    assert len(asking(memory).raw(None, T0, T0 + 1)) == 0


def test_a_constant_value_recorded_days_ago_is_drawn_to_now(memory: MemoryStorage) -> None:
    memory.add(1, [(T0 - 5 * DAY_MS, 4.2, GOOD)])
    now = T0 + HOUR_MS
    pen = Pen(1, newest=fresh(4.2, T0 - 5 * DAY_MS, now), longest_silence_ms=0)

    assert drawn(asking(memory).plot([pen], T0, now)[0]) == [
        (T0 - 5 * DAY_MS, 4.2), (now - 500, 4.2), (now, 4.2)
    ]  # fmt: skip


def test_between_a_silence_of_the_recorder_and_now_no_line_is_drawn(memory: MemoryStorage) -> None:
    """HIS-07."""
    memory.add(1, [(T0, 4.2, GOOD)])
    now = T0 + 30 * DAY_MS
    line = asking(memory).plot([Pen(1, newest=fresh(9.0, now - 600, now))], T0, now)[0]

    assert np.isnan(line.values).sum() == 1
    assert drawn(line)[-1] == (now, 9.0)
    assert line.not_good == [(T0 + 1, now - 600, 2)]


def test_the_newest_value_that_is_old_is_drawn_as_old(memory: MemoryStorage) -> None:
    memory.add(1, [(T0, 1.0, GOOD)])
    now = T0 + HOUR_MS
    read_at = T0 + 10 * MINUTE_MS
    line = asking(memory).plot([Pen(1, newest=Newest(2.0, GOOD, read_at - 5, read_at, now, 3000))], T0, now)[0]

    assert line.not_good == [(read_at + 1, now, 1)]
    assert drawn(line) == [(T0, 1.0), (read_at - 5, 2.0), (read_at + 1, 2.0), (now, 2.0)]


def test_a_lost_link_does_not_overwrite_what_was_good(memory: MemoryStorage) -> None:
    memory.add(1, [(T0, 1.0, GOOD), (T0 + 1000, 2.0, GOOD)])
    now = T0 + 60_000
    newest = Newest(2.0, UNCERTAIN_NO_COMMUNICATION, T0 + 1000, T0 + 5000, now, 3000)
    line = asking(memory).plot([Pen(1, newest=newest)], T0, now)[0]

    assert line.not_good == [(T0 + 5000, now, 1)]
    assert drawn(line)[:2] == [(T0, 1.0), (T0 + 1000, 2.0)]


def test_after_a_stop_the_line_ends_though_an_older_value_is_on_the_bus(memory: MemoryStorage) -> None:
    memory.add(1, [(T0, 1.0, GOOD), (T0 + 9000, None, BAD_NO_COMMUNICATION)])
    newest = Newest(1.0, GOOD, T0 + 8000, T0 + 8000, T0 + 60_000, 3000)
    line = asking(memory).plot([Pen(1, newest=newest)], T0, T0 + 60_000)[0]

    assert np.isnan(line.values[-1])
    assert line.ends_ms == T0 + 9000


def test_the_line_enters_and_leaves_the_window(memory: MemoryStorage) -> None:
    memory.add(1, [(T0 - 900, 1.0, GOOD), (T0 - 100, 2.0, GOOD), (T0 + 50, 3.0, GOOD), (T0 + 200, 4.0, GOOD)])

    assert drawn(asking(memory).plot([Pen(1)], T0, T0 + 100)[0]) == [(T0 - 100, 2.0), (T0 + 50, 3.0), (T0 + 200, 4.0)]


@pytest.mark.parametrize(("length", "level"), [(HOUR_MS, "samples"), (24 * HOUR_MS, "minutes"), (60 * DAY_MS, "hours")])
def test_the_level_follows_from_the_width_of_a_bucket(memory: MemoryStorage, length: int, level: str) -> None:
    memory.add(1, wave(T0, T0 + length, 60_000 if length <= DAY_MS else 1_800_000))
    memory.sealed_to = T0 + length

    line = asking(memory).plot([Pen(1)], T0, T0 + length)[0]

    assert line.level == level
    assert len(line.times) <= 2000
    if level != "samples":
        assert not [asked for asked in memory.asked if asked[0] == "read"]


def test_unsealed_and_late_hours_are_drawn_from_samples(memory: MemoryStorage) -> None:
    """HIS-08: what came late is there at once."""
    memory.add(1, wave(T0, T0 + DAY_MS, 60_000))
    memory.add(1, [(T0 + 5 * HOUR_MS + 7, 999.0, GOOD), (T0 + 23 * HOUR_MS + 7, -999.0, GOOD)])
    memory.sealed_to, memory.late = T0 + 22 * HOUR_MS, {T0 + 5 * HOUR_MS}

    line = asking(memory).plot([Pen(1)], T0, T0 + DAY_MS)[0]

    assert {999.0, -999.0} <= set(line.values.tolist())
    assert [a[1:] for a in memory.asked if a[0] == "read"] == [
        (T0 + 5 * HOUR_MS, T0 + 6 * HOUR_MS), (T0 + 22 * HOUR_MS, T0 + 24 * HOUR_MS)
    ]  # fmt: skip


@pytest.mark.parametrize(("minutes_too", "level"), [(False, "minutes"), (True, "hours")])
def test_where_samples_have_expired_summaries_stand_in_and_it_is_said(
    memory: MemoryStorage, minutes_too: bool, level: str
) -> None:
    memory.add(1, wave(T0, T0 + 6 * HOUR_MS, 10_000))
    memory.sealed_to = memory.kept_from = T0 + 3 * HOUR_MS
    memory.minutes_from = memory.kept_from if minutes_too else 0

    line = asking(memory).plot([Pen(1)], T0 + HOUR_MS, T0 + 5 * HOUR_MS)[0]
    table = asking(memory).aggregate(
        Pen(1),
        [Aggregate.TIME_AVERAGE],
        T0 + HOUR_MS,
        T0 + 5 * HOUR_MS,
        np.arange(T0 + HOUR_MS, T0 + 5 * HOUR_MS + 1, HOUR_MS),
    )

    assert line.level == level
    assert table.columns[Aggregate.TIME_AVERAGE].statuses.tolist() == [0x401] * 4
    raw = np.array([v for ms, v, _ in wave(T0 + HOUR_MS, T0 + 5 * HOUR_MS, 10_000)], np.float64)
    assert (np.nanmin(line.values), np.nanmax(line.values)) == (raw.min(), raw.max())


def test_intervals_finer_than_what_is_left_are_refused_and_an_unaligned_begin_is_not(memory: MemoryStorage) -> None:
    """HIS-05: an hour that has only its summary cannot be divided."""
    memory.add(1, wave(T0, T0 + 6 * HOUR_MS, 60_000))
    memory.sealed_to = memory.kept_from = memory.minutes_from = T0 + 4 * HOUR_MS
    begin, end = T0 + 20 * MINUTE_MS, T0 + 6 * HOUR_MS

    with pytest.raises(QueryRefused, match=r"have expired.*whole hours"):
        asking(memory).aggregate(
            Pen(1), [Aggregate.TIME_AVERAGE], begin, end, intervals(begin, end, Every.of("15min"), UTC)
        )
    edges = intervals(begin, end, Every.of("2h"), UTC)
    table = asking(memory).aggregate(Pen(1), [Aggregate.COUNT, Aggregate.PERCENT_GOOD], begin, end, edges)
    assert table.columns[Aggregate.COUNT].values.tolist() == [60, 120, 120]
    assert (table.columns[Aggregate.PERCENT_GOOD].values <= 100).all()
    assert table.level == "hours"


def test_gaps_in_a_long_time_are_drawn_exactly(memory: MemoryStorage) -> None:
    """HIS-07."""
    rows = wave(T0, T0 + 60 * DAY_MS, 1_800_000)
    at = rows[2000][0]
    rows[2000] = (at, None, BAD_NO_COMMUNICATION)
    memory.add(1, rows)
    memory.sealed_to = T0 + 60 * DAY_MS

    line = asking(memory).plot([Pen(1)], T0, T0 + 60 * DAY_MS)[0]

    assert line.times[np.isnan(line.values)].tolist() == [at]
    assert line.not_good == [(at, at + 1_800_000, 2)]


@settings(max_examples=25)
@given(st.data())
def test_aggregates_are_the_same_from_summaries_as_from_samples(data: st.DataObject) -> None:
    """HIS-05."""
    memory, plain = MemoryStorage(), MemoryStorage()
    rows = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, 5 * 3600).map(lambda s: T0 + s * 1000), st.integers(-9, 9).map(float),
                st.sampled_from([GOOD] * 9 + [BAD_NO_COMMUNICATION]),
            ), min_size=1, max_size=120, unique_by=lambda r: r[0],
        )
    )  # fmt: skip
    for either in (memory, plain):
        either.add(1, [(ms, value, status) for ms, value, status in rows])
    memory.sealed_to = T0 + 4 * HOUR_MS
    memory.late = {T0 + HOUR_MS} if data.draw(st.booleans()) else set()
    every = Every.of(data.draw(st.sampled_from(["1h", "2h", "15min", "7min", "1min"])))
    begin = T0 + data.draw(st.sampled_from([0, 1, 59_999, HOUR_MS]))
    edges = intervals(begin, T0 + 5 * HOUR_MS, every, UTC)
    pen = Pen(1, is_stepped=data.draw(st.booleans()))

    table, same = (
        asking(either).aggregate(pen, list(Aggregate), begin, T0 + 5 * HOUR_MS, edges) for either in (memory, plain)
    )

    for kind in Aggregate:
        a, b = same.columns[kind], table.columns[kind]
        assert b.values.tolist() == pytest.approx(a.values.tolist(), nan_ok=True, rel=1e-9, abs=1e-9), kind
        assert (b.statuses.tolist(), b.times.tolist()) == (a.statuses.tolist(), a.times.tolist()), kind


reading = st.tuples(
    st.integers(0, 40 * 3600).map(lambda s: T0 + s * 1000),
    st.one_of(st.none(), st.integers(-99, 99).map(float)),
    st.sampled_from([GOOD] * 9 + [UNCERTAIN_NO_COMMUNICATION, BAD_NO_COMMUNICATION]),
)


@settings(max_examples=40)
@given(
    st.lists(reading, max_size=80, unique_by=lambda r: r[0]), st.integers(0, 40),
    st.sets(st.integers(0, 40), max_size=3), st.integers(0, 39 * 3600),
    st.integers(1, 40 * 3600), st.sampled_from([8, 20, 100]),
)  # fmt: skip
def test_whatever_is_sealed_extremes_are_drawn_and_nothing_is_invented(
    rows: list[tuple[int, float | None, int]], sealed: int, late: set[int], begin: int, length: int, points: int
) -> None:
    """HIS-09."""
    memory = MemoryStorage()
    memory.add(1, rows)
    memory.sealed_to, memory.late = T0 + sealed * HOUR_MS, {T0 + hour * HOUR_MS for hour in late}
    from_ms, to_ms = T0 + begin * 1000, T0 + (begin + length) * 1000

    line = asking(memory).plot([Pen(1)], from_ms, to_ms, points)[0]

    assert len(line.times) <= points
    assert {v for v in line.values.tolist() if v == v} <= {v for _, v, _ in rows}
    good = [v for ms, v, status in rows if from_ms <= ms < to_ms and status == GOOD and v is not None]
    inside = line.values[(line.times >= from_ms) & (line.times < to_ms)]
    if good:
        assert np.nanmin(inside) <= min(good) <= max(good) <= np.nanmax(inside)


def test_a_stream_says_all_samples_once_and_crosses_empty_years(memory: MemoryStorage) -> None:
    rows = [*wave(T0, T0 + 3 * HOUR_MS, 1000), (T0 + 400 * DAY_MS, 1.0, GOOD), (T0 + 900 * DAY_MS, 2.0, GOOD)]
    memory.add(1, rows)

    parts = list(asking(memory).stream(1, T0 + 500, T0 + 1000 * DAY_MS))

    assert [ms for part in parts for ms in part.times.tolist()] == [row[0] for row in rows[1:]]
    assert len(memory.asked) < 40
    assert asking(memory).raw(1, T0, T0 + DAY_MS, 5).times.tolist() == [row[0] for row in rows[:5]]


def test_a_transition_is_found_before_the_window_and_before_its_gap(memory: MemoryStorage) -> None:
    memory.add(1, [(T0 - 9000, 1.0, GOOD), (T0 - 10, None, BAD_NO_COMMUNICATION), (T0, 1.0, GOOD), (T0 + 5, 0.0, GOOD)])
    pen = Pen(1, kind=SeriesKind.STATE)

    table = asking(memory).aggregate(
        pen, [Aggregate.NUMBER_OF_TRANSITIONS], T0, T0 + 5 + 1, np.array([T0, T0 + 6], np.int64)
    )

    assert table.columns[Aggregate.NUMBER_OF_TRANSITIONS].values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda q: q.plot([Pen(1)] * 51, 0, 1), "At most 50 pens"),
        (lambda q: q.plot([Pen(1)], 5, 5), "must be after"),
        (lambda q: q.plot([Pen(1)], 0, 10**15), "50 years"),
        (lambda q: q.plot([Pen(1)], 0, 10, 5001), "From 8 to 5,000 points"),
        (lambda q: q.raw(1, 0, 10, 0), "From 1 to 100,000 samples"),
        (lambda q: q.stream(1, 10, 0), "must be after"),
        (lambda q: q.aggregate(Pen(1), [Aggregate.COUNT], 0, 10, np.array([0, 5])), "must follow each other"),
        (lambda q: q.aggregate(Pen(1), [], 0, 10, np.array([0, 10])), "at least one aggregate"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(memory: MemoryStorage, ask: object, said: str) -> None:
    with pytest.raises(QueryRefused, match=said):
        ask(asking(memory))  # type: ignore[operator] # a question


def seal(storage: Storage, series: int, of: Samples) -> None:
    hours = sorted(set((of.times // HOUR_MS * HOUR_MS).tolist()))
    sealed = []
    for hour in hours:
        part = of.between(hour, hour + HOUR_MS)
        chunk = Chunk(series, hour, 1, len(part), int(part.times[0]), int(part.times[-1]), chunks.encode(part))
        sealed.append(Sealed(chunk, 0, summary.summarise(part, HOUR_MS), summary.summarise(part, MINUTE_MS)))
    storage.seal(sealed)


def test_both_engines_answer_as_the_plain_storage_does(storage: Storage, memory: MemoryStorage) -> None:
    """HIS-09: sealed hours, an hour with late samples, and the open hour."""
    key = SeriesKey("d2b7b3ac-8a2b-4f4e-9c3a-0d1b2c3d4e5f", SeriesKind.NUMBER, "m")
    series = storage.add_series({key: "works/level"})[key]
    rows = wave(T0, T0 + 25 * HOUR_MS, 40_000)
    rows[700] = (rows[700][0], None, BAD_NO_COMMUNICATION)
    memory.add(series, rows)
    seal(storage, series, memory._all(series).between(T0, T0 + 24 * HOUR_MS))
    late = [(T0 + 7 * HOUR_MS + 3, 77.0, GOOD)]
    memory.add(series, late)
    memory.sealed_to, memory.late = T0 + 24 * HOUR_MS, {T0 + 7 * HOUR_MS}
    new = [(ms, series, v, None, s, ms) for ms, v, s in [*late, *[r for r in rows if r[0] >= T0 + 24 * HOUR_MS]]]
    storage.write(new, None)

    for length in (HOUR_MS, 24 * HOUR_MS, 25 * HOUR_MS):
        lines = [q.plot([Pen(series)], T0 + 500, T0 + length)[0] for q in (asking(memory), Query(storage))]
        assert lines[1].level == lines[0].level
        np.testing.assert_array_equal(lines[1].times, lines[0].times)
        np.testing.assert_array_equal(lines[1].values, lines[0].values)
        assert lines[1].not_good == lines[0].not_good
    edges = intervals(T0, T0 + 25 * HOUR_MS, Every.of("1h"), UTC)
    tables = [
        q.aggregate(Pen(series), list(Aggregate), T0, T0 + 25 * HOUR_MS, edges)
        for q in (asking(memory), Query(storage))
    ]
    for kind in Aggregate:
        np.testing.assert_allclose(tables[1].columns[kind].values, tables[0].columns[kind].values, rtol=1e-9, atol=1e-9)
        assert tables[1].columns[kind].statuses.tolist() == tables[0].columns[kind].statuses.tolist()
