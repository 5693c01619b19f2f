"""What the hub has to look after besides values: the configuration, who may still look, and whether the poller lives.

The database is read in one thread of its own, so that no slow page delays a socket, and no socket a page.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections, connections
from redis.asyncio import Redis

from accounts.sessions import UserSession
from alarms.models import Writing
from bus.client import BusError
from bus.nudge import NudgeWaiter
from bus.presence import BEAT_S, PROCESS_SILENT_MS, Heard, ProcessState, hear_processes
from bus.roles import ALARMS, POLLER
from devices import current
from devices.snapshot import Snapshot
from hmi.live import admission
from hmi.live.admission import Standing, Visitor

log = structlog.get_logger(__name__)
T = TypeVar("T")

RECHECK_S: Final = 2.0
"""Sessions and rights are looked at again at least so often, and at every new revision."""


@dataclass(frozen=True, slots=True)
class View:
    """The configuration and, when they were looked at, the standing of all visitors."""

    snapshot: Snapshot
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class LastWord:
    """What was last heard of a process: the time it said so by the clock of Redis, which only serves to see that
    something new was said, and when that was by the monotonic clock of the reader, in seconds."""

    said_ms: int
    at: float
    heard_at: float


def last_word(known: LastWord | None, heard: Heard[ProcessState], now: float) -> LastWord:
    """The same words again are as old as before, whatever clock was set; new ones are no older than the last look."""
    at = now - heard.age_ms / 1000
    if known is not None:
        at = known.at if known.said_ms == heard.said_ms else max(at, known.heard_at)
    return LastWord(heard.said_ms, at, now)


class Oversight:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._nudges = NudgeWaiter(client)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-database")
        self._rechecked_at = float("-inf")
        self._has_database = True
        self._said: dict[str, LastWord] = {}
        self._has_heard = False
        self.snapshot: Snapshot | None = None

    @property
    def revision(self) -> int:
        return 0 if self.snapshot is None else self.snapshot.revision

    async def admit(self, session_key: str) -> Visitor | None:
        """Raises DatabaseError."""
        return await self._in_thread(lambda: admission.admit(session_key))

    async def look(self, sessions: Callable[[], Collection[UserSession]]) -> View | None:
        """The newest configuration; the standing when it is time for it. None while the database is away."""
        known, now = self.snapshot, time.monotonic()
        is_time = now - self._rechecked_at >= RECHECK_S
        asked = sessions()
        try:
            view = await self._in_thread(lambda: _look(known, asked, is_time))
        except DatabaseError as error:
            self._say_database(False, reason=f"{type(error).__name__}: {error}")
            return None
        self._say_database(True)
        self.snapshot = view.snapshot
        if view.standing is not None:
            self._rechecked_at = now
        return view

    async def wait(self) -> None:
        """Until somebody says that there is news, at most a second."""
        await self._nudges.wait()

    async def listen(self) -> None:
        """Hear the poller and the alarm engine. Endless."""
        while True:
            try:
                heard = await hear_processes(self._client)
            except BusError:
                heard = {}
            else:
                self._has_heard = True
            for role in (POLLER, ALARMS):
                if role in heard:
                    self._said[role] = last_word(self._said.get(role), heard[role], time.monotonic())
            await asyncio.sleep(BEAT_S / 2)

    def poller_age_ms(self) -> int | None:
        """How long ago the poller last spoke; None when it never did."""
        return self._age_ms(POLLER)

    @property
    def evaluates_alarms(self) -> bool | None:
        """Does the alarm engine speak? None: the bus was not asked yet."""
        age_ms = self._age_ms(ALARMS)
        if age_ms is None:
            return False if self._has_heard else None
        return age_ms < PROCESS_SILENT_MS

    def _age_ms(self, role: str) -> int | None:
        said = self._said.get(role)
        return None if said is None else int((time.monotonic() - said.at) * 1000)

    async def alarm_no(self) -> int | None:
        """The number of the newest writing of alarms; None while the database is away."""
        try:
            return await self._in_thread(_writing_no)
        except DatabaseError:
            return None  # look() says so in the log

    async def close(self) -> None:
        await self._in_thread(connections.close_all)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        def asked() -> T:
            close_old_connections()
            try:
                return ask()
            finally:
                close_old_connections()

        return await sync_to_async(asked, thread_sensitive=False, executor=self._thread)()

    def _say_database(self, is_there: bool, **what: Any) -> None:
        if is_there != self._has_database:
            self._has_database = is_there
            if is_there:
                log.info("live: the database is back")
            else:
                log.warning("live: the database is away; screens go on with the rights they have", **what)


def _writing_no() -> int:
    return Writing.objects.values_list("no", flat=True).first() or 0


def _look(known: Snapshot | None, sessions: Collection[UserSession], is_time: bool) -> View:
    current.check_now()
    snapshot = current.current_snapshot()
    is_new = known is None or snapshot.revision != known.revision
    return View(snapshot, admission.check(sessions) if is_new or is_time else None)
