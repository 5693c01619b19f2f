"""Samples that hypothesis makes up: of any values, statuses and distances, and of what plants have."""

import numpy as np
from hypothesis import strategies as st

from historian.samples import Samples

HOUR_MS = 3_600_000
AN_HOUR = 1_790_000_000_000 // HOUR_MS * HOUR_MS
STATUSES = (0, 0, 0, 0, 0x00300100, 0x40940000, 0x80310000, 0x808C0000)

any_number = st.floats(allow_nan=True, allow_infinity=False, allow_subnormal=True)
plant_number = st.one_of(
    st.integers(-40, 40).map(lambda k: k / 10),
    st.integers(-30000, 30000).map(lambda k: k * 0.1),
    st.integers(0, 27648).map(lambda k: k * (100 / 27648) - 12.5),
    st.floats(-100, 100, width=32),
    st.just(float("nan")),
)
laws = st.sampled_from(
    [
        lambda k: k / 1.0, lambda k: k / 10, lambda k: k / 1000, lambda k: k * 0.1, lambda k: k * 0.01 - 50.0,
        lambda k: k * (16 / 27648) + 4.0, lambda k: k * 1e-7, lambda k: float(np.float32(k / 100)), lambda k: -k * 0.1,
        lambda k: k * 1e250, lambda k: k * 5e-324, lambda k: k * 2.0**60,
    ]
)  # fmt: skip


@st.composite
def by_a_law(draw: st.DrawFn) -> list[float]:
    """Whole numbers of a device, scaled."""
    law = draw(laws)
    return [law(k) for k in draw(st.lists(st.integers(-(2**15), 2**16), max_size=40))]


@st.composite
def samples(draw: st.DrawFn, numbers: st.SearchStrategy[list[float]] | None = None, texts: bool = False) -> Samples:
    anything = st.one_of(st.lists(any_number, max_size=40), st.lists(plant_number, max_size=40), by_a_law())
    values = draw(anything if numbers is None else numbers)
    count = len(values)
    distance = draw(st.sampled_from([st.just(1000), st.integers(995, 1005), st.integers(1, 90_000)]))
    gaps = draw(st.lists(distance, min_size=count, max_size=count))
    times = AN_HOUR + np.cumsum(np.array(gaps, np.int64))
    statuses = draw(st.lists(st.sampled_from(STATUSES), min_size=count, max_size=count))
    later = draw(st.sampled_from([st.just(3), st.integers(-5_000, 10**12)]))
    after = np.array(draw(st.lists(later, min_size=count, max_size=count)), np.int64)
    exact = {}
    if texts and count:
        words = st.one_of(
            st.text(max_size=8), st.sampled_from(["Running", "Off \ud800", ""]), st.integers(2**53, 2**64).map(str)
        )
        exact = draw(st.dictionaries(st.sampled_from(times.tolist()), words))
    return Samples(times, np.array(values, np.float64), np.array(statuses, np.uint32), times + after, exact)
