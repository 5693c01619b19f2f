"""A unit at work: one device of a link, a task of its own. It walks the timetables of its scan groups, and decides by
what comes of each request (exceptions.py) what is asked next and what is said of the values.

Whatever has to wait is scheduled here; on the line (line.py) a unit has one request at a time, and nobody waits for
another's pauses.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import inf
from typing import Final, Literal

import structlog

from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN_LAST_USABLE,
)
from devices.drivers.base import BadReply, DeviceRefused, DriverError, LinkDown, NoAnswer
from devices.plan import Read
from devices.poller.clock import now_ms
from devices.poller.exceptions import (
    BEHIND_GATEWAY,
    GATEWAY_PAUSES_S,
    IS_BUSY,
    NO_GATEWAY_PATH,
    RETRIES_S,
    TARGET_SILENT,
    TEACHING,
)
from devices.poller.groups import LastValue, ScanGroup, Slot
from devices.poller.health import ANSWERING, OUT_OF_USE, SILENT, WAITING
from devices.poller.learned import Fact
from devices.poller.line import FoundClosed, NotNow
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay
from devices.poller.schedule import Pause
from devices.poller.shared import Shared
from devices.poller.spec import UnitSpec
from devices.poller.standing import Standing

log = structlog.get_logger(__name__)

FOREVER_S: Final = 3600.0

Found = Literal["answers", "gateway", "silent"]
"""What came of knocking at a unit: itself, only the gateway before it, or nobody."""


class Unit(Standing):
    """Times `..._at` are monotonic seconds."""

    def __init__(
        self,
        spec: UnitSpec,
        shared: Shared,
        outbox: Outbox,
        last: Mapping[int, LastValue],
        overlay: Overlay,
        device_name: Callable[[int], str],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        super().__init__(spec, shared, device_name, now)
        self.groups = [ScanGroup(g, spec, outbox, now, last, self.learned, overlay) for g in spec.groups]
        self.probe_at = 0.0
        self.probed = 0
        self.pause = Pause()
        self._has_answered_last = False
        self._retry_at = inf
        self._scanned_last = False
        self._is_scanning = False
        self._logged: set[int] = set()
        self._wake = asyncio.Event()

    @property
    def is_read(self) -> bool:
        return any(group.is_read for group in self.groups)

    @property
    def is_busy(self) -> bool:
        """Scanning, or about to."""
        return self._is_scanning or any(g.is_read and g.timetable.due <= self._loop.time() for g in self.groups)

    def inherit(self, facts: Iterable[Fact]) -> None:
        self.learned.inherit(facts, self._loop.time())
        for group in self.groups:
            group.plan_anew()

    # -- the task -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Endless; cancel to stop."""
        while True:
            due, job, group = self._next(self._loop.time())
            if due > self._loop.time():
                await self._sleep_until(due)
            elif group is None:
                self._scanned_last = False
                await job()
                self._shared.rest()
            else:
                self._scanned_last = True
                await self._serve(group)
                self._shared.rest()

    def _next(self, now: float) -> tuple[float, Callable[[], Awaitable[None]], ScanGroup | None]:
        """The earliest of all scans, retries, questions and probes. A question has its turn after each scan."""
        due, first = now + FOREVER_S, None
        for group in self.groups:
            if group.is_read and (at := group.timetable.due) < due:
                due, first = at, group
        job = self._probe
        if not self._shared.is_up or self._is_out_of_use:
            return due, job, first
        if self.reason:
            return (self.probe_at, self._probe, None) if self.probe_at < due else (due, job, first)
        if self._retry_at < due:
            return self._retry_at, self._retry, None
        asked_at = self.learned.next_at
        if asked_at < due and (due > now or self._scanned_last):
            return asked_at, self._question, None
        return due, job, first

    async def _sleep_until(self, due: float) -> None:
        self._wake.clear()
        timer = self._loop.call_at(due, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def wake(self) -> None:
        self._wake.set()

    # -- scans --------------------------------------------------------------------------------------------------

    async def _serve(self, group: ScanGroup) -> None:
        group.timetable.start(self._loop.time())
        if self._shared.is_up and not self.reason:
            self._is_scanning = True
            try:
                await self._scan(group)
            finally:
                self._is_scanning = False
        else:
            self.publish_failed(group)
            await asyncio.sleep(0)

    async def _scan(self, group: ScanGroup) -> None:
        """Read the whole group and publish it. A read that fails alone costs only its own tags."""
        has_answered = False
        for slot in group.slots:
            if slot.is_searched or slot.held_until > self._loop.time():
                continue
            came = await self._read(group, slot, has_answered)
            if came is None:
                return
            has_answered = came
        self._plan_anew()
        group.count_scan(self._loop.time())
        self.publish(group)

    def publish(self, group: ScanGroup) -> None:
        group.publish(self._shared.revision, self._loop.time(), now_ms())

    def publish_failed(self, group: ScanGroup) -> None:
        if not self._is_out_of_use:
            group.lose_all(self.never)
        self.publish(group)

    async def _request(self, read: Read, *, is_proof: bool = False) -> bytes:
        """A time-out is likely where nothing was answered last: such a request lets others go first."""
        rtts = self.figures.rtts_s
        likely_s = rtts[-1] if rtts and self._has_answered_last else self.timeout_s
        self._has_answered_last = False
        self._is_proof = is_proof
        try:
            payload = await self._shared.line.request(self, read, likely_s)
        except DriverError as error:
            self._has_answered_last = isinstance(error, DeviceRefused) and error.code != TARGET_SILENT
            if self._is_out_of_use:
                raise NotNow from None
            raise
        finally:
            self._is_proof = False
        self._has_answered_last = True
        if self._is_out_of_use:
            raise NotNow
        return payload

    async def _read(self, group: ScanGroup, slot: Slot, has_answered: bool) -> bool | None:
        """One read of a scan. True: the unit has answered. None: the scan is over, and whoever ended it has said so.

        `has_answered`: it did so just before; then what fails now is the fault of this read.
        """
        try:
            payload = await self._request(slot.read)
        except DeviceRefused as error:
            return self._refused(group, slot, error, has_answered)
        except NoAnswer as error:
            return self._unanswered(group, slot, error, BAD_TIMEOUT, has_answered)
        except FoundClosed as error:
            self._shared.lose(error)
            return None
        except (BadReply, LinkDown) as error:
            group.lose(slot, BAD_NO_COMMUNICATION)
            if isinstance(error, LinkDown) or error.is_out_of_step:
                slot.hold_back(self._loop.time())
                self._shared.lose(error)
                return None
            return has_answered
        except NotNow:
            return None
        group.take(slot, payload, self._loop.time(), now_ms())
        if self.state != ANSWERING:
            self._set_state(ANSWERING, "")
        return True

    def _unanswered(
        self, group: ScanGroup, slot: Slot, error: DriverError, never: int, has_answered: bool
    ) -> bool | None:
        slot.hold_back(self._loop.time())
        group.lose(slot, never)
        if has_answered:
            return False
        self._fall_silent(error, never)
        return None

    # -- exceptions ---------------------------------------------------------------------------------------------

    def _refused(self, group: ScanGroup, slot: Slot, error: DeviceRefused, has_answered: bool) -> bool | None:
        """The device has answered that it will not. What that means depends on the code."""
        code = error.code
        if code == NO_GATEWAY_PATH:
            return self._without_path(group, slot, has_answered)
        if code == TARGET_SILENT:
            silent = NoAnswer(BEHIND_GATEWAY[code][1])
            return self._unanswered(group, slot, silent, BAD_NO_COMMUNICATION, has_answered)
        if self.state != ANSWERING:
            self._set_state(ANSWERING, "")
        if code in TEACHING:
            self._learn(group, slot, code)
        elif code in RETRIES_S:
            self._retry_later(group, slot, code)
        else:
            group.refuse(slot, BAD_DEVICE_FAILURE)
            if code not in self._logged:
                self._logged.add(code)
                where = {"link": self._shared.name, "device": self.name, "code": f"{code:02X}"}
                log.warning("unknown exception", **where, reason="its values count as a failure of the device")
        return True

    def _without_path(self, group: ScanGroup, slot: Slot, has_answered: bool) -> bool | None:
        """The gateway has no way to the unit, or too much to do. Leave it alone for a while; the connection stays."""
        now, (first_s, longest_s) = self._loop.time(), GATEWAY_PAUSES_S
        group.refuse(slot, BAD_NO_COMMUNICATION)
        if has_answered:
            slot.held_until = now + first_s
            return True
        for each in self.groups:
            each.refuse_all(BAD_NO_COMMUNICATION)
        self.never = BAD_NO_COMMUNICATION
        self.pause = Pause(first_s=first_s, longest_s=longest_s)
        self._fall(*BEHIND_GATEWAY[NO_GATEWAY_PATH])
        return None

    def _learn(self, group: ScanGroup, slot: Slot, code: int) -> None:
        now, was_good = self._loop.time(), slot.taken_at > 0
        self.learned.refuse(group.name, slot.read, code, was_good=was_good, now=now, witness=self._witness(slot))
        if self.learned.is_searching(group.name, slot.read):
            slot.is_searched = True
            group.lose(slot, BAD_WAITING_FOR_INITIAL_DATA, kept=UNCERTAIN_LAST_USABLE)
        else:
            group.refuse(slot, BAD_CONFIGURATION_ERROR)

    def _witness(self, refused: Slot) -> Read | None:
        """Another read of the same table, the last that was answered."""
        slots = [s for group in self.groups for s in group.slots if s is not refused and s.taken_at]
        known = [s for s in slots if s.read.table is refused.read.table and not s.is_searched]
        return max(known, key=lambda s: s.taken_at).read if known else None

    def _retry_later(self, group: ScanGroup, slot: Slot, code: int) -> None:
        pauses = RETRIES_S[code]
        if slot.tries < len(pauses):
            slot.held_until = slot.retry_at = self._loop.time() + pauses[slot.tries]
            slot.tries += 1
            self._retry_at = min(self._retry_at, slot.retry_at)
            group.lose(slot, BAD_DEVICE_FAILURE, kept=UNCERTAIN_LAST_USABLE)
            return
        slot.retry_at = 0.0
        if code in IS_BUSY:
            slot.tries = 0  # each scan begins anew
            group.lose(slot, BAD_DEVICE_FAILURE, kept=UNCERTAIN_LAST_USABLE)
        else:
            group.refuse(slot, BAD_DEVICE_FAILURE)

    async def _retry(self) -> None:
        """What was busy or failed a moment ago, out of turn."""
        for group in self.groups:
            now = self._loop.time()
            due = [slot for slot in group.slots if 0 < slot.retry_at <= now]
            for slot in due:
                slot.retry_at = 0.0
                if await self._read(group, slot, True) is None:
                    self._look_for_retries()
                    return
            if due:
                self._plan_anew()
                self.publish(group)
        self._look_for_retries()

    def _look_for_retries(self) -> None:
        times = [slot.retry_at for group in self.groups for slot in group.slots if slot.retry_at]
        self._retry_at = min(times, default=inf)

    # -- what the device has not --------------------------------------------------------------------------------

    async def _question(self) -> None:
        """One request of a search for the reason of a refusal, or of a retry of something that was refused."""
        now = self._loop.time()
        read = self.learned.question(now)
        if read is None:
            self._plan_anew()
            return
        was_answered = self._has_answered_last
        try:
            await self._request(read)
            self.learned.answer(None, self._loop.time())
        except DeviceRefused as error:
            if error.code == TARGET_SILENT:
                self._question_unanswered(NoAnswer(BEHIND_GATEWAY[error.code][1]), BAD_NO_COMMUNICATION, was_answered)
            else:
                self.learned.answer(error.code, self._loop.time())
        except NoAnswer as error:
            self._question_unanswered(error, BAD_TIMEOUT, was_answered)
        except FoundClosed as error:
            self.learned.postpone(self._loop.time())
            self._shared.lose(error)
        except (BadReply, LinkDown) as error:
            self.learned.be_met_with_silence(self._loop.time())
            if isinstance(error, LinkDown) or error.is_out_of_step:
                self._shared.lose(error)
        except NotNow:
            self.learned.postpone(self._loop.time())
        self._plan_anew()

    def _question_unanswered(self, error: DriverError, never: int, was_answered: bool) -> None:
        """By a unit that answers otherwise, that is an answer too."""
        if was_answered:
            self.learned.be_met_with_silence(self._loop.time())
        else:
            self.learned.postpone(self._loop.time())
            self._fall_silent(error, never)

    def _plan_anew(self) -> None:
        """When something was learned. What can be read now is read at once."""
        if all(not group.plan_anew() for group in self.groups):
            return
        self._look_for_retries()
        self._shared.note_change()
        log.info("requests planned anew", link=self._shared.name, device=self.name, reason="by what the device refuses",
                 refused_tags=sum(len(group.illegal) for group in self.groups),
                 max_registers=self.learned.learned_max_registers)  # fmt: skip
        for group in self.groups:
            if any(slot.is_lost for slot in group.slots):
                group.timetable.at_once()
            elif not group.slots:
                self.publish(group)

    # -- it falls silent, and comes back ------------------------------------------------------------------------

    def _fall_silent(self, error: DriverError, never: int) -> None:
        self.never = never
        self.pause = Pause(patient=self._shared.is_lone)
        self._fall(SILENT, str(error))

    def _fall(self, state: str, reason: str) -> None:
        now = self._loop.time()
        self.probe_at = now + self.pause.next_s(now)
        self._set_state(state, reason)
        if self.never == BAD_TIMEOUT and self._shared.note_silent(NoAnswer(reason)):
            return
        log.warning("device lost", link=self._shared.name, device=self.name, reason=reason)
        for group in self.groups:
            self.publish_failed(group)

    async def _probe(self) -> None:
        """Is the silent device back? Asks with its reads in turn, for one of them may be what it cannot answer."""
        started = self._loop.time()
        try:
            found = await self.knock()
        except (BadReply, LinkDown) as error:
            self._shared.lose(error)
            return
        except NotNow:
            return
        if found == "answers":
            log.info("device back", link=self._shared.name, device=self.name)
            self.come_back()
        else:
            self.probe_at = started + self.pause.next_s(started)

    async def knock(self, *, is_proof: bool = False) -> Found:
        """Does anything that belongs to a request come back? Raises LinkDown, NotNow, and BadReply when out of step."""
        slot = self._next_probe(self._loop.time())
        if slot is None:
            return "answers"  # it refuses everything there is to read, and has said so
        try:
            await self._request(slot.read, is_proof=is_proof)
        except DeviceRefused as error:
            if error.code not in BEHIND_GATEWAY:
                return "answers"
            state, why = BEHIND_GATEWAY[error.code]
            self.never = BAD_NO_COMMUNICATION
            self._set_state(state, why)
            return "gateway"
        except (BadReply, LinkDown) as error:
            if isinstance(error, BadReply) and not error.is_out_of_step:
                return "answers"
            if not isinstance(error, FoundClosed):
                slot.hold_back(self._loop.time())
            raise
        except NoAnswer as error:
            self.never = BAD_TIMEOUT
            self._set_state(SILENT, str(error))
            return "silent"
        return "answers"

    def _next_probe(self, now: float) -> Slot | None:
        """The reads in turn; those that did harm lately only when there is no other."""
        slots = [slot for group in self.groups for slot in group.slots]
        usable = [slot for slot in slots if slot.held_until <= now] or slots
        self.probed += 1
        return usable[(self.probed - 1) % len(usable)] if usable else None

    def come_back(self) -> None:
        self.reason = ""
        self.pause = Pause()
        self._set_state(ANSWERING, "")
        self.scan_at_once()

    def wait_for(self, probe_at: float) -> None:
        """The link is there, this unit is not."""
        self.pause = Pause(patient=self._shared.is_lone)
        self.probe_at = probe_at
        self._wake.set()

    def scan_at_once(self) -> None:
        for group in self.groups:
            group.timetable.at_once()
        self._wake.set()

    # -- out of use ---------------------------------------------------------------------------------------------

    def set_out_of_use(self, why: str) -> None:
        """Empty: back in use. Nothing is sent to the unit any more, not even what waits for its turn on the line."""
        if why and self._is_out_of_use:
            self.reason = why
            return
        self._is_out_of_use = bool(why)
        log.info("device out of use" if why else "device in use again", device=self.name, reason=why)
        self._set_state(OUT_OF_USE if why else WAITING, why)
        self.never = BAD_WAITING_FOR_INITIAL_DATA
        for group in self.groups:
            if why:
                group.take_out_of_use()
            else:
                group.put_back()
                group.timetable.at_once()
            self.publish(group)
        self.reason = why
        self._wake.set()
