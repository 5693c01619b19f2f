"""OPC UA aggregates the slow way: time is cut into the pieces between samples and edges, numbers are fractions."""

from fractions import Fraction
from itertools import pairwise
from statistics import stdev

Sample = tuple[int, float | None, int]
"""(time, number, severity)."""


def usable(sample: Sample) -> bool:
    return sample[2] == 0 and sample[1] is not None


def value_at(samples: list[Sample], ms: int, *, is_stepped: bool) -> Fraction | None:
    """Of the line: None where there is none."""
    place = max((n for n, s in enumerate(samples) if s[0] <= ms), default=None)
    if place is None or not usable(samples[place]):
        return None
    left = Fraction(samples[place][1] or 0)
    if is_stepped or place + 1 == len(samples) or not usable(samples[place + 1]):
        return left
    (a, _, _), (b, right, _) = samples[place], samples[place + 1]
    return left + (Fraction(right or 0) - left) * Fraction(ms - a, b - a)


def good_and_area(
    samples: list[Sample], begin: int, end: int, ends_ms: int, *, is_stepped: bool
) -> tuple[int, Fraction]:  # fmt: skip
    """Good ms and value x ms in [begin, end), to the end of the data."""
    cuts = sorted(
        {begin, end, *(s[0] for s in samples if begin < s[0] < end), *([ends_ms] if begin < ends_ms < end else [])}
    )
    good, area = 0, Fraction(0)
    for a, b in pairwise(cuts):
        from_value = value_at(samples, a, is_stepped=is_stepped)
        if from_value is None or a >= ends_ms:
            continue
        just_before = [s for s in samples if s[0] < b] + [s for s in samples if s[0] >= b][:1]
        rises = not is_stepped and just_before[-1][0] >= b and usable(just_before[-1])
        to_value = value_at(just_before, b, is_stepped=False) if rises else from_value
        assert to_value is not None
        good += b - a
        area += (from_value + to_value) / 2 * (b - a)
    return good, area


def deviation(numbers: list[float]) -> float | None:
    return None if not numbers else 0.0 if len(numbers) == 1 else stdev(numbers)
