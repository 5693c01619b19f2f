"""Values that people have put in the place of what is read: they lie over a group's columns on the way to the bus."""

from collections.abc import Sequence

from bus.messages import Value
from bus.quality import GOOD_LOCAL_OVERRIDE


class Overlay:
    """Tag id -> substituted value, in engineering units. Empty it is false, and costs nothing."""

    def __init__(self) -> None:
        self.values: dict[int, Value] = {}

    def __bool__(self) -> bool:
        return bool(self.values)

    def apply(self, ids: Sequence[int], values: list[Value], statuses: list[int]) -> tuple[list[Value], list[int]]:
        """The columns as they are published. The given ones stay what they are: they say what was read."""
        over = [(i, tag) for i, tag in enumerate(ids) if tag in self.values]
        if not over:
            return values, statuses
        values, statuses = values[:], statuses[:]
        for i, tag in over:
            values[i], statuses[i] = self.values[tag], GOOD_LOCAL_OVERRIDE
        return values, statuses
