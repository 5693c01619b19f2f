"""Values for a page: a reading with the words, the text and the age that people read."""

from collections.abc import Iterable
from dataclasses import dataclass

from bus.quality import BAD_OUT_OF_SERVICE
from bus.wire import wire_value
from devices import readings as plain
from devices.current import current_snapshot
from devices.snapshot import TagEntry
from hmi import presentation


@dataclass(frozen=True, slots=True)
class Reading(plain.Reading):
    @property
    def quality(self) -> presentation.Quality:
        return presentation.quality_of(self.status)

    @property
    def is_off(self) -> bool:
        """Switched off on purpose: in no count."""
        return self.status == BAD_OUT_OF_SERVICE

    @property
    def text(self) -> str:
        """The value as people read it, without its unit."""
        return presentation.format_value(self.tag, wire_value(self.value, self.status))

    @property
    def unit(self) -> str:
        """The unit where the value is a number, else nothing."""
        shown = wire_value(self.value, self.status)
        is_number = isinstance(self.value, int | float) and shown is not None
        return self.tag.unit if is_number and presentation.has_unit(self.tag, self.value) else ""

    @property
    def age_text(self) -> str:
        return presentation.format_age(self.age_ms)


def readings(tags: Iterable[TagEntry]) -> list[Reading]:
    """What the bus says of these tags now, in their order. Without a bus every reading is Bad, and says so."""
    return plain.read(tags, current_snapshot(), Reading)
