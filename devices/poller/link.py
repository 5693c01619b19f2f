"""One link: the devices behind one host and port, one connection, one request at a time.

Each device has a task of its own (unit.py) that asks over the line they share (line.py). While there is no connection
one more task tries to get one; meanwhile every scan that falls due says on the bus that it failed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeVar
from zlib import crc32

import structlog

from bus.presence import LinkState
from bus.quality import BAD_NOT_CONNECTED, BAD_TIMEOUT
from devices.drivers.base import BadReply, Driver, DriverError, LinkDown, NoAnswer
from devices.poller.clock import now_ms
from devices.poller.groups import LastValue, ScanGroup
from devices.poller.health import CONNECTED, CONNECTING, DISABLED, DISCONNECTED, IDLE, OUT_OF_USE, Recent
from devices.poller.learned import Fact
from devices.poller.line import Line, NotNow
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay
from devices.poller.said import link_detail, link_sentence
from devices.poller.schedule import FIRST_PAUSE_S, Pause
from devices.poller.spec import LinkSpec, Road, UnitSpec
from devices.poller.unit import Unit

__all__ = ["Link", "now_ms"]

log = structlog.get_logger(__name__)

SILENT_TRIES: Final = 3
"""So many tries without an answer on an open connection, then it is opened anew: the other end may have lost it."""
CONNECT_S: Final = (1.0, 5.0)
"""Bounds of the time to connect; within them the time-out of the most patient device."""

Answer = TypeVar("Answer")
Known = dict[tuple[Road, UnitSpec], list[Fact]]
"""What devices have refused, by how they are reached and all that is asked of them."""


class Link:
    def __init__(
        self,
        spec: LinkSpec,
        driver: Driver,
        outbox: Outbox,
        *,
        revision: int,
        last: Mapping[int, LastValue],
        overlay: Overlay | None = None,
        device_name: Callable[[int], str] = str,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self.revision = revision
        self.reconnects = 0
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        low, high = CONNECT_S
        connect_s = min(max(low, *(u.timeout_ms / 1000 for u in spec.units)), high)
        self.line = Line(driver, (u.quirks for u in spec.units if u.enabled), connect_s)
        overlay = Overlay() if overlay is None else overlay
        self.units = [Unit(u, self, outbox, last, overlay, device_name) for u in spec.units]
        self._read_units = [u for u in self.units if u.is_read]
        self.recent = Recent(self._loop.time())
        self._is_up = False
        self.state = DISABLED if not spec.enabled else CONNECTING if self._read_units else IDLE
        self.reason = ""
        self.since_ms = now_ms()
        self.lost_at = self._loop.time()
        self._up_at = -FIRST_PAUSE_S
        self._is_wanted = asyncio.Event()
        """The connection is down, and somebody needs it."""
        self._soon = asyncio.Event()

    @property
    def known(self) -> Known:
        return {(self.spec.road, unit.spec): unit.learned.facts for unit in self.units}

    def inherit(self, known: Known) -> None:
        """A device that is reached and read just as before need not be searched anew."""
        for unit in self.units:
            if facts := known.get((self.spec.road, unit.spec)):
                unit.inherit(facts)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def groups(self) -> Iterator[ScanGroup]:
        return (group for unit in self.units for group in unit.groups)

    @property
    def is_up(self) -> bool:
        return self._is_up

    @property
    def is_lone(self) -> bool:
        return len(self._read_units) == 1

    @property
    def _active(self) -> list[Unit]:
        return [u for u in self._read_units if not u.is_out_of_use]

    # -- the tasks ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Endless; cancel to stop. The connection is closed then. May be called again after a fault."""
        self._is_up = False
        self._publish_what_is_never_read()
        if self._active:
            self._is_wanted.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_connected(), name=f"connect {self.name}")
                for unit in self._read_units:
                    tasks.create_task(unit.run(), name=f"{self.name} {unit.spec.device}")
        finally:
            self._is_up = False
            self.line.close()

    def _publish_what_is_never_read(self) -> None:
        for unit in self.units:
            for group in unit.groups:
                if not group.is_read:
                    unit.publish(group)

    def mark_overdue(self, now: float) -> None:
        """Called several times a second: a request that hangs must not hide that its tags grow old."""
        self.line.rest_if_idle(now)
        for unit in self._read_units:
            if unit.is_out_of_use:
                continue
            for group in unit.groups:
                if group.is_read and group.is_overdue(now):
                    group.lose_older_than(now, BAD_TIMEOUT)
                    unit.publish(group)

    def publish_again(self) -> None:
        for group in self.groups:
            group.publish_again(self.revision, self._loop.time())

    def rest(self) -> None:
        if self.line.is_per_scan and self._is_up and not any(unit.is_busy for unit in self._read_units):
            self.line.rest()

    # -- what others want of the link ---------------------------------------------------------------------------

    async def ask(self, unit_id: int, question: Callable[[Driver], Awaitable[Answer]]) -> Answer:
        """A question between two requests, on the connection there is, else on one opened for it.

        `unit_id`: the Modbus unit that is asked. Raises what the question raises, and LinkDown with the reason where
        there is no connection to be had or the device is out of use. The question keeps its own time: all wait for it.
        """
        asked = [u for u in self.units if u.number == unit_id]
        if asked and all(u.is_out_of_use for u in asked):
            raise LinkDown(f"{asked[0].name} is out of use: {asked[0].reason}")
        try:
            async with self.line.turn() as driver:
                return await question(driver)
        except (LinkDown, BadReply) as error:
            if isinstance(error, LinkDown) or error.is_out_of_step:
                self.lose(error)
            raise
        finally:
            if not self._active:
                self.line.rest()
            self.rest()

    def set_out_of_use(self, sentences: Mapping[int, str]) -> None:
        """Device id -> why it is out of use. All others are in use: to be called with whatever there is."""
        for unit in self.units:
            if unit.spec.enabled and (why := sentences.get(unit.spec.device, "")) != (
                unit.reason if unit.is_out_of_use else ""
            ):
                unit.set_out_of_use(why)
        if self._read_units and self._active:
            if self.state == OUT_OF_USE:
                self._set_state(CONNECTING, "")
            if not self._is_up:
                self._is_wanted.set()
        elif self._read_units and self.state != OUT_OF_USE:
            self._is_up = False
            self._is_wanted.clear()
            self.line.close()
            self._set_state(OUT_OF_USE, "")
        self._soon.set()

    def note_change(self) -> None:
        self._on_change()

    # -- the connection is lost, and comes back -----------------------------------------------------------------

    def note_silent(self, error: DriverError) -> bool:
        if any(not u.reason for u in self._active) or any(u.never != BAD_TIMEOUT for u in self._active):
            return False
        self.lose(error)
        return True

    def lose(self, error: DriverError) -> None:
        """A broken connection is opened anew at once; only when that fails is the link said to be lost."""
        if not self._is_up:
            return
        self._is_up = False
        self.lost_at = self._loop.time()
        self.reconnects += 1
        if isinstance(error, NoAnswer):
            self._say_lost(error)
        else:
            self.line.close()
            self._set_state(CONNECTING, f"{self.spec.endpoint}: {error}; connecting again.")
        self._is_wanted.set()

    async def _keep_connected(self) -> None:
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            await self._bring_up()

    async def _bring_up(self) -> None:
        pause, silent = Pause(patient=True, spread=crc32(self.name.encode()) / 2**32), 0
        # A device that hangs up after every answer must not be connected to a thousand times a second.
        await self._sleep(self._up_at + FIRST_PAUSE_S - self._loop.time())
        while self._active:
            started = self._loop.time()
            try:
                await self._first_answer()
            except DriverError as error:
                silent = silent + 1 if isinstance(error, NoAnswer) else 0
                if silent % SILENT_TRIES == 0:
                    self.line.close()
                if self._active:
                    self._say_lost(error)
            except NotNow:
                continue
            else:
                self._come_up()
                return
            await self._sleep(started + pause.next_s(started) - self._loop.time())

    async def _sleep(self, pause_s: float) -> None:
        """Cut short when devices are put back into use."""
        self._soon.clear()
        if pause_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._soon.wait()

    async def _first_answer(self) -> None:
        """Connect, and ask device after device until one answers: an open socket alone proves nothing."""
        async with self.line.turn():
            pass
        reason, is_gateway = "", False
        for unit in sorted(self._active, key=lambda u: u.probed):
            found = await unit.knock(is_proof=True)
            if found == "answers":
                unit.reason = ""
                return
            is_gateway |= found == "gateway"
            reason = unit.reason
        if not is_gateway:
            raise NoAnswer(reason)

    def _come_up(self) -> None:
        was_lost = self.state == DISCONNECTED
        self._is_up = True
        self._up_at = now = self._loop.time()
        if was_lost:
            log.info("link back", link=self.name, lost_s=round(now - self.lost_at, 1))
        self._set_state(CONNECTED, "")
        for unit in self._active:
            if unit.reason:
                unit.wait_for(now)
            else:
                unit.scan_at_once()

    def _say_lost(self, error: DriverError) -> None:
        """Once in the log; in the state the sentence follows the latest reason."""
        never = BAD_TIMEOUT if isinstance(error, NoAnswer) else BAD_NOT_CONNECTED
        is_news = self.state != DISCONNECTED
        for unit in self._active:
            unit.go_with_link(never)
        self._set_state(DISCONNECTED, str(error))
        if not is_news:
            return
        log.warning("link lost", link=self.name, devices=[u.name for u in self.units], reason=str(error))
        for unit in self._active:
            for group in unit.groups:
                unit.publish_failed(group)

    # -- health -------------------------------------------------------------------------------------------------

    def _set_state(self, state: str, reason: str) -> None:
        is_change = state != self.state
        self.state, self.reason = state, reason
        if is_change:
            self.since_ms = now_ms()
            self._on_change()

    def health(self) -> LinkState:
        now = self._loop.time()
        sentence = link_sentence(self, now)
        return LinkState(self.name, self.state, sentence, self.since_ms, link_detail(self, now))
