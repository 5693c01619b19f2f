"""From raw numbers to engineering units: scale, offset, limits. Pure; works on a whole block at once.

A number that is not finite never leaves here, and neither does a negative zero.
"""

from collections.abc import Callable, Sequence
from math import inf, isfinite
from operator import itemgetter
from typing import Any

from bus.messages import Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_SENSOR_FAILURE,
    GOOD,
    LIMIT_HIGH,
    LIMIT_LOW,
    UNCERTAIN_EU_EXCEEDED,
)
from devices.points import DataType, Point


class Scaler:
    """The arithmetic of the points of one read, prepared once.

    An integer without scale and offset stays an integer; everything else becomes a float. Bools have neither.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self._computed = [(i, float(p.scale), float(p.offset) + 0.0) for i, p in enumerate(points) if _becomes_float(p)]
        self._are_all_computed = bool(points) and len(self._computed) == len(points)
        self._scales = [scale for _, scale, _ in self._computed]
        self._offsets = [offset for _, _, offset in self._computed]
        self._picked = _picker([i for i, _, _ in self._computed])
        self._limited = [
            (i, -inf if p.eu_min is None else p.eu_min, inf if p.eu_max is None else p.eu_max)
            for i, p in enumerate(points)
            if (p.eu_min is not None or p.eu_max is not None) and p.data_type is not DataType.BOOL
        ]
        self._count = len(points)

    def apply(self, raw: Sequence[Any]) -> tuple[list[Value], list[int] | None]:
        """Values and statuses in the order of the points. Statuses None: all Good, nearly always."""
        values: list[Any]
        if self._are_all_computed:
            values = [v * s + o for v, s, o in zip(raw, self._scales, self._offsets, strict=True)]
        else:
            values = list(raw)
            for i, scale, offset in self._computed:
                values[i] = values[i] * scale + offset
        statuses = None
        if self._computed and not isfinite(sum(self._picked(values))):
            statuses = self._without_infinities(raw, values)
        return values, self._checked_limits(values, statuses)

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
            statuses[i] = UNCERTAIN_EU_EXCEEDED | (LIMIT_LOW if value < low else LIMIT_HIGH)
        return statuses


def _becomes_float(point: Point) -> bool:
    if point.data_type is DataType.BOOL:
        return False
    return point.data_type is DataType.FLOAT32 or point.scale != 1 or point.offset != 0


def _picker(indices: list[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple(values[i] for i in indices)
