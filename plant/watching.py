"""Hands every new revision of the configuration on, from a thread of its own that asks the database."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from redis.asyncio import Redis

from bus.nudge import NudgeWaiter
from plant import revisions

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")


class OfRevision(Protocol):
    @property
    def revision(self) -> int: ...


Found = TypeVar("Found", bound=OfRevision)


class Ask(Protocol):
    """Runs a question in the thread that speaks to the database."""

    async def __call__(self, question: Callable[[], Answer], /) -> Answer: ...


class RevisionWatch(Generic[Found]):
    """`current` and `load` ask the database. `on_new` gets the newest, once; between two looks some may be left out.

    `first`: what else is asked in each look, before the configuration.
    """

    def __init__(
        self,
        client: Redis,
        load: Callable[[], Found],
        on_new: Callable[[Found], None],
        *,
        current: Callable[[], int] = revisions.current,
        first: Callable[[Ask], Awaitable[None]] | None = None,
    ) -> None:
        self._nudges = NudgeWaiter(client)
        self._load = load
        self._on_new = on_new
        self._current = current
        self._first = first
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="configuration")
        self._known: int | None = None
        self._is_lost = False

    async def run(self) -> None:
        """Endless; cancel to stop. A database that is away changes nothing: the caller goes on with what it has."""
        try:
            while True:
                await self.look()
                await self._nudges.wait()
        finally:
            await self._nudges.close()

    async def close(self, last_words: Callable[[Ask], Awaitable[None]] | None = None, within_s: float = 0.0) -> None:
        """Nothing is asked after this. Raises DatabaseError or TimeoutError where the last words could not be said."""
        try:
            if last_words is not None:
                async with asyncio.timeout(within_s):
                    await last_words(self._ask)
        finally:
            self._thread.submit(connections.close_all)
            self._thread.shutdown(wait=False)

    async def look(self) -> None:
        try:
            if self._first is not None:
                await self._first(self._ask)
            found = await self._ask(self._newer)
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

    def _newer(self) -> Found | None:
        return self._load() if self._current() != self._known else None

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        def in_thread() -> Answer:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_thread)
