"""The process for background work: it seals the audit, twice a second, notes what has ended by itself, tells when the
alarm engine is silent, and makes the past of the demo plant at its first start."""

import asyncio
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, connections

from alarms.system.engine_silence import EngineSilence
from audit import triggers
from audit.chain import Head
from audit.heads import append_head
from audit.sealer import BATCH, seal
from bus.client import connect
from bus.process import Heartbeat
from bus.roles import JOBS
from devices.interventions import close_expired
from hmi.demo_month import Making

log = structlog.get_logger(__name__)

SEAL_EVERY_S: Final = 0.5
HEAD_EVERY_S: Final = 10.0
ENDINGS_EVERY_S: Final = 2.0
HISTORY_LOOK_S: Final = 1.0
Result = TypeVar("Result")


def run() -> None:
    """Until SIGTERM or SIGINT."""
    asyncio.run(_main())


async def _main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sealing, endings, making = Sealing(), Endings(), Making()
    client = connect(settings.REDIS_URL, JOBS)
    detail = lambda: sealing.detail() | {"demo_history_pct": making.pct}  # noqa: E731  # one line, used once
    heart = asyncio.create_task(Heartbeat(client, JOBS, detail=detail).run())
    history = asyncio.create_task(_make_history(making, stop))
    watch = asyncio.create_task(EngineSilence().run())
    log.info("jobs started")
    with ThreadPoolExecutor(1, thread_name_prefix="sealer") as thread:  # one thread: one database connection
        try:
            while not stop.is_set():
                await loop.run_in_executor(thread, endings.turn)
                await loop.run_in_executor(thread, sealing.turn)
                await _pause(stop, 0 if sealing.has_more else SEAL_EVERY_S)
            await loop.run_in_executor(thread, sealing.finish)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await history
            heart.cancel()
            await client.aclose()
    log.info("jobs stopped", sealed=sealing.sealed)


async def _make_history(making: Making, stop: asyncio.Event) -> None:
    """In a thread of its own, and never more than half of the time: the audit is sealed meanwhile."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="history") as thread:
        while not (making.is_done or stop.is_set()):
            began = loop.time()
            try:
                await loop.run_in_executor(thread, making.turn)
            except Exception:
                log.exception("the past of the demo was not made; the next start tries again")
                break
            await _pause(stop, max(0.02, loop.time() - began) if making.pct is not None else HISTORY_LOOK_S)
        await loop.run_in_executor(thread, making.close)
        await loop.run_in_executor(thread, connections.close_all)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


class Endings:
    """Substitutions and devices out of use whose time ran out get their record, every ENDINGS_EVERY_S.

    The poller does not wait for this. A database that is away is said by the sealing, which asks it more often.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = float("-inf")

    def turn(self) -> None:
        if self._clock() - self._looked_at < ENDINGS_EVERY_S:
            return
        self._looked_at = self._clock()
        try:
            count = close_expired()
        except DatabaseError:
            connections.close_all()
            return
        if count:
            log.info("ended by themselves", count=count)


class Sealing:
    """One turn at a time, in one thread. A database or a disk that is away is said once, and once when it is back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.sealed = 0
        self.has_more = False
        self._clock = clock
        self._head: Head | None = None
        self._written: Head | None = None
        self._written_at = float("-inf")
        self._away: set[str] = set()
        self._has_looked = False

    def detail(self) -> dict[str, Any]:
        return {"sealed": self.sealed, "sequence": self._head.sequence if self._head else 0, "away": sorted(self._away)}

    def turn(self) -> None:
        done = self._attempt("database", DatabaseError, seal)
        if done is None:
            connections.close_all()  # the next turn connects anew
            self.has_more = False
            return
        if not self._has_looked:
            self._look_at_the_guard()
        count, head = done
        self.sealed += count
        self.has_more = count == BATCH
        self._head = head
        if self._clock() - self._written_at >= HEAD_EVERY_S:
            self._write_head()

    def _look_at_the_guard(self) -> None:
        """Once, at the first chance after the start: a restored or copied database may have come without it."""
        gone = self._attempt("database", DatabaseError, lambda: triggers.missing(connection))
        self._has_looked = gone is not None
        for name in gone or ():
            log.error("audit is not guarded", missing=name, action="run manage.py migrate, then manage.py audit verify")

    def finish(self) -> None:
        """Seal what came last and note where the chain ends."""
        self.turn()
        self._write_head()
        connections.close_all()

    def _write_head(self) -> None:
        head = self._head
        if head is None or (self._written is not None and self._written.sequence == head.sequence):
            return
        if self._attempt("heads file", OSError, lambda: append_head(head)) is None:
            return
        self._written, self._written_at = head, self._clock()
        log.info("audit head", sequence=head.sequence, hash=head.hash)

    def _attempt(self, what: str, error: type[Exception], task: Callable[[], Result]) -> Result | None:
        """None when it failed, which is logged when it begins and when it ends."""
        try:
            result = task()
        except error as reason:
            if what not in self._away:
                self._away.add(what)
                log.error("audit sealing waits", lost=what, reason=str(reason), action="tries again by itself")
            return None
        if what in self._away:
            self._away.discard(what)
            log.info("audit sealing goes on", back=what)
        return result
