"""A pen: one series to draw or to aggregate, and the newest value that completes its right edge. Pure."""

from dataclasses import dataclass
from typing import Final

from bus.messages import Value
from bus.quality import UNCERTAIN_LAST_USABLE, UNCERTAIN_NO_COMMUNICATION
from devices.freshness import effective_status
from historian.aggregate import BAD_NO_DATA
from historian.samples import Row, Samples, joined, of_rows, stored
from historian.series import SeriesKind

_OLD_VALUE: Final = {UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE}
"""The value is old, its time long past, and a Good sample stands there: they belong to when they were said."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest value of the bus, by which a line reaches to now. `status` as it is on the bus; `source_ms`: when it
    was taken; `read_at_ms`: when it was last proved; `stale_after_ms`: devices.freshness.limit_ms of its tag."""

    value: Value
    status: int
    source_ms: int
    read_at_ms: int
    now_ms: int
    stale_after_ms: int

    def rows(self, after_ms: int | None) -> list[Row]:
        """Samples later than `after_ms`. Fresh it holds up to now; else to its last proof, and is old from then."""
        begin = self.read_at_ms if self.status in _OLD_VALUE else min(self.source_ms, self.read_at_ms)
        if after_ms is not None and begin <= after_ms:
            begin = self.read_at_ms  # proved then once more
        number, exact = stored(self.value)
        times = [(begin, self.status)] if after_ms is None or begin > after_ms else []
        status = effective_status(self.status, self.now_ms - self.read_at_ms, self.stale_after_ms)
        if status != self.status:
            times.append((self.read_at_ms + 1, status))
        return [(ms, 0, number, exact, status, self.read_at_ms) for ms, status in times]


@dataclass(frozen=True, slots=True)
class Pen:
    """`series` None: nothing was recorded of this tag yet. `longest_silence_ms`: a value that stands is stored at least
    so often (comp_max_ms + exc_max_ms of its rule); between a last sample older than this and the newest value
    nothing is known, and no line is drawn. 0: it is stored only when it changes, however long that takes.
    """

    series: int | None
    is_stepped: bool = False
    newest: Newest | None = None
    kind: SeriesKind = SeriesKind.NUMBER
    longest_silence_ms: int = 9 * 3_600_000

    def completed(self, samples: Samples, last_ms: int | None) -> tuple[Samples, int | None]:
        """With the newest value where it is newer than what is stored; and up to when the last one is known to hold.

        `last_ms`: time of the last stored sample that is not in `samples`, if any.
        """
        if len(samples):
            last_ms = max(int(samples.times[-1]), -(2**62) if last_ms is None else last_ms)
        newest = self.newest
        if newest is None or (newest.value is None and not newest.status):
            return samples, last_ms
        if last_ms is not None and newest.read_at_ms < last_ms:
            return samples, last_ms
        rows = newest.rows(last_ms)
        if last_ms is not None and rows and 0 < self.longest_silence_ms < rows[0][0] - last_ms:
            rows.insert(0, (last_ms + 1, 0, None, None, BAD_NO_DATA, last_ms + 1))
        whole = joined([samples, of_rows(rows)])
        return whole, max(newest.now_ms, int(whole.times[-1])) if len(whole) else newest.now_ms
