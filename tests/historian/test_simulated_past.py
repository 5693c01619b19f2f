"""A simulated past in the storage: whole, once, and never in the way of what was recorded (both engines)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from historian.samples import Samples
from historian.sealing import Housekeeper, sealed_of
from historian.series import SeriesKey, SeriesKind
from historian.storage.base import HOUR_MS, Sealed, Storage
from tests.historian.storages import another, history_url, postgres_url, storage

__all__ = ["another", "history_url", "postgres_url", "storage"]

HOUR = 500_000 * HOUR_MS
NEXT = HOUR + HOUR_MS
KEY = SeriesKey("5e3c1f5e-0000-4000-8000-000000000001", SeriesKind.NUMBER, "m")


def samples(*pairs: tuple[int, float]) -> Samples:
    times = np.array([ms for ms, _ in pairs], np.int64)
    return Samples(times, np.array([v for _, v in pairs], np.float64), np.zeros(len(pairs), np.uint32), times)


def simulated(series: int, hour_ms: int, *values: float) -> Sealed:
    pairs = [(hour_ms + place * 60_000, value) for place, value in enumerate(values)]
    return sealed_of(series, hour_ms, samples(*pairs), 0)


def series_of(storage: Storage) -> int:
    return storage.add_series({KEY: "plant/level"})[KEY]


def numbers(storage: Storage, series: int) -> list[float]:
    found: list[float] = storage.read([series], 0, 2**62)[series].numbers.tolist()
    return found


def housekeeping(storage: Storage, now_ms: int) -> None:
    keeper = Housekeeper(storage, lambda: now_ms, dict)
    while keeper.work(1.0):
        pass


def test_it_is_written_once(storage: Storage) -> None:
    series = series_of(storage)
    assert storage.simulated_before() is None
    assert storage.put_before([[simulated(series, HOUR, 1, 2)], [simulated(series, NEXT, 3)]], NEXT + 60_000)
    assert not storage.put_before([[simulated(series, HOUR - HOUR_MS, 9)]], NEXT)
    assert storage.simulated_before() == NEXT + 60_000
    assert numbers(storage, series) == [1, 2, 3]
    assert storage.hours([series], HOUR, NEXT + 1)[series].rows["count"].tolist() == [2, 1]
    assert storage.usage().samples == 3


def test_it_is_not_there_where_it_was_not_finished(storage: Storage) -> None:
    series = series_of(storage)

    def portions() -> Iterator[Sequence[Sealed]]:
        yield [simulated(series, HOUR, 1, 2)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.put_before(portions(), NEXT)
    assert storage.simulated_before() is None
    assert storage.read([series], 0, 2**62) == {}
    assert storage.usage().samples == 0


def test_what_was_recorded_in_its_last_hour_joins_it_and_wins(storage: Storage) -> None:
    series = series_of(storage)
    storage.put_before([[simulated(series, HOUR, 1, 2, 3)]], HOUR + 150_000)
    storage.write([(HOUR + 120_000, series, 30.0, None, 0, HOUR), (HOUR + 180_000, series, 40.0, None, 0, HOUR)], None)
    assert numbers(storage, series) == [1, 2, 30, 40]
    housekeeping(storage, HOUR + 2 * HOUR_MS)
    assert numbers(storage, series) == [1, 2, 30, 40]
    assert storage.hours([series], HOUR, NEXT)[series].rows["count"].tolist() == [4]
    assert storage.usage().samples == 4


def test_an_hour_that_was_recorded_and_sealed_stays_as_it_is(storage: Storage) -> None:
    series = series_of(storage)
    storage.write([(HOUR + 5, series, 7.0, None, 0, HOUR)], None)
    housekeeping(storage, HOUR + 2 * HOUR_MS)
    storage.put_before([[simulated(series, HOUR - HOUR_MS, 1), simulated(series, HOUR, 2, 3)]], NEXT)
    assert numbers(storage, series) == [1, 7]
    assert storage.hours([series], HOUR, NEXT)[series].rows["count"].tolist() == [1]
