"""A Storage that does everything in the plainest way: samples in a list, summaries reckoned one by one."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

from historian.samples import Row, Samples, of_rows
from historian.storage.base import HOUR_MS
from historian.summary import FIELDS, Summaries

MINUTE_MS = 60_000


def summary_of(samples: Samples, step_ms: int) -> Summaries:
    """One row a span that holds a sample, by loops."""
    spans: dict[int, list[int]] = defaultdict(list)
    for place, ms in enumerate(samples.times.tolist()):
        spans[ms - ms % step_ms].append(place)
    return Summaries(np.array([_row(samples, start, places) for start, places in sorted(spans.items())], FIELDS))


def _row(samples: Samples, start: int, places: list[int]) -> tuple[float, ...]:
    times, numbers, statuses = samples.times.tolist(), samples.numbers.tolist(), samples.statuses.tolist()
    ok = [n for n in places if statuses[n] >> 30 == 0 and numbers[n] == numbers[n]]
    good = [numbers[n] for n in ok]
    mean = sum(good) / len(good) if good else float("nan")
    stepped = sloped = 0.0
    good_ms = changes = 0
    for a, b in pairwise(places):
        if a in ok:
            length = times[b] - times[a]
            good_ms += length
            stepped += numbers[a] * length
            sloped += (numbers[a] + numbers[b]) / 2 * length if b in ok else numbers[a] * length
            changes += b in ok and numbers[a] != numbers[b]
    low = min(ok, key=lambda n: numbers[n], default=None)
    high = max(ok, key=lambda n: numbers[n], default=None)
    nan, first, last = float("nan"), places[0], places[-1]
    return (
        start, len(places), len(good), times[first], numbers[first], statuses[first], times[last], numbers[last],
        statuses[last], nan if low is None else numbers[low], 0 if low is None else times[low],
        nan if high is None else numbers[high], 0 if high is None else times[high], mean,
        sum((x - mean) ** 2 for x in good), stepped, sloped, good_ms, changes,
    )  # fmt: skip


class MemoryStorage:
    """`sealed_to`: hours that end by then are sealed, but for those in `late`; `kept_from`: older samples have expired,
    `minutes_from`: older minutes too. `asked`: what was read, by name of the method."""

    def __init__(self) -> None:
        self.rows: dict[int, list[Row]] = defaultdict(list)
        self.sealed_to = 0
        self.kept_from = self.minutes_from = -(2**60)
        self.late: set[int] = set()
        self.fewest_for_minutes = 1
        self.asked: list[tuple[str, int, int]] = []

    def add(
        self, series: int, rows: Sequence[tuple[int, float | None, int]], exact: dict[int, str] | None = None
    ) -> None:
        for ms, number, status in rows:
            self.rows[series].append((ms, series, number, (exact or {}).get(ms), status, ms))

    def _all(self, series: int) -> Samples:
        return of_rows(self.rows[series]) if series in self.rows else of_rows([])

    def _live(self, series: int) -> Samples:
        return self._all(series).between(self.kept_from, 2**60)

    def read(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Samples]:
        self.asked.append(("read", from_ms, to_ms))
        return {one: found for one in series if len(found := self._live(one).between(from_ms, to_ms))}

    def before(self, series: Collection[int], ms: int) -> dict[int, Samples]:
        found = {one: self._live(one).between(-(2**60), ms) for one in series}
        return {one: samples.part(slice(-1, None)) for one, samples in found.items() if len(samples)}

    def after(self, series: Collection[int], ms: int) -> dict[int, Samples]:
        found = {one: self._live(one).between(ms, 2**60) for one in series}
        return {one: samples.part(slice(0, 1)) for one, samples in found.items() if len(samples)}

    def _summaries(self, series: Collection[int], from_ms: int, to_ms: int, step_ms: int) -> dict[int, Summaries]:
        found = {}
        for one in series:
            rows = summary_of(self._all(one).between(from_ms, to_ms), step_ms).rows
            hours = rows["start_ms"] // HOUR_MS * HOUR_MS
            kept = (hours + HOUR_MS <= self.sealed_to) & ~np.isin(hours, sorted(self.late))
            if kept.any():
                found[one] = Summaries(rows[kept])
        return found

    def hours(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Summaries]:
        self.asked.append(("hours", from_ms, to_ms))
        begin = from_ms + -from_ms % HOUR_MS
        return self._summaries(series, begin, to_ms + -to_ms % HOUR_MS, HOUR_MS)

    def minutes(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Summaries]:
        self.asked.append(("minutes", from_ms, to_ms))
        begin = max(from_ms, self.minutes_from)
        found = self._summaries(series, begin + -begin % HOUR_MS, to_ms + -to_ms % HOUR_MS, MINUTE_MS)
        kept = {}
        for one, summaries in found.items():
            hours = summaries.rows["start_ms"] // HOUR_MS
            counts = {h: int(summaries.rows["count"][hours == h].sum()) for h in set(hours.tolist())}
            many = np.array([counts[h] >= self.fewest_for_minutes for h in hours.tolist()])
            if many.any():
                kept[one] = Summaries(summaries.rows[many])
        return kept

    def unsealed(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, set[int]]:
        found = {}
        for one in series:
            hours = {ms - ms % HOUR_MS for ms in self._live(one).times.tolist()}
            found[one] = {
                h
                for h in hours
                if from_ms < h + HOUR_MS and h < to_ms and (h in self.late or h + HOUR_MS > self.sealed_to)
            }
        return {one: hours for one, hours in found.items() if hours}
