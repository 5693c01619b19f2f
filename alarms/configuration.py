"""The alarms as the engine holds them: loaded at each new revision by a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from redis.asyncio import Redis

from alarms import snapshot as alarm_snapshot
from alarms.definition import Definition
from alarms.kinds import Kind
from alarms.snapshot import AlarmSnapshot
from bus.nudge import NudgeWaiter
from devices import snapshot as plant_snapshot
from plant import revisions

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


class ConfigurationWatch:
    """`current` and `load` ask the database. `on_new` gets the newest, once; between two looks some may be left out."""

    def __init__(
        self,
        client: Redis,
        on_new: Callable[[Configuration], None],
        *,
        current: Callable[[], int] = revisions.current,
        load: Callable[[], Configuration] = load,
    ) -> None:
        self._nudges = NudgeWaiter(client)
        self._on_new = on_new
        self._current = current
        self._load = load
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="configuration")
        self._known: int | None = None
        self._is_lost = False

    async def run(self) -> None:
        """Endless; cancel to stop. A database that is away changes nothing: what is known goes on being evaluated."""
        try:
            while True:
                await self.look()
                await self._nudges.wait()
        finally:
            await self._nudges.close()
            self._thread.submit(connections.close_all)
            self._thread.shutdown(wait=False)

    async def look(self) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._look_in_thread)
        except DatabaseError as error:
            if not self._is_lost:
                log.warning("configuration database lost", reason=str(error), goes_on_with_revision=self._known)
            self._is_lost = True
            return
        if self._is_lost:
            log.info("configuration database back", revision=self._known)
            self._is_lost = False
        if found is not None:
            self._known = found.revision
            self._on_new(found)

    def _look_in_thread(self) -> Configuration | None:
        close_old_connections()
        return self._load() if self._current() != self._known else None
