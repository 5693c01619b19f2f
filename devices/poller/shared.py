"""What the units of a link share, as a unit sees it."""

from typing import Protocol

from devices.drivers.base import DriverError
from devices.poller.line import Line


class Shared(Protocol):
    """What a unit needs of its link."""

    line: Line
    revision: int

    @property
    def name(self) -> str: ...

    @property
    def is_up(self) -> bool: ...

    @property
    def is_lone(self) -> bool:
        """There is one unit only."""

    def lose(self, error: DriverError) -> None:
        """The connection is broken, or nobody answers on it."""

    def note_silent(self, error: DriverError) -> bool:
        """A unit has fallen silent. True: nobody answers any more; the link is lost, and says so for all."""

    def note_change(self) -> None: ...

    def rest(self) -> None:
        """Something is done; perhaps nothing is wanted of the connection for a while."""
