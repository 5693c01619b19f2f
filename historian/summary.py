"""Summaries of spans of a series, that join to summaries of longer spans exactly. Pure; vectorised.

A summary says what lies between the first and the last sample of its span, both included; what lies between the last
sample of one span and the first of the next is one segment, which joining adds. So nothing in a summary depends on its
neighbours, and late data changes the one it falls into alone.

Only Good counts (Uncertain as Bad, the default of OPC UA Part 13: HIS-05); whoever wants it otherwise reads samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FIELDS: Final = np.dtype(
    [
        ("start_ms", "<i8"),  # of the span; its length is that of the level
        ("count", "<i4"),  # samples, of any status
        ("good", "<i4"),  # of them Good
        ("first_ms", "<i8"),
        ("first", "<f8"),  # NaN: no number
        ("first_status", "<u4"),
        ("last_ms", "<i8"),
        ("last", "<f8"),
        ("last_status", "<u4"),
        ("min", "<f8"),  # of Good samples; NaN: none
        ("min_ms", "<i8"),
        ("max", "<f8"),
        ("max_ms", "<i8"),
        ("mean", "<f8"),  # of Good samples, each counted once
        ("m2", "<f8"),  # sum of squared deviations from that mean
        ("area_stepped", "<f8"),  # value x ms over Good time between first and last sample: the former value holds
        ("area_sloped", "<f8"),  # ... along the straight line, stepped where the right end is not Good (HIS-07)
        ("good_ms", "<i8"),  # time between first and last sample that began with a Good one
        ("changes", "<i4"),  # samples that differ in value from the one before, both Good
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Summaries:
    """`rows`: one a span that holds a sample, by start_ms; dtype FIELDS."""

    rows: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.rows)


def stacked(parts: Sequence[Summaries]) -> Summaries:
    return Summaries(np.concatenate([p.rows for p in parts]) if parts else np.empty(0, FIELDS))
