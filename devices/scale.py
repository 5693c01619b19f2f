"""From raw numbers to engineering units: scale, offset, raw range, limits. Pure; works on a whole block at once.

A number that is not finite never leaves here, and neither does a negative zero.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite
from operator import itemgetter
from typing import Any, Final

from bus.messages import Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_OUT_OF_SERVICE,
    BAD_SENSOR_FAILURE,
    GOOD,
    GOOD_CLAMPED,
    LIMIT_HIGH,
    LIMIT_LOW,
    UNCERTAIN_EU_EXCEEDED,
    Severity,
    severity,
)
from devices.points import Point

LARGEST_FACTOR: Final = 10
"""SunSpec: scale factors are -10 to 10."""
_NO_FACTOR: Final = -0x8000
"""SunSpec: a scale factor that is not implemented."""


class Scaler:
    """The arithmetic of the points of one read, prepared once.

    An integer without scale, offset, raw range and scale factor stays an integer; every other number becomes a float.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self._computed = [(i, *line_of(p)) for i, p in enumerate(points) if becomes_float(p)]
        self._are_all_computed = bool(points) and len(self._computed) == len(points)
        self._scales = [scale for _, scale, _ in self._computed]
        self._offsets = [offset for _, _, offset in self._computed]
        self._picked = _picker([i for i, _, _ in self._computed])
        self._ranged = [(i, *_raw_range(p)) for i, p in enumerate(points) if has_raw_range(p)]
        self._limited = [
            (i, -inf if p.eu_min is None else float(p.eu_min), inf if p.eu_max is None else float(p.eu_max))
            for i, p in enumerate(points)
            if (p.eu_min is not None or p.eu_max is not None) and p.data_type.is_number
        ]
        self._held = frozenset(i for i, p in enumerate(points) if p.clamp)
        self._count = len(points)

    def apply(
        self, raw: Sequence[Any], marked: Mapping[int, int] | None = None
    ) -> tuple[list[Value], list[int] | None]:
        """Values and statuses in the order of the points. Statuses None: all Good, nearly always.

        `marked`: position -> status of what has no value (Bad; a number stands there in `raw`) or is doubtful.
        """
        values: list[Any]
        if self._are_all_computed:
            values = [v * s + o for v, s, o in zip(raw, self._scales, self._offsets, strict=True)]
        else:
            values = list(raw)
            for i, scale, offset in self._computed:
                values[i] = values[i] * scale + offset
        if self._ranged:
            self._keep_ends(raw, values)
        statuses = None
        if self._computed and not isfinite(sum(self._picked(values))):
            statuses = self._without_infinities(raw, values)
        if marked:
            statuses = [GOOD] * self._count if statuses is None else statuses
            for i, status in marked.items():
                statuses[i] = status
                if severity(status) is Severity.BAD:
                    values[i] = None
        return values, self._checked_limits(values, statuses)

    def _keep_ends(self, raw: Sequence[Any], values: list[Any]) -> None:
        """Within the raw range a value is within its range, whatever the last binary digit of the line says."""
        for i, raw_low, raw_high, low, high in self._ranged:
            if raw_low <= raw[i] <= raw_high and isfinite(values[i]):
                values[i] = min(max(values[i], low), high)

    def _without_infinities(self, raw: Sequence[Any], values: list[Any]) -> list[int]:
        """Also reached when only the sum of large values is infinite; then nothing is wrong."""
        statuses = [GOOD] * self._count
        for i, _, _ in self._computed:
            if not isfinite(values[i]):
                values[i] = None
                statuses[i] = BAD_CONFIGURATION_ERROR if isfinite(raw[i]) else BAD_SENSOR_FAILURE
        return statuses

    def _checked_limits(self, values: list[Any], statuses: list[int] | None) -> list[int] | None:
        for i, low, high in self._limited:
            value = values[i]
            if value is None or low <= value <= high:
                continue
            if statuses is None:
                statuses = [GOOD] * self._count
            end, limit = (low, LIMIT_LOW) if value < low else (high, LIMIT_HIGH)
            if i in self._held:
                values[i] = int(end) if isinstance(value, int) and end.is_integer() else end + 0.0
            statuses[i] = (GOOD_CLAMPED if i in self._held else UNCERTAIN_EU_EXCEEDED) | limit
        return statuses


def line_of(point: Point) -> tuple[float, float]:
    """Scale and offset: value = raw x scale + offset. A raw range and its range are two points of a line."""
    if not has_raw_range(point):
        return float(point.scale), float(point.offset) + 0.0
    raw_low, raw_high, low, high = (float(v or 0.0) for v in (point.raw_min, point.raw_max, point.eu_min, point.eu_max))
    scale = (high - low) / (raw_high - raw_low) if raw_high != raw_low else inf
    return scale, low - raw_low * scale + 0.0


def has_raw_range(point: Point) -> bool:
    ends = (point.raw_min, point.raw_max, point.eu_min, point.eu_max)
    return all(end is not None for end in ends) and point.data_type.is_number


def _raw_range(point: Point) -> tuple[float, float, float, float]:
    """Lowest and highest raw number, and the range. Of an instrument that works the other way round, also in order."""
    ends = [float(v or 0.0) + 0.0 for v in (point.raw_min, point.raw_max, point.eu_min, point.eu_max)]
    return min(ends[:2]), max(ends[:2]), ends[2], ends[3]


def becomes_float(point: Point) -> bool:
    if not point.data_type.is_number:
        return False
    is_scaled = point.scale != 1 or point.offset != 0 or point.scale_address is not None or has_raw_range(point)
    return is_scaled or (point.data_type.is_float and point.bit_count is None)


def factor_problem(exponent: int) -> int | None:
    """The status of every value with this scale factor, where it is none."""
    if exponent == _NO_FACTOR:
        return BAD_OUT_OF_SERVICE
    return None if -LARGEST_FACTOR <= exponent <= LARGEST_FACTOR else BAD_CONFIGURATION_ERROR


def shifted(raw: Any, exponent: int) -> Any:
    """raw x 10^exponent. Divided where it is negative: 3 x 0.1 is not 0.3, 3 / 10 is."""
    return raw * 10**exponent if exponent >= 0 else raw / 10**-exponent


def _picker(indices: list[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple(values[i] for i in indices)
