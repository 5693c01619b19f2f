"""Executes what people ask of a device (bus/probes.py), on the line that the link owns, between two of its requests.

Each question at most once: those from before the start and those that are too old never, and none twice. A few at a
time, each with a limit; on one line one at a time, so that between any two of them its scans get their turn.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog
from redis.asyncio import Redis

from bus import probes
from bus.client import MAX_BLOCK_MS, BusError
from bus.probes import LONGEST_S, Dated, Probe, ProbeAnswer
from devices.diagnosis import diagnose
from devices.drivers.base import BadReply, DeviceRefused, Driver, DriverError, LinkDown
from devices.drivers.identity import OBJECTS
from devices.plan import BITS_PER_REGISTER, MAX_BITS, MAX_REGISTERS, Read
from devices.points import Table
from devices.poller.health import CONNECTED, DISCONNECTED
from devices.poller.link import now_ms
from devices.poller.spec import LinkSpec, UnitSpec
from devices.refusals import meaning, what_to_try

log = structlog.get_logger(__name__)

AT_ONCE: Final = 8
WAITING: Final = 32
REMEMBERED: Final = 1000
AGAIN_S: Final = 1.0
GIVE_TRIES: Final = 5
PATIENCE_S: Final = 5.0
"""Time for the link to finish what it is at, beside the device's own time-outs."""

Answer = TypeVar("Answer")


class AskedLink(Protocol):
    """What a probe needs of a link (devices/poller/link.py)."""

    spec: LinkSpec

    async def ask(self, unit_id: int, question: Callable[[Driver], Awaitable[Answer]]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    is_ok: bool
    sentence: str
    try_this: str
    result: dict[str, Any]


class ProbeDesk:
    """`links`: those that run now. `is_polling`: whether this process owns the lines. `out_of_use`: why a device must
    be left alone, by its id; None: it need not."""

    def __init__(
        self,
        client: Redis,
        *,
        links: Callable[[], Iterable[AskedLink]],
        is_polling: Callable[[], bool],
        out_of_use: Callable[[int], str | None] = lambda _: None,
    ) -> None:
        self._client = client
        self._links = links
        self._is_polling = is_polling
        self._out_of_use = out_of_use
        self._entry = ""
        self._taken: deque[str] = deque(maxlen=REMEMBERED)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._lines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Endless; cancel to stop. A bus that is away is waited for."""
        try:
            while True:
                try:
                    await self._follow()
                except BusError:
                    await asyncio.sleep(AGAIN_S)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _follow(self) -> None:
        newest = await probes.newest(self._client)
        if not self._entry or _order(newest) < _order(self._entry):  # the start, or a bus that has lost its data
            self._entry = newest
        while True:
            for dated in await probes.after(self._client, self._entry, MAX_BLOCK_MS):
                redis_now_ms = await probes.redis_now_ms(self._client)
                self._entry = dated.entry
                self._take(dated, redis_now_ms)

    def _take(self, dated: Dated, redis_now_ms: int) -> None:
        probe = dated.probe
        if dated.is_expired(redis_now_ms) or probe.id in self._taken or not self._is_polling():
            return
        self._taken.append(probe.id)
        old_at = asyncio.get_running_loop().time() + (probe.life_ms - (redis_now_ms - dated.at_ms)) / 1000
        work = self._turn_away(probe) if len(self._running) >= WAITING else self._execute(probe, old_at)
        task = asyncio.create_task(work, name=f"probe {probe.id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _turn_away(self, probe: Probe) -> None:
        text = "Too many questions were asked before this one, so the device was not asked."
        await self._give(probe, _Outcome(False, text, "Ask again in a moment.", {}))

    async def _execute(self, probe: Probe, old_at: float) -> None:
        found = self._unit_of(probe.device)
        async with self._lines["" if found is None else found[0].spec.name], self._places:
            if asyncio.get_running_loop().time() > old_at:
                await self._turn_away(probe)
                return
            try:
                outcome = await self._outcome(probe)
            except Exception:
                log.exception("probe failed", probe=probe.kind, device=probe.device)
                outcome = _Outcome(False, "Isthmus itself failed at this; the log of the poller has the fault.", "", {})
        await self._give(probe, outcome)

    async def _give(self, probe: Probe, outcome: _Outcome) -> None:
        given = ProbeAnswer(
            probe.id, probe.kind, probe.device, outcome.is_ok, outcome.sentence, outcome.try_this, now_ms(),
            outcome.result,
        )  # fmt: skip
        for _ in range(GIVE_TRIES):
            try:
                await probes.give(self._client, given)
                return
            except BusError:
                await asyncio.sleep(AGAIN_S)

    async def _outcome(self, probe: Probe) -> _Outcome:
        if sentence := self._out_of_use(probe.device):
            return _Outcome(False, sentence, "Put the device back into use first.", {})
        found = self._unit_of(probe.device)
        if found is None:
            text = "The poller does not know this device: its configuration may have changed a moment ago."
            return _Outcome(False, text, "Ask again in a few seconds.", {})
        link, unit = found
        limit_s = min(LONGEST_S, PATIENCE_S + 5 * unit.timeout_ms / 1000)
        try:
            async with asyncio.timeout(limit_s):
                return await _KINDS[probe.kind](link, unit, probe.arguments)
        except DeviceRefused as error:
            return _Outcome(False, f"The device refused: {meaning(error.code)}.", what_to_try(error.code), {})
        except BadReply as error:
            text = f"What came from {link.spec.endpoint} is not the answer: {error}."
            return _Outcome(False, text, _tip(error, link, unit), {})
        except DriverError as error:
            return _Outcome(
                False, f"No answer from {link.spec.endpoint} unit {unit.unit}: {error}.", _tip(error, link, unit), {}
            )
        except TimeoutError:
            text = f"No answer from {link.spec.endpoint} unit {unit.unit} within {limit_s:.0f} s: the line was busy."
            return _Outcome(False, text, "Ask again; look at the link's load and time-outs.", {})
        except (KeyError, TypeError, ValueError) as error:
            return _Outcome(False, f"This question cannot be understood: {error}.", "Ask again from the page.", {})

    def _unit_of(self, device: int) -> tuple[AskedLink, UnitSpec] | None:
        for link in self._links():
            for unit in link.spec.units:
                if unit.device == device:
                    return link, unit
        return None


# -- the kinds of questions ----------------------------------------------------------------------------------------


async def _connect(link: AskedLink, unit: UnitSpec, _: dict[str, Any]) -> _Outcome:
    """Is it there? The first thing that is read of it, whatever it answers."""
    loop = asyncio.get_running_loop()
    asked = loop.time()
    read = _first_read(unit)

    async def question(driver: Driver) -> tuple[float, float, int | None]:
        started = loop.time()
        try:
            await driver.read(unit.unit, read, unit.timeout_ms / 1000)
        except DeviceRefused as error:
            return started - asked, loop.time() - started, error.code
        return started - asked, loop.time() - started, None

    before_s, rtt_s, code = await link.ask(unit.unit, question)
    result = {"connected_ms": _ms(before_s), "rtt_ms": _ms(rtt_s)}
    text = (
        f"Connected to {link.spec.endpoint} within {_ms(before_s):g} ms; unit {unit.unit} answered in {_ms(rtt_s):g} ms"
    )
    if code is None:
        return _Outcome(True, f"{text}.", "", result)
    return _Outcome(True, f"{text}, with {meaning(code)}.", what_to_try(code), result)


async def _read(link: AskedLink, unit: UnitSpec, arguments: dict[str, Any]) -> _Outcome:
    read = _checked_read(arguments)
    payload, rtt_s = await _timed(link, unit, lambda driver: driver.read(unit.unit, read, unit.timeout_ms / 1000))
    result: dict[str, Any] = {
        "table": read.table.value,
        "address": read.address,
        "count": read.count,
        "rtt_ms": _ms(rtt_s),
        "at_ms": now_ms(),
    }
    if "tag" in arguments:
        result["tag"] = arguments["tag"]
    if read.table.is_bits:
        result["bits"] = [bool(payload[i // 8] >> i % 8 & 1) for i in range(read.count)]
    else:
        result["words"] = [int.from_bytes(payload[i : i + 2], "big") for i in range(0, len(payload), 2)]
    what = "bits" if read.table.is_bits else "registers"
    text = f"{read.count} {what} of {read.table} from {read.address} on, in {_ms(rtt_s):g} ms."
    return _Outcome(True, text, "", result)


async def _identify(link: AskedLink, unit: UnitSpec, _: dict[str, Any]) -> _Outcome:
    objects, rtt_s = await _timed(link, unit, lambda driver: driver.identify(unit.unit, unit.timeout_ms / 1000))
    named = [[number, OBJECTS.get(number, f"object {number}"), text] for number, text in sorted(objects.items())]
    text = "The device says what it is." if named else "The device answered, and says nothing of itself."
    return _Outcome(True, text, "", {"objects": named, "rtt_ms": _ms(rtt_s)})


_KINDS: Final[dict[str, Callable[[AskedLink, UnitSpec, dict[str, Any]], Awaitable[_Outcome]]]] = {
    "connect": _connect,
    "read": _read,
    "identify": _identify,
}


async def _timed(
    link: AskedLink, unit: UnitSpec, question: Callable[[Driver], Awaitable[Answer]]
) -> tuple[Answer, float]:
    """The answer and how long the device took, without the wait for the line."""
    loop = asyncio.get_running_loop()

    async def timed(driver: Driver) -> tuple[Answer, float]:
        started = loop.time()
        answer = await question(driver)
        return answer, loop.time() - started

    return await link.ask(unit.unit, timed)


def _first_read(unit: UnitSpec) -> Read:
    for group in unit.groups:
        for point in group.points:
            return Read(point.table, point.address, point.registers, ())
    return Read(Table.HOLDING, 0, 1, ())


def _checked_read(arguments: dict[str, Any]) -> Read:
    """Checked again: who wrote this into the stream is not known here. Raises ValueError, KeyError or TypeError."""
    table, address, count = Table(arguments["table"]), int(arguments["address"]), int(arguments["count"])
    limit = MAX_BITS if table.is_bits else MAX_REGISTERS
    if not (1 <= count <= limit and address >= 0 and address + count <= 1 << BITS_PER_REGISTER):
        raise ValueError(f"{count} from {address} on is more than can be read")
    return Read(table, address, count, ())


def _tip(error: DriverError, link: AskedLink, unit: UnitSpec) -> str:
    """What the device page would say to try."""
    said = {"state": "silent", "reason": str(error), "timeout_ms": unit.timeout_ms}
    state = DISCONNECTED if isinstance(error, LinkDown) else CONNECTED
    found = diagnose(f"unit {unit.unit}", link.spec.endpoint, said, state, str(error))
    return found[0].try_this if found else ""


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _order(entry: str) -> tuple[int, int]:
    ms, _, seq = entry.partition("-")
    return int(ms), int(seq)
