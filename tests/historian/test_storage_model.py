"""Whatever is written, turned, packed, sealed and written late in whatever order: a storage says what a dict would."""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from historian.samples import Row
from historian.storage.base import HOUR_MS, Storage
from tests.historian.rows import T0, a_series, everything, merged, rows_of, turned
from tests.historian.storages import history_url, postgres_url, storage

__all__ = ["history_url", "postgres_url", "storage"]

TIMES = st.integers(0, 40).map(lambda n: T0 + n * (HOUR_MS // 8))
VALUES = st.sampled_from([(0.5, None), (None, None), (None, "text"), (float(2**60), str(2**60 + 1)), (-0.0, None)])
ROWS = st.lists(st.tuples(TIMES, st.integers(0, 2), VALUES, st.sampled_from([0, 0x40000000, 0x80310000])), max_size=12)
STEPS = st.lists(st.one_of(ROWS, st.sampled_from(["turn", "merge", "merge without minutes"])), max_size=12)

NAMES = count()


class Model:
    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Row] = {}

    def of(self, series: int) -> list[Row]:
        return sorted(row for (_, number), row in self.rows.items() if number == series)

    def read(self) -> dict[int, list[Row]]:
        return {number: self.of(number) for number in {number for _, number in self.rows}}


def play(storage: Storage, names: list[str], steps: list[Any]) -> tuple[Model, list[int]]:
    series, model = a_series(storage, *names), Model()
    for step in steps:
        if step == "turn":
            turned(storage)
        elif isinstance(step, str):
            merged(storage, with_minutes=step == "merge")
        else:
            rows: list[Row] = [
                (ms, series[n], number, exact, status, ms + 7) for ms, n, (number, exact), status in step
            ]
            storage.write(rows, None)
            model.rows.update({(row[0], row[1]): row for row in rows})
    return model, series


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, at=TIMES)
def test_a_storage_says_what_was_written_last(storage: Storage, steps: list[Any], at: int) -> None:
    """Each example has series of its own; merging those of earlier ones again changes nothing."""
    model, series = play(storage, [f"{next(NAMES)}" for _ in range(3)], steps)

    assert everything(storage, series) == model.read()
    for number in series:
        rows = model.of(number)
        earlier, later = [r for r in rows if r[0] < at], [r for r in rows if r[0] >= at]
        before, after = storage.before([number], at).get(number), storage.after([number], at).get(number)
        assert ([] if before is None else rows_of(before, number)) == earlier[-1:]
        assert ([] if after is None else rows_of(after, number)) == later[:1]
    _summaries_and_loose_hours_are_all(storage, series, model)


def _summaries_and_loose_hours_are_all(storage: Storage, series: list[int], model: Model) -> None:
    """Each hour with samples is either whole in its summary or said to be unsealed, never both."""
    span = (T0, T0 + 10 * HOUR_MS)
    sealed, unsealed = storage.hours(series, *span), storage.unsealed(series, *span)
    for number in series:
        hours: dict[int, int] = {}
        for row in model.of(number):
            hours[row[0] // HOUR_MS * HOUR_MS] = hours.get(row[0] // HOUR_MS * HOUR_MS, 0) + 1
        rows = sealed[number].rows if number in sealed else ()
        counts = {int(row["start_ms"]): int(row["count"]) for row in rows}
        loose = unsealed.get(number, set())
        assert counts.keys() | loose == hours.keys()
        assert not counts.keys() & loose
        assert all(hours[hour] == count for hour, count in counts.items())
