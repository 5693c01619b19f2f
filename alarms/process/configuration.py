"""The alarms as the engine holds them: loaded at each new revision by a thread of its own."""

from dataclasses import dataclass, replace

import structlog

from alarms import snapshot as alarm_snapshot
from alarms.definition import Definition
from alarms.kinds import Kind
from alarms.snapshot import AlarmSnapshot
from devices import snapshot as plant_snapshot

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What is evaluated, and by what. `alarms`: id -> uuid, whether it is evaluated, definition; without those of
    Isthmus itself, which are not evaluated here. `groups`: tag id -> its scan group and the period of that in ms.
    """

    revision: int
    alarms: dict[int, tuple[str, bool, Definition]]
    groups: dict[int, tuple[str, int]]

    @property
    def definitions(self) -> dict[int, Definition]:
        return {pk: definition for pk, (_, is_enabled, definition) in self.alarms.items() if is_enabled}

    @property
    def watched(self) -> set[int]:
        """Tags that some alarm looks at."""
        return {tag for definition in self.definitions.values() for tag in definition.tags}


@dataclass(frozen=True, slots=True)
class Configuration:
    alarms: AlarmSnapshot
    known: Known

    @property
    def revision(self) -> int:
        return self.known.revision


def of_snapshots(alarms: AlarmSnapshot, plant: plant_snapshot.Snapshot) -> Configuration:
    known = {
        a.id: (a.uuid, a.enabled, a.definition) for a in alarms.alarms.values() if a.kind is not Kind.SYSTEM
    }  # fmt: skip
    tags = {tag for _, _, definition in known.values() for tag in definition.tags}
    groups = {pk: (plant.tags[pk].group, plant.tags[pk].scan_ms) for pk in tags if pk in plant.tags}
    return Configuration(alarms, Known(alarms.revision, known, groups))


def load() -> Configuration:
    """The number is that of the plant, which is read first: what changes in between is loaded at the next look."""
    plant = plant_snapshot.load()
    return of_snapshots(replace(alarm_snapshot.load(plant), revision=plant.revision), plant)
