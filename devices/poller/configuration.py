"""Watches the configuration database from a thread of its own and hands every new revision on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis.asyncio import Redis

from bus.nudge import NudgeWaiter
from devices.poller.computed import ComputedSpec, computed_specs
from devices.poller.interventions import InterventionWatch
from devices.poller.spec import LinkSpec, link_specs
from devices.snapshot import Snapshot

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the poller needs of one revision."""

    revision: int
    links: dict[str, LinkSpec]
    computed: tuple[ComputedSpec, ...]
    device_names: dict[int, str]


def of_snapshot(snapshot: Snapshot) -> Configuration:
    names = {d.id: d.name for d in snapshot.devices.values()}
    return Configuration(snapshot.revision, link_specs(snapshot), computed_specs(snapshot), names)


class ConfigurationWatch:
    """`current` and `load` ask the database (plant.revisions.current, devices.snapshot.load).

    What people do in operation is asked for first: whoever begins to poll knows what is substituted and out of use.
    """

    def __init__(
        self,
        client: Redis,
        current: Callable[[], int],
        load: Callable[[], Snapshot],
        on_new: Callable[[Configuration], None],
        interventions: InterventionWatch,
    ) -> None:
        self._nudges = NudgeWaiter(client)
        self._current = current
        self._load = load
        self._on_new = on_new
        self._interventions = interventions
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="configuration")
        self._known: int | None = None
        self._is_lost = False

    async def run(self) -> None:
        """Endless; cancel to stop. A database that is away changes nothing: the poller goes on with what it has."""
        try:
            while True:
                await self.look()
                await self._nudges.wait()
        finally:
            await self._nudges.close()

    async def close(self, within_s: float) -> None:
        """Write the totals once more, if the database allows it in time. Nothing is asked after this."""
        try:
            async with asyncio.timeout(within_s):
                await self._interventions.last_words(self._ask)
        except (DatabaseError, TimeoutError) as error:
            log.warning("totals not written at the end", reason=str(error) or "the database did not answer in time")
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> None:
        try:
            await self._interventions.look(self._ask)
            revision = await self._ask(self._current)
            if revision != self._known:
                configuration = await self._ask(lambda: of_snapshot(self._load()))
                self._known = configuration.revision
                self._on_new(configuration)
        except DatabaseError as error:
            if not self._is_lost:
                log.warning("configuration database lost", reason=str(error), goes_on_with_revision=self._known)
            self._is_lost = True
            return
        if self._is_lost:
            log.info("configuration database back", revision=self._known)
            self._is_lost = False

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        def in_thread() -> Answer:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_thread)
