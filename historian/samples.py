"""Samples of one series as columns. Pure. Times are int64 ms UTC, sorted, each once (HIS-01).

A number stands in `numbers` (float64, NaN where there is none). What a float64 cannot say stands beside it in `exact`:
a text, or the decimal digits of a whole number beyond 2^53.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.messages import Value

EXACT_UP_TO: Final = 2**53
Row = tuple[int, int, float | None, str | None, int, int]
"""(source_ms, series, number, exact, status, server_ms): a sample as it is written."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """`server_ms`: when the server learned of each. `exact`: source time -> text or decimal digits."""

    times: NDArray[np.int64]
    numbers: NDArray[np.float64]
    statuses: NDArray[np.uint32]
    server_ms: NDArray[np.int64]
    exact: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    def between(self, from_ms: int, to_ms: int) -> "Samples":
        """Those with from_ms <= time < to_ms."""
        low, high = np.searchsorted(self.times, [from_ms, to_ms])
        return self.part(slice(int(low), int(high)))

    def part(self, which: slice) -> "Samples":
        times = self.times[which]
        exact = self.exact
        if exact and len(times) < len(self.times):
            exact = {ms: text for ms in times.tolist() if (text := exact.get(ms)) is not None}
        return Samples(times, self.numbers[which], self.statuses[which], self.server_ms[which], exact)

    def value(self, place: int, *, is_text: bool) -> Value:
        """As it was: a text, an exact whole number, a number, or None."""
        text = self.exact.get(int(self.times[place]))
        if text is not None:
            return text if is_text else int(text)
        number = float(self.numbers[place])
        return None if np.isnan(number) else number


def stored(value: Value) -> tuple[float | None, str | None]:
    """`number` and `exact` of a value. NaN and infinity are no numbers: the status says why."""
    if value is None:
        return None, None
    if isinstance(value, str):
        return None, value
    if isinstance(value, int) and abs(value) > EXACT_UP_TO:
        return float(value), str(value)
    number = float(value)
    return (number, None) if np.isfinite(number) else (None, None)


def empty() -> Samples:
    return Samples(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint32), np.empty(0, np.int64))


def of_rows(rows: Sequence[Row]) -> Samples:
    """Rows of one series in any order. Of two with the same source time the later one in `rows` is the truth."""
    if not rows:
        return empty()
    last = {row[0]: row for row in rows}
    times = sorted(last)
    ordered = [last[ms] for ms in times]
    return Samples(
        np.array(times, np.int64),
        np.array([np.nan if row[2] is None else row[2] for row in ordered], np.float64),
        np.array([row[4] for row in ordered], np.uint32),
        np.array([row[5] for row in ordered], np.int64),
        {row[0]: row[3] for row in ordered if row[3] is not None},
    )


def joined(parts: Sequence[Samples]) -> Samples:
    """All of them, sorted. Of two with the same source time the one of the later part is the truth (HIS-08)."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else empty()
    times = np.concatenate([p.times for p in parts])
    order = np.argsort(times, kind="stable")
    times = times[order]
    is_last = np.append(times[1:] != times[:-1], True)
    order = order[is_last]
    exact: dict[int, str] = {}
    for part in parts:
        if exact:
            for ms in np.intersect1d(part.times, np.fromiter(exact, np.int64)).tolist():
                del exact[ms]  # a later part says it anew, perhaps as a plain number
        exact.update(part.exact)
    return Samples(
        times[is_last],
        np.concatenate([p.numbers for p in parts])[order],
        np.concatenate([p.statuses for p in parts])[order],
        np.concatenate([p.server_ms for p in parts])[order],
        exact,
    )
