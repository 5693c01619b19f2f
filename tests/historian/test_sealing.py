"""What was recorded becomes chunks, and past hours become sealed ones with their summaries (HIS-08, HIS-10)."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from historian import sealing
from historian.samples import Row
from historian.sealing import MOST_HOT, Housekeeper
from historian.storage.base import HOUR_MS, Retention, Storage, StorageAway
from historian.summary import summarise
from tests.historian.rows import T0, a_series, everything, row
from tests.historian.storages import history_url, postgres_url, storage

__all__ = ["history_url", "postgres_url", "storage"]

DAY_MS: Final = 24 * HOUR_MS
FOREVER: Final = Retention(10**15, 10**15, 10**15)


class Clock:
    """Where the housekeeper believes it is."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def keeper(storage: Storage, now_ms: int, retention: Mapping[int, Retention] | None = None) -> Housekeeper:
    return Housekeeper(storage, Clock(now_ms), lambda: retention or {})


def keep(storage: Storage, now_ms: int, retention: Mapping[int, Retention] | None = None) -> None:
    """Until nothing is left to do."""
    one = keeper(storage, now_ms, retention)
    while one.work(60):
        pass


def second_by_second(series: int, count: int, begin: int = T0) -> list[Row]:
    return [row(series, begin + 1000 * n, n % 700 / 10) for n in range(count)]


def test_rows_of_an_hour_that_is_over_are_sealed_whole(storage: Storage) -> None:
    (one, two) = a_series(storage, "one", "two")
    rows = second_by_second(one, 3700)
    storage.write([*rows, row(two, T0 + 5, None, "Running"), row(two, T0 + HOUR_MS, None, "Stopped")], None)
    before = everything(storage, [one, two])

    keep(storage, T0 + 2 * HOUR_MS + 12 * 60_000)

    assert everything(storage, [one, two]) == before
    assert storage.usage().hot_rows == 0
    assert storage.unsealed([one, two], T0, T0 + DAY_MS) == {}
    assert [len(storage.chunks(series, hour)) for series in (one, two) for hour in (T0, T0 + HOUR_MS)] == [1, 1, 1, 1]
    samples = storage.read([one], T0, T0 + HOUR_MS)[one]
    assert storage.hours([one], T0, T0 + 1)[one].rows.tobytes() == summarise(samples, HOUR_MS).rows.tobytes()
    assert storage.minutes([one], T0, T0 + HOUR_MS)[one].rows.tobytes() == summarise(samples, 60_000).rows.tobytes()


def test_minutes_are_made_only_where_they_are_fewer_bytes_than_samples(storage: Storage) -> None:
    one, two = a_series(storage, "one", "two")
    storage.write([*second_by_second(one, 1000), *second_by_second(two, 1001)], None)

    keep(storage, T0 + 2 * HOUR_MS)

    assert storage.minutes([one, two], T0, T0 + HOUR_MS).keys() == {two}


@pytest.mark.parametrize(
    ("now_ms", "are_chunks", "is_sealed"),
    [
        (T0 + HOUR_MS + 29_999, False, False),
        (T0 + HOUR_MS + 30_000, True, False),
        (T0 + HOUR_MS + 11 * 60_000 - 1, True, False),
        (T0 + HOUR_MS + 11 * 60_000, True, True),
    ],
)
def test_an_hour_is_packed_half_a_minute_after_its_end_and_sealed_after_eleven(
    storage: Storage, now_ms: int, are_chunks: bool, is_sealed: bool
) -> None:
    (one,) = a_series(storage, "one")
    running = keeper(storage, T0 + HOUR_MS - 1)
    running.work(1)
    storage.write([row(one, T0 + 7)], None)

    running._now_ms = Clock(now_ms)
    while running.work(60):
        pass

    assert (storage.usage().hot_rows == 0) is are_chunks
    assert (storage.hours([one], T0, T0 + 1) != {}) is is_sealed


def test_hot_tables_change_turns_when_one_is_full(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = a_series(storage, "one")
    running = keeper(storage, T0 + HOUR_MS // 2)
    running.work(1)
    monkeypatch.setattr("historian.sealing.MOST_HOT", 100)
    monkeypatch.setattr("historian.sealing._LOOK_S", 0)

    storage.write(second_by_second(one, 100), None)
    running.work(60)
    assert storage.usage().hot_rows == 100

    storage.write(second_by_second(one, 1, T0 + 200_000), None)
    running.work(60)
    assert (storage.usage().hot_rows, len(storage.chunks(one, T0))) == (0, 1)
    assert MOST_HOT == 300_000


def test_what_comes_late_is_merged_into_its_hour_and_the_later_word_is_the_truth(storage: Storage) -> None:
    """HIS-08: the summary is that of all samples again."""
    (one,) = a_series(storage, "one")
    storage.write(second_by_second(one, 1500), None)
    keep(storage, T0 + 2 * HOUR_MS)

    storage.write([row(one, T0 + 1000, 999.0), row(one, T0 + 1500, -5.0)], None)
    assert storage.hours([one], T0, T0 + 1) == {}
    keep(storage, T0 + 3 * HOUR_MS)

    samples = storage.read([one], T0, T0 + HOUR_MS)[one]
    assert samples.numbers[:4].tolist() == [0.0, 999.0, -5.0, 0.2]
    assert storage.hours([one], T0, T0 + 1)[one].rows.tobytes() == summarise(samples, HOUR_MS).rows.tobytes()
    assert len(storage.chunks(one, T0)) == 1


def test_samples_go_before_minutes_and_minutes_before_hours(storage: Storage) -> None:
    """In steps of two months, because PostgreSQL drops whole ones."""
    (one,) = a_series(storage, "one")
    storage.write(second_by_second(one, 1500), None)
    step_ms = 62 * DAY_MS
    kept = {one: Retention(step_ms // 2, step_ms + step_ms // 2, 2 * step_ms + step_ms // 2)}
    seen = []
    for steps in (0, 1, 2, 3):
        keep(storage, T0 + 2 * HOUR_MS + steps * step_ms, kept)
        span = ([one], T0, T0 + HOUR_MS)
        seen.append([bool(found) for found in (storage.read(*span), storage.minutes(*span), storage.hours(*span))])

    assert seen == [[True, True, True], [False, True, True], [False, False, True], [False, False, False]]


def test_of_series_without_retention_nothing_goes(storage: Storage) -> None:
    one, two = a_series(storage, "one", "two")
    storage.write([row(one, T0), row(two, T0)], None)

    keep(storage, T0 + 4000 * DAY_MS, {one: Retention(1, 1, 1)})

    assert everything(storage, [one, two]).keys() == {two}


def spoil(storage: Any, series: int, no: int) -> None:
    """As a disk does it."""
    with storage.writing():
        storage.rows("UPDATE chunk SET encoded = ? WHERE series = ? AND no = ?", b"\1rubbish", series, no)


def test_a_chunk_that_cannot_be_read_is_put_aside_and_blocks_nobody(storage: Storage) -> None:
    one, two = a_series(storage, "one", "two")
    for ms in (1000, 2000, 3000):
        storage.write([row(one, T0 + ms), row(two, T0 + ms)], None)
        keep(storage, T0 + HOUR_MS + 60_000)
    spoil(storage, one, 2)

    keep(storage, T0 + 2 * HOUR_MS)

    assert {n: len(rows) for n, rows in everything(storage, [one, two]).items()} == {one: 2, two: 3}
    (aside,) = storage.aside()
    assert (aside.series, aside.hour_ms, aside.no, aside.encoded) == (one, T0, 2, b"\1rubbish")
    assert "checksum" in aside.reason
    assert storage.hours([one], T0, T0 + 1)[one].rows["count"].tolist() == [2]
    assert storage.unmerged_hours(2**60, 10) == []


def test_where_the_sealed_chunk_is_damaged_its_summary_is_kept_and_what_came_late_is_not_lost(storage: Storage) -> None:
    (one,) = a_series(storage, "one")
    storage.write(second_by_second(one, 50), None)
    keep(storage, T0 + 2 * HOUR_MS)
    spoil(storage, one, storage.chunks(one, T0)[0].no)
    storage.write([row(one, T0 + 500)], None)

    keep(storage, T0 + 3 * HOUR_MS)

    assert storage.hours([one], T0, T0 + 1)[one].rows["count"].tolist() == [50]
    assert len(storage.aside()) == 2
    assert storage.unmerged_hours(2**60, 10) == []


class Killed(BaseException):
    """The process is gone between two calls of the storage, or within one before it is written."""


class Mortal:
    """A storage whose process dies at the call whose turn it is, before or after it was written."""

    def __init__(self, storage: Storage, lives: int, *, after: bool) -> None:
        self._storage, self._lives, self._after = storage, lives, after

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._storage, name)

        def call(*args: Any, **named: Any) -> Any:
            self._lives -= 1
            if self._lives == 0 and not self._after:
                raise Killed
            found = method(*args, **named)
            if self._lives == 0:
                raise Killed
            return found

        return call


def test_killed_at_any_call_nothing_is_lost_or_doubled(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty kills, with rows written and written again in between, as a recorder does it after a kill of its own."""
    monkeypatch.setattr("historian.sealing._CHUNKS_AT_ONCE", 3)
    chance = random.Random(5)
    series = a_series(storage, *"abcd")
    truth: dict[tuple[int, int], Row] = {}
    now_ms, kills = T0, 0
    for go in range(60):
        now_ms += chance.randrange(20 * 60_000)
        rows = [row(chance.choice(series), now_ms - chance.randrange(3 * HOUR_MS), float(go)) for _ in range(30)]
        truth.update({(each[1], each[0]): each for each in rows})
        storage.write(rows, None)
        storage.write(rows[-5:], None)
        mortal: Any = Mortal(storage, chance.randrange(1, 12), after=chance.random() < 0.5)
        try:
            keeper(mortal, now_ms).work(0.05)
        except Killed:
            kills += 1
    keep(storage, now_ms + DAY_MS)

    found = everything(storage, series)
    assert {(each[1], each[0]): each for rows in found.values() for each in rows} == truth
    assert sum(map(len, found.values())) == storage.usage().samples == len(truth)
    assert storage.unsealed(series, 0, 2**60) == {}
    assert kills > 30
    for one, samples in storage.read(series, 0, 2**60).items():
        hours = summarise(samples, HOUR_MS).rows
        np.testing.assert_array_equal(storage.hours([one], 0, 2**60)[one].rows, hours)


class Away:
    """A storage whose database is away for some calls."""

    def __init__(self, storage: Storage, away: Iterator[bool]) -> None:
        self._storage, self._away = storage, away

    def __getattr__(self, name: str) -> Any:
        if next(self._away):
            raise StorageAway("not now")
        return getattr(self._storage, name)


def test_a_database_that_is_away_now_and_then_delays_only(storage: Storage) -> None:
    chance = random.Random(3)
    (one,) = a_series(storage, "one")
    storage.write(second_by_second(one, 5000), None)
    before = everything(storage, [one])
    clock = Clock(T0 + 3 * HOUR_MS)
    away: Any = Away(storage, iter(lambda: chance.random() < 0.4, None))
    one_keeper = Housekeeper(away, clock, dict)

    has_more, goes = True, 0
    while has_more and goes < 500:
        goes += 1
        try:
            has_more = one_keeper.work(0.01)
        except StorageAway:
            has_more = True

    assert everything(storage, [one]) == before
    assert storage.unsealed([one], 0, 2**60) == {}


def test_a_turn_whose_answer_is_lost_is_a_turn(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database took it and the connection broke: the rows that rest now are packed, not turned upon."""
    (one,) = a_series(storage, "one")
    running, turn = keeper(storage, T0 + HOUR_MS // 2), storage.turn
    running.work(1)

    def lost() -> None:
        turn()
        raise StorageAway("the connection broke")

    storage.write([row(one, T0)], None)
    monkeypatch.setattr(storage, "turn", lost)
    running._now_ms = Clock(T0 + 2 * HOUR_MS)
    with pytest.raises(StorageAway):
        running.work(1)
    monkeypatch.setattr(storage, "turn", turn)
    running.work(60)

    assert storage.unsealed([one], 0, 2**60) == {}


def test_an_hour_that_cannot_be_sealed_holds_up_no_other(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = a_series(storage, "one", "two")
    storage.write([row(one, T0), row(two, T0)], None)
    before = everything(storage, [one, two])

    real = sealing.sealed_of

    def sealed_of(series: int, *rest: Any) -> Any:
        if series == one:
            raise ArithmeticError("as nobody expected")
        return real(series, *rest)

    monkeypatch.setattr("historian.sealing.sealed_of", sealed_of)
    keep(storage, T0 + 2 * HOUR_MS)

    assert storage.unsealed([one, two], 0, 2**60).keys() == {one}
    assert everything(storage, [one, two]) == before
    monkeypatch.undo()
    keep(storage, T0 + 2 * HOUR_MS)
    assert storage.unsealed([one, two], 0, 2**60) == {}


def test_a_go_takes_about_the_time_it_was_given(storage: Storage) -> None:
    """Counted, not timed: of work that takes long, one go does a part and says that there is more."""
    series = a_series(storage, *map(str, range(200)))
    storage.write([row(one, T0 + ms, float(ms)) for one in series for ms in range(0, 100, 10)], None)
    one_keeper = keeper(storage, T0 + 2 * HOUR_MS)

    goes = 1
    while one_keeper.work(0.0):
        goes += 1

    assert goes > 100
    assert storage.unsealed(series, 0, 2**60) == {}


def test_a_row_that_is_wrong_about_its_chunk_is_made_right_by_sealing(storage: Any) -> None:
    (one,) = a_series(storage, "one")
    storage.write(second_by_second(one, 5), None)
    keep(storage, T0 + HOUR_MS + 60_000)
    (chunk,) = storage.chunks(one, T0)
    with storage.writing():
        storage.rows("UPDATE chunk SET count = 4 WHERE series = ?", one)

    keep(storage, T0 + 2 * HOUR_MS)

    (sealed,) = storage.chunks(one, T0)
    assert replace(sealed, encoded=b"", no=0) == replace(chunk, encoded=b"", no=0)
    assert storage.aside() == []
