"""What a storage promises to recorder, sealer and queries, on SQLite and PostgreSQL alike (HIS-01, HIS-08, HIS-10)."""

from collections.abc import Callable

import numpy as np
import pytest

from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Chunk, Retention, Storage
from tests.historian.rows import (
    MEMORY,
    T0,
    a_series,
    everything,
    merged,
    packed,
    row,
    rows_of,
    sealed,
    turned,
)
from tests.historian.storages import another, history_url, postgres_url, storage

__all__ = ["another", "history_url", "postgres_url", "storage"]

DAY_MS = 24 * HOUR_MS
Another = Callable[..., Storage]


def test_a_series_keeps_its_number_when_its_tag_is_renamed(storage: Storage) -> None:
    key = SeriesKey("u1", SeriesKind.NUMBER, "m")
    first = storage.add_series({key: "plant/old"})
    again = storage.add_series({key: "plant/new", SeriesKey("u1", SeriesKind.NUMBER, "bar"): "plant/new"})

    assert again[key] == first[key]
    assert len(set(again.values())) == 2
    assert storage.series() == again


def test_the_same_rows_said_again_are_there_once_and_the_last_word_counts(storage: Storage) -> None:
    """HIS-01, HIS-08."""
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0, 1.0), row(one, T0 + 5, 2.0)], MEMORY)
    storage.write([row(one, T0, 1.0), row(one, T0 + 5, 3.0), row(one, T0 + 5, 4.0, status=0x80000000)], MEMORY)

    assert everything(storage, [one]) == {one: [row(one, T0, 1.0), row(one, T0 + 5, 4.0, status=0x80000000)]}
    assert storage.memory() == MEMORY


def test_whole_numbers_beyond_2_53_texts_and_nothing_come_back_as_they_were(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    rows = [
        row(one, T0, float(2**63), str(2**63 - 1), 0xC0F0_0000),
        row(one, T0 + 1, None, "Grüße 😀\nzwei"),
        row(one, T0 + 2, None, None, 0x80310000),
        row(one, T0 + 3, -0.0),
        row(one, T0 + 4, 5e-324),
        row(one, T0 + 5, None, ""),
    ]
    storage.write(rows, None)
    assert everything(storage, [one]) == {one: rows}
    assert storage.memory() is None

    turned(storage)
    assert everything(storage, [one]) == {one: rows}


def test_a_text_that_no_database_takes_is_kept_with_what_cannot_be_replaced(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0, None, "a\x00b"), row(one, T0 + 1, None, "c\ud800")], None)

    assert [r[3] for r in everything(storage, [one])[one]] == ["a␀b", "c?"]


def test_reading_joins_chunks_and_hot_rows_and_the_newest_word_wins(storage: Storage) -> None:
    one, two = a_series(storage, "one", "two")
    storage.write([row(one, T0, 1.0), row(one, T0 + 1, 1.0), row(one, T0 + 2, 1.0), row(two, T0, 9.0)], None)
    turned(storage)
    storage.write([row(one, T0 + 1, 2.0), row(one, T0 + 2, 2.0)], None)
    turned(storage)
    storage.write([row(one, T0 + 2, 3.0)], None)

    assert everything(storage, [one])[one] == [row(one, T0, 1.0), row(one, T0 + 1, 2.0), row(one, T0 + 2, 3.0)]
    assert [c.no for c in storage.chunks(one, T0)] == [1, 2]
    assert list(storage.read([one, two], T0 + 1, T0 + 2)) == [one]


def test_what_is_written_while_the_other_table_rests_stays_hot(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0)], None)
    storage.turn()
    storage.write([row(one, T0 + 1)], None)
    assert [list(map(tuple, portion)) for portion in storage.resting_rows()] == [[row(one, T0)]]
    with pytest.raises(ValueError, match="not empty yet"):
        storage.turn()
    storage.chunked(packed([row(one, T0)]))

    assert everything(storage, [one])[one] == [row(one, T0), row(one, T0 + 1)]
    assert storage.usage().hot_rows == 1
    assert storage.usage().samples == 2


def test_chunks_that_cannot_be_written_leave_the_resting_rows_where_they_are(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    rows = [row(one, T0 + n) for n in range(5)]
    storage.write(rows, None)
    storage.turn()
    broken = Chunk(one, T0, 0, 1, T0, T0, None)  # type: ignore[arg-type]  # the database refuses it in mid-transaction
    with pytest.raises(Exception, match=r"(?i)null"):
        storage.chunked([*packed(rows), broken])

    assert everything(storage, [one])[one] == rows
    assert storage.chunks(one, T0) == []
    storage.chunked(packed(rows))
    assert everything(storage, [one])[one] == rows
    assert list(storage.resting_rows()) == []


def test_summaries_leave_out_hours_that_hold_samples_outside_them(storage: Storage) -> None:
    """HIS-08: late data shows before its hour is sealed again."""
    one, two = a_series(storage, "one", "two")
    storage.write([row(s, T0 + n * HOUR_MS) for s in (one, two) for n in range(4)], None)
    turned(storage)
    assert storage.hours([one], T0, T0 + DAY_MS) == {}
    merged(storage)
    assert list(storage.hours([one], T0, T0 + 2 * HOUR_MS)[one].rows["start_ms"]) == [T0, T0 + HOUR_MS]
    assert storage.unsealed([one, two], T0, T0 + DAY_MS) == {}

    storage.write([row(one, T0 + 7)], None)
    turned(storage)
    storage.write([row(one, T0 + 2 * HOUR_MS + 9)], None)

    assert storage.unsealed([one, two], T0 + 60_000, T0 + DAY_MS) == {one: {T0, T0 + 2 * HOUR_MS}}
    for found in (storage.hours([one, two], T0, T0 + DAY_MS), storage.minutes([one, two], T0, T0 + DAY_MS)):
        assert list(found[one].rows["start_ms"]) == [T0 + HOUR_MS, T0 + 3 * HOUR_MS]
        assert len(found[two]) == 4
    assert storage.unmerged_hours(T0 + HOUR_MS, 10) == [(one, T0)]
    assert storage.unmerged_hours(T0 + HOUR_MS - 1, 10) == []

    merged(storage)
    assert len(storage.hours([one], T0, T0 + DAY_MS)[one]) == 3
    assert [c.count for c in storage.chunks(one, T0)] == [2]


def test_summaries_come_back_bit_by_bit(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0 + 3, 0.1), row(one, T0 + 9, -0.0, status=0x40000000)], None)
    turned(storage)
    made = sealed(storage, one, T0)
    storage.seal([made])
    storage.seal([made])

    assert storage.hours([one], T0, T0 + 1)[one].rows.tobytes() == made.hour.rows.tobytes()
    assert made.minutes is not None
    assert storage.minutes([one], T0, T0 + 1)[one].rows.tobytes() == made.minutes.rows.tobytes()
    assert storage.usage().samples == 2


def test_neighbours_are_found_hot_packed_and_months_away(storage: Storage) -> None:
    one, two, none = a_series(storage, "one", "two", "none")
    far = T0 - 100 * DAY_MS
    storage.write([row(one, far, 1.0), row(one, far + 5, 2.0), row(two, T0, 7.0), row(one, T0 + DAY_MS, 3.0)], None)
    turned(storage)
    storage.write([row(one, far + 5, 2.5), row(two, T0 + 5, 8.0)], None)

    assert {s: rows_of(x, s) for s, x in storage.before([one, two, none], T0).items()} == {
        one: [row(one, far + 5, 2.5)]
    }
    assert {s: rows_of(x, s) for s, x in storage.after([one, two, none], far + 6).items()} == {
        one: [row(one, T0 + DAY_MS, 3.0)],
        two: [row(two, T0, 7.0)],
    }
    assert rows_of(storage.before([one], far + 5)[one], one) == [row(one, far, 1.0)]
    assert rows_of(storage.after([one], far + 5)[one], one) == [row(one, far + 5, 2.5)]
    assert storage.before([one], far) == {}
    assert storage.after([one], T0 + DAY_MS + 1) == {}


def test_where_samples_have_expired_a_summary_says_what_the_neighbour_was(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0 + 1, 1.0), row(one, T0 + 9, 2.0, status=0x80000000)], None)
    turned(storage)
    merged(storage)
    later = T0 + 200 * DAY_MS
    assert storage.expire({one: Retention(90 * DAY_MS, 700 * DAY_MS, 900 * DAY_MS)}, later, 100) >= 1
    assert storage.read([one], 0, later) == {}

    before, after = storage.before([one], later)[one], storage.after([one], T0)[one]
    assert (before.times.tolist(), before.numbers.tolist(), before.statuses.tolist()) == ([T0 + 9], [2.0], [0x80000000])
    assert (after.times.tolist(), after.numbers.tolist()) == ([T0 + 1], [1.0])
    assert storage.before([one], T0 + 5)[one].times.tolist() == [T0 + 1]
    assert storage.before([one], T0 + 1) == {}


def test_what_comes_late_for_an_expired_hour_does_not_replace_its_summary(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0 + n) for n in range(50)], None)
    turned(storage)
    merged(storage)
    storage.expire({one: Retention(DAY_MS, 700 * DAY_MS, 900 * DAY_MS)}, T0 + 200 * DAY_MS, 100)
    storage.write([row(one, T0 + 99)], None)
    turned(storage)
    merged(storage)

    assert storage.hours([one], T0, T0 + 1)[one].rows["count"].tolist() == [50]
    assert storage.unmerged_hours(2**61, 10) == []
    assert storage.usage().samples == 0


def test_expiry_goes_in_small_batches_and_never_touches_other_series(storage: Storage) -> None:
    """HIS-10. Whole months on PostgreSQL: everything here is one month and older than the limit by more."""
    one, two = a_series(storage, "one", "two")
    storage.write([row(s, T0 + n * HOUR_MS) for s in (one, two) for n in range(10)], None)
    turned(storage)
    merged(storage)
    short = {one: Retention(DAY_MS, 200 * DAY_MS, 400 * DAY_MS)}

    assert storage.expire(short, T0 + HOUR_MS, 100) == 0
    assert storage.expire(short, T0 + 100 * DAY_MS, 4) == 4
    assert len(everything(storage, [one])[one]) == 6
    assert storage.expire(short, T0 + 100 * DAY_MS, 100) == 6
    assert everything(storage, [one, two]) == {two: [row(two, T0 + n * HOUR_MS) for n in range(10)]}
    assert storage.usage().samples == 10
    assert len(storage.minutes([one], T0, T0 + DAY_MS)[one]) == 10
    assert storage.expire(short, T0 + 300 * DAY_MS, 100) == 10
    assert (len(storage.hours([one], T0, T0 + DAY_MS)[one]), storage.minutes([one], T0, T0 + DAY_MS)) == (10, {})
    assert storage.expire(short, T0 + 500 * DAY_MS, 100) == 10
    assert list(storage.hours([one, two], T0, T0 + DAY_MS)) == [two]


def test_samples_without_minutes_beside_them_are_kept_as_long_as_minutes(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write([row(one, T0)], None)
    turned(storage)
    kept = {one: Retention(DAY_MS, 200 * DAY_MS, 400 * DAY_MS)}
    assert storage.expire(kept, T0 + 300 * DAY_MS, 100) == 0  # not in a summary yet: it is sealed first
    merged(storage, with_minutes=False)

    assert storage.expire(kept, T0 + 100 * DAY_MS, 100) == 0
    assert storage.expire(kept, T0 + 300 * DAY_MS, 100) == 1
    assert everything(storage, [one]) == {}


def test_a_damaged_chunk_is_left_out_and_the_rest_is_read(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    rows = [row(one, T0), row(one, T0 + HOUR_MS)]
    storage.write(rows, None)
    storage.turn()
    good, bad = packed(rows)
    storage.chunked([good, Chunk(one, bad.hour_ms, 0, 1, bad.start_ms, bad.end_ms, bad.encoded[:-3] + b"???")])

    assert everything(storage, [one]) == {one: rows[:1]}
    assert storage.before([one], T0 + DAY_MS)[one].times.tolist() == [T0]


def test_a_reader_sees_one_state_while_rows_become_chunks(storage: Storage, another: Another) -> None:
    (one,) = a_series(storage, "one")
    rows = [row(one, T0 + n) for n in range(100)]
    storage.write(rows, None)
    reader = another()
    storage.turn()
    for portion in reader.resting_rows():  # it reads on while the writer writes
        assert len(portion) == 100
        storage.chunked(packed(rows))
        assert len(everything(reader, [one])[one]) == 100
    storage.write([row(one, T0 + 1000)], None)
    assert len(everything(reader, [one])[one]) == 101


def test_a_storage_of_a_newer_version_is_refused_in_words(storage: Storage, another: Another) -> None:
    storage.prepare()
    with storage.writing():  # type: ignore[attr-defined]  # not for others: a newer Isthmus would do so
        storage.rows("UPDATE state SET value = 99 WHERE name = 'version'")  # type: ignore[attr-defined]  # the same

    with pytest.raises(ValueError, match=r"newer Isthmus.*version 99, this one knows 1"):
        another(read_only=False).prepare()


def test_outsiders_read_the_same_in_the_views(storage: Storage) -> None:
    one, two = a_series(storage, "one", "two")
    storage.write([row(one, T0 + 1_234, 1.5), row(one, T0 + 2_234, 2.5)], None)
    turned(storage)
    merged(storage)
    storage.write([row(two, T0 + 5, None, "text"), row(two, T0 + 7, 0.5, status=0x80000000)], None)
    storage.turn()
    storage.write([row(two, T0 + 7, 0.75)], None)
    with storage.reading():  # type: ignore[attr-defined]  # as an outsider's own client would
        hot = storage.rows(  # type: ignore[attr-defined]  # the same
            "SELECT path, tag, unit, time, number, exact, status FROM history_samples ORDER BY time_ms"
        )
        hours = storage.rows(  # type: ignore[attr-defined]  # the same
            "SELECT path, time, samples, first_value, last_value, minimum, percent_good FROM history_hours"
        )

    assert [tuple(r) for r in hot] == [
        ("plant/two", "uuid-two", "m", "2026-09-21T14:00:00.005Z", None, "text", 0),
        ("plant/two", "uuid-two", "m", "2026-09-21T14:00:00.007Z", 0.75, None, 0),
    ]
    assert [tuple(r) for r in hours] == [("plant/one", "2026-09-21T14:00:00.000Z", 2, 1.5, 2.5, None, 0.0)]


def test_an_empty_storage_answers_with_nothing(storage: Storage) -> None:
    for found in (storage.read([1], 0, 2**61), storage.hours([1], 0, 2**61), storage.minutes([1], 0, 2**61)):
        assert found == {}
    assert storage.before([1], T0) == storage.after([1], T0) == {}
    assert storage.unmerged_hours(2**61, 5) == []
    assert (storage.usage().samples, storage.usage().first_ms) == (0, None)
    assert np.array_equal(storage.expire({}, T0, 10), 0)
