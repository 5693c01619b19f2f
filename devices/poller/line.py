"""The line of a link: its one connection, given to one request at a time (MB-02).

Who waits is served by when it came plus how long its request is likely to take: a unit that answers in milliseconds
goes before one that takes a second or a dead one that is only knocked at, and nobody waits for ever. A unit has one
request waiting at most, so none can crowd out the others.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol

from devices.drivers.base import BadReply, DeviceRefused, Driver, LinkDown, NoAnswer
from devices.plan import Read
from devices.poller.health import UnitFigures
from devices.quirks import Quirks

IDLE_SHARE: Final = 0.5
"""A connection found closed after so much of `idle_close_s` in silence was closed for idleness."""
IDLE_MARGIN_S: Final = 1.0
"""So long before the device would close an idle connection we do (at most a third of its time)."""


class NotNow(Exception):
    """The turn came when there was nothing to be sent any more: link lost, device taken out of use."""


class FoundClosed(LinkDown):
    """There was no connection before anything was sent: no read has done that."""


class Asker(Protocol):
    """A unit, as the line sees it."""

    @property
    def number(self) -> int: ...

    @property
    def timeout_s(self) -> float: ...

    @property
    def may_ask(self) -> bool: ...

    @property
    def figures(self) -> UnitFigures: ...


class Line:
    """`delay_ms` counts from an answer to the next request, whichever units they belong to: the biggest holds."""

    def __init__(self, driver: Driver, quirks: Iterable[Quirks], connect_s: float) -> None:
        known = list(quirks)
        self.driver = driver
        self.busy_s = 0.0
        """Time the line was busy since the start."""
        self.is_per_scan = any(q.connect_per_scan for q in known)
        self._delay_s = max((q.delay_ms for q in known), default=0) / 1000
        self._idle_close_s = min((q.idle_close_s for q in known if q.idle_close_s), default=0)
        self._connect_s = connect_s
        self._loop = asyncio.get_running_loop()
        self._is_taken = False
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._tickets = count()
        self._used_at = 0.0
        """When the last request ended."""
        self._is_resting = False
        """Closed by us because nothing is asked for a while; it is opened again for the next request."""

    # -- turns --------------------------------------------------------------------------------------------------

    async def _take(self, likely_s: float) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        turn = self._loop.create_future()
        heappush(self._waiting, (self._loop.time() + likely_s, next(self._tickets), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()  # the turn had come, and is passed on
            raise

    def _release(self) -> None:
        while self._waiting:
            turn = heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False

    @asynccontextmanager
    async def turn(self, likely_s: float = 0.0) -> AsyncIterator[Driver]:
        """The line for something else than a read. The connection is there, or LinkDown says why not."""
        await self._take(likely_s)
        started = self._loop.time()
        try:
            await self._wait_delay()
            await self.open()
            yield self.driver
        finally:
            self._used_at = self._loop.time()
            self.busy_s += self._used_at - started
            self._release()

    # -- requests -----------------------------------------------------------------------------------------------

    async def request(self, asker: Asker, read: Read, likely_s: float) -> bytes:
        """One request, counted. Raises the errors of a driver, and NotNow."""
        await self._take(likely_s)
        try:
            if not asker.may_ask:
                raise NotNow
            if self._delay_s:
                await self._wait_delay()
            if not self.driver.is_connected:
                await self._open_again(asker)
            return await self._sent(asker, read)
        finally:
            self._release()

    async def _sent(self, asker: Asker, read: Read) -> bytes:
        figures, idle_s = asker.figures, self._loop.time() - self._used_at
        figures.requests += 1
        figures.without_data += 1
        started = self._loop.time()
        try:
            payload = await self._read(asker, read, idle_s)
        except DeviceRefused as error:
            figures.exceptions[error.code] += 1
            raise
        except NoAnswer:
            figures.timeouts += 1
            raise
        except BadReply:
            figures.bad_replies += 1
            raise
        except LinkDown:
            figures.hang_ups += 1
            raise
        finally:
            self._used_at = now = self._loop.time()
            figures.busy_s += now - started
            self.busy_s += now - started
        figures.without_data = 0
        figures.rtts_s.append(now - started)
        return payload

    async def _read(self, asker: Asker, read: Read, idle_s: float) -> bytes:
        try:
            return await self.driver.read(asker.number, read, asker.timeout_s)
        except LinkDown:
            if not self._is_idle(idle_s):
                raise
        await self.open()  # it hung up for idleness just when we asked
        return await self.driver.read(asker.number, read, asker.timeout_s)

    async def _wait_delay(self) -> None:
        pause_s = self._used_at + self._delay_s - self._loop.time()
        if self._delay_s and pause_s > 0:
            await asyncio.sleep(pause_s)

    # -- the connection -----------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Raises LinkDown."""
        if not self.driver.is_connected:
            self.driver.close()  # never two connections, not even for a moment
            await self.driver.connect(self._connect_s)
        self._is_resting = False

    async def _open_again(self, asker: Asker) -> None:
        if not self._is_resting and not self._is_idle(self._loop.time() - self._used_at):
            asker.figures.hang_ups += 1
            raise FoundClosed("the device closed the connection")
        try:
            await self.open()
        except LinkDown as error:
            raise FoundClosed(str(error)) from None

    def _is_idle(self, idle_s: float) -> bool:
        return bool(self._idle_close_s) and idle_s >= IDLE_SHARE * self._idle_close_s

    def rest(self) -> None:
        """Close what nobody needs for a while; the next request opens it again, and nobody is told."""
        if not self._is_taken and self.driver.is_connected:
            self.driver.close()
            self._is_resting = True

    def rest_if_idle(self, now: float) -> None:
        """Before the device closes an idle connection, we do. To be called several times a second."""
        if self._idle_close_s:
            margin_s = min(IDLE_MARGIN_S, self._idle_close_s / 3)
            if now - self._used_at > self._idle_close_s - margin_s:
                self.rest()

    def close(self) -> None:
        self._is_resting = False
        self.driver.close()
