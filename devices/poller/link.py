"""One link: the devices behind one host and port, one connection, one task.

The task walks the timetables of its scan groups. While there is no connection a second task, which lives only so
long, tries to get one; meanwhile every scan that falls due says on the bus that it failed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar
from zlib import crc32

import structlog

from bus.presence import LinkState
from bus.quality import BAD_NO_COMMUNICATION, BAD_NOT_CONNECTED, BAD_TIMEOUT, BAD_WAITING_FOR_INITIAL_DATA
from devices.drivers.base import BadReply, DeviceRefused, Driver, DriverError, LinkDown, NoAnswer
from devices.plan import Read
from devices.poller.groups import LastValue, ScanGroup, Slot
from devices.poller.health import CONNECTED, CONNECTING, DISABLED, DISCONNECTED, IDLE, LinkFigures, lost_sentence
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay
from devices.poller.schedule import FIRST_PAUSE_S, Pause
from devices.poller.spec import LinkSpec, UnitSpec

log = structlog.get_logger(__name__)

SILENT_TRIES: Final = 3
"""So many tries without an answer on an open connection, then it is opened anew: the other end may have lost it."""
CONNECT_S: Final = (1.0, 5.0)
"""Bounds of the time to connect; within them the time-out of the most patient device."""
FOREVER_S: Final = 3600.0

Answer = TypeVar("Answer")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Unit:
    """A device of the link. `reason` says why it does not answer; empty while it does."""

    spec: UnitSpec
    groups: list[ScanGroup]
    slots: list[Slot]
    reason: str = ""
    never: int = BAD_WAITING_FOR_INITIAL_DATA
    probe_at: float = 0.0
    probed: int = 0
    pause: Pause = field(default_factory=Pause)

    @property
    def timeout_s(self) -> float:
        return self.spec.timeout_ms / 1000

    def next_probe(self, now: float) -> Slot:
        """The reads in turn; those that did harm lately only when there is no other."""
        usable = [slot for slot in self.slots if slot.paused_until <= now] or self.slots
        self.probed += 1
        return usable[(self.probed - 1) % len(usable)]


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
        self.figures = LinkFigures()
        self._driver = driver
        self._device_name = device_name
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._overlay = Overlay() if overlay is None else overlay
        self._line = asyncio.Lock()
        self._units = [self._unit(u, outbox, last) for u in spec.units]
        self._read_units = [u for u in self._units if u.slots]
        self._is_up = False
        self._state = DISABLED if not spec.enabled else CONNECTING if self._read_units else IDLE
        self._reason = ""
        self._since_ms = now_ms()
        self._lost_at = self._loop.time()
        self._up_at = -FIRST_PAUSE_S
        self._wake = asyncio.Event()
        self._bringing_up: asyncio.Task[None] | None = None

    def _unit(self, spec: UnitSpec, outbox: Outbox, last: Mapping[int, LastValue]) -> _Unit:
        groups = [ScanGroup(g, spec, outbox, self._loop.time(), last, self._overlay) for g in spec.groups]
        return _Unit(spec, groups, [slot for group in groups for slot in group.slots])

    @property
    def groups(self) -> Iterator[ScanGroup]:
        return (group for unit in self._units for group in unit.groups)

    # -- the task -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Endless; cancel to stop. The connection is closed then. May be called again after a fault."""
        self._is_up = False
        self._publish_what_is_never_read()
        if not self._read_units:
            await asyncio.Event().wait()
        self._start_bring_up()
        try:
            while True:
                await self._serve_next()
        finally:
            if self._bringing_up is not None:
                self._bringing_up.cancel()
            self._driver.close()

    def _publish_what_is_never_read(self) -> None:
        for group in self.groups:
            if not group.slots:
                group.publish(self.revision, self._loop.time(), now_ms())

    async def _serve_next(self) -> None:
        if self._bringing_up is not None and self._bringing_up.done():
            self._bringing_up.result()  # a fault in our own code ends the link loudly; the poller starts it anew
            self._bringing_up = None
        unit, group, due = self._next_job()
        now = self._loop.time()
        if due > now:
            await self._sleep_until(due)
        elif group is None:
            await self._probe(unit)
        else:
            group.timetable.start(now)
            if self._is_up and not unit.reason:
                await self._scan(unit, group)
            else:
                self._publish_failed(unit, group)
                await asyncio.sleep(0)

    def _next_job(self) -> tuple[_Unit, ScanGroup | None, float]:
        """The earliest of all scans and, on a live link, of all probes of silent devices."""
        best: tuple[_Unit, ScanGroup | None, float] = (self._read_units[0], None, self._loop.time() + FOREVER_S)
        for unit in self._read_units:
            if unit.reason and self._is_up and unit.probe_at < best[2]:
                best = (unit, None, unit.probe_at)
            for group in unit.groups:
                if group.slots and (due := group.timetable.due) < best[2]:
                    best = (unit, group, due)
        return best

    async def _sleep_until(self, due: float) -> None:
        self._wake.clear()
        timer = self._loop.call_at(due, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    # -- scans --------------------------------------------------------------------------------------------------

    async def _scan(self, unit: _Unit, group: ScanGroup) -> None:
        """Read the whole group and publish it. A read that fails alone costs only its own tags."""
        if not self._driver.is_connected:
            self._lose(LinkDown("the device closed the connection"))
            return
        has_answered = False
        for slot in group.slots:
            now = self._loop.time()
            if slot.paused_until > now:
                continue
            try:
                payload = await self._request(unit, slot.read)
            except DeviceRefused as error:
                has_answered = True
                group.refuse(slot, error.code)
            except NoAnswer as error:
                slot.hold_back(self._loop.time())
                group.lose(slot, BAD_TIMEOUT)
                if not has_answered:
                    self._fall_silent(unit, error)
                    return
                has_answered = False
            except (BadReply, LinkDown) as error:
                group.lose(slot, BAD_NO_COMMUNICATION)
                if isinstance(error, LinkDown) or error.is_out_of_step:
                    slot.hold_back(self._loop.time())
                    self._lose(error)
                    return
            else:
                has_answered = True
                group.take(slot, payload, self._loop.time(), now_ms())
        now = self._loop.time()
        group.count_scan(now)
        group.publish(self.revision, now, now_ms())

    async def ask(self, unit_id: int, question: Callable[[Driver], Awaitable[Answer]]) -> Answer:
        """A question between two requests, on the connection there is, else on one opened for it.

        `unit_id`: the Modbus unit that is asked. Raises what the question raises, and LinkDown with the reason where
        there is no connection to be had. The question keeps its own time: the link waits for it.
        """
        patience_s = max((u.timeout_s for u in self._units if u.spec.unit == unit_id), default=CONNECT_S[0])
        async with self._line:
            try:
                if not self._driver.is_connected:
                    await self._driver.connect(min(max(CONNECT_S[0], patience_s), CONNECT_S[1]))
                return await question(self._driver)
            except asyncio.CancelledError:
                self._driver.close()  # what it was waiting for must not be taken for the answer to the next request
                raise
            finally:
                if not self._read_units:
                    self._driver.close()

    async def _request(self, unit: _Unit, read: Read) -> bytes:
        """One request, counted."""
        async with self._line:
            return await self._sent(unit, read)

    async def _sent(self, unit: _Unit, read: Read) -> bytes:
        self.figures.requests += 1
        started = self._loop.time()
        try:
            payload = await self._driver.read(unit.spec.unit, read, unit.timeout_s)
        except DeviceRefused as error:
            self.figures.exceptions[error.code] += 1
            raise
        except NoAnswer:
            self.figures.timeouts += 1
            raise
        except BadReply:
            self.figures.bad_replies += 1
            raise
        self.figures.rtts_s.append(self._loop.time() - started)
        return payload

    def _publish_failed(self, unit: _Unit, group: ScanGroup) -> None:
        group.lose_all(unit.never)
        group.publish(self.revision, self._loop.time(), now_ms())

    def mark_overdue(self, now: float) -> None:
        """Called several times a second: a request that hangs must not hide that its tags grow old."""
        for unit in self._read_units:
            for group in unit.groups:
                if group.slots and now - group.published_at > group.mark_after_s:
                    group.lose_older_than(now, BAD_TIMEOUT)
                    group.publish(self.revision, now, now_ms())

    def publish_again(self) -> None:
        for group in self.groups:
            group.publish_again(self.revision, self._loop.time())

    # -- one device falls silent, and comes back ----------------------------------------------------------------

    def _fall_silent(self, unit: _Unit, error: NoAnswer) -> None:
        now = self._loop.time()
        unit.reason, unit.never = str(error), BAD_TIMEOUT
        unit.pause = Pause()
        unit.probe_at = now + unit.pause.next_s(now)
        if all(u.reason for u in self._read_units):
            self._lose(error)
            return
        log.warning("device lost", link=self.spec.name, device=self._device_name(unit.spec.device), reason=str(error))
        for group in unit.groups:
            self._publish_failed(unit, group)

    async def _probe(self, unit: _Unit) -> None:
        """Is the silent device back? Asks with its reads in turn, for one of them may be what it cannot answer."""
        started = self._loop.time()
        try:
            is_back = await self._answers(unit)
        except (BadReply, LinkDown) as error:
            self._lose(error)
            return
        if is_back:
            log.info("device back", link=self.spec.name, device=self._device_name(unit.spec.device))
            self._scan_at_once(unit)
        else:
            unit.probe_at = started + unit.pause.next_s(started)

    async def _answers(self, unit: _Unit) -> bool:
        """Whether anything that belongs to the request comes back. Raises LinkDown, BadReply when out of step."""
        slot = unit.next_probe(self._loop.time())
        try:
            await self._request(unit, slot.read)
        except DeviceRefused:
            return True
        except (BadReply, LinkDown) as error:
            if isinstance(error, BadReply) and not error.is_out_of_step:
                return True
            slot.hold_back(self._loop.time())
            raise
        except NoAnswer as error:
            unit.reason, unit.never = str(error), BAD_TIMEOUT
            return False
        return True

    @staticmethod
    def _scan_at_once(unit: _Unit) -> None:
        unit.reason = ""
        for group in unit.groups:
            group.timetable.at_once()

    # -- the connection is lost, and comes back -----------------------------------------------------------------

    def _lose(self, error: DriverError) -> None:
        """A broken connection is opened anew at once; only when that fails is the link said to be lost."""
        self._is_up = False
        self._lost_at = self._loop.time()
        self.figures.reconnects += 1
        if isinstance(error, NoAnswer):
            self._say_lost(error)
        else:
            self._driver.close()
            self._set_state(CONNECTING, f"{self.spec.endpoint}: {error}; connecting again.")
        self._start_bring_up()

    def _start_bring_up(self) -> None:
        self._bringing_up = asyncio.create_task(self._bring_up(), name=f"connect {self.spec.name}")
        self._bringing_up.add_done_callback(lambda _: self._wake.set())

    async def _bring_up(self) -> None:
        spread = crc32(self.spec.name.encode()) / 2**32
        pause, silent = Pause(patient=True, spread=spread), 0
        # A device that hangs up after every answer must not be connected to a thousand times a second.
        await asyncio.sleep(self._up_at + FIRST_PAUSE_S - self._loop.time())
        while True:
            started = self._loop.time()
            try:
                await self._first_answer()
                break
            except DriverError as error:
                silent = silent + 1 if isinstance(error, NoAnswer) else 0
                if silent % SILENT_TRIES == 0:
                    self._driver.close()
                self._say_lost(error)
            await asyncio.sleep(started + pause.next_s(started) - self._loop.time())
        self._come_up()

    async def _first_answer(self) -> None:
        """Connect, and ask device after device until one answers: an open socket alone proves nothing."""
        async with self._line:
            if not self._driver.is_connected:
                low, high = CONNECT_S
                await self._driver.connect(min(max(low, *(u.timeout_s for u in self._read_units)), high))
        reason = ""
        for unit in sorted(self._read_units, key=lambda u: u.probed):
            if await self._answers(unit):
                unit.reason = ""
                return
            reason = unit.reason
        raise NoAnswer(reason)

    def _come_up(self) -> None:
        was_lost = self._state == DISCONNECTED
        self._is_up = True
        self._up_at = now = self._loop.time()
        if was_lost:
            log.info("link back", link=self.spec.name, lost_s=round(now - self._lost_at, 1))
        self._set_state(CONNECTED, "")
        for unit in self._read_units:
            unit.pause = Pause()
            unit.probe_at = now
            if not unit.reason:
                self._scan_at_once(unit)
        self._wake.set()

    def _say_lost(self, error: DriverError) -> None:
        """Once in the log; in the state the sentence follows the latest reason."""
        never = BAD_TIMEOUT if isinstance(error, NoAnswer) else BAD_NOT_CONNECTED
        is_news = self._state != DISCONNECTED
        for unit in self._read_units:
            unit.never = never
            if not isinstance(error, NoAnswer):
                unit.reason = ""
        self._set_state(DISCONNECTED, str(error))
        if not is_news:
            return
        log.warning("link lost", link=self.spec.name, devices=self._names(), reason=str(error))
        for unit in self._read_units:
            for group in unit.groups:
                self._publish_failed(unit, group)

    def _names(self) -> list[str]:
        return [self._device_name(unit.spec.device) for unit in self._units]

    # -- health -------------------------------------------------------------------------------------------------

    def _set_state(self, state: str, reason: str) -> None:
        is_change = state != self._state
        self._state, self._reason = state, reason
        if is_change:
            self._since_ms = now_ms()
            self._on_change()

    def health(self) -> LinkState:
        detail = self.figures.as_detail()
        detail["late_replies"] = self._driver.late_replies
        detail["stray_replies"] = self._driver.stray_replies
        detail["overruns"] = sum(group.timetable.overruns for group in self.groups)
        detail["groups"] = {
            group.name: {"scan_ms": round(group.scan_s * 1000), "achieved_ms": group.achieved_ms}
            for group in self.groups
        }
        detail["silent"] = {
            self._device_name(u.spec.device): u.reason for u in self._read_units if u.reason and self._is_up
        }
        return LinkState(self.spec.name, self._state, self._sentence(), self._since_ms, detail)

    def _sentence(self) -> str:
        if self._state == DISCONNECTED:
            return lost_sentence(self.spec.endpoint, self._loop.time() - self._lost_at, self._reason)
        if self._state == DISABLED:
            return "Every device of this link is switched off."
        if self._state == IDLE:
            have = "Every tag is switched off" if any(unit.groups for unit in self._units) else "No tags"
            return f"{have}: nothing is read from {'this device' if len(self._units) == 1 else 'these devices'}."
        if self._state == CONNECTED:
            silent = [f"{self._device_name(u.spec.device)} ({u.reason})" for u in self._read_units if u.reason]
            return f"Connected; no answer from {', '.join(silent)}." if silent else ""
        return self._reason
