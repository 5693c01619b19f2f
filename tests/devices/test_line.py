"""The line of a link: whose turn it is, pauses, and a connection closed while nobody needs it (MB-02, MB-10)."""

import asyncio
from dataclasses import dataclass, field

import pytest

from devices.drivers.base import BadReply, DeviceRefused, DriverError, LinkDown, NoAnswer
from devices.plan import Read
from devices.points import Table
from devices.poller.health import UnitFigures
from devices.poller.line import FoundClosed, Line, NotNow
from devices.quirks import Quirks

READ = Read(Table.HOLDING, 0, 1, ())


class Driver:
    """Answers after a while; notes what was asked, when, and how many connections were ever open at once."""

    late_replies = stray_replies = 0

    def __init__(self, took_s: float = 0.0) -> None:
        self.took_s = took_s
        self.is_connected = True
        self.asked: list[int] = []
        self.times: list[float] = []
        self.at_once = 0
        self.connects = self.closes = 0
        self.error: DriverError | None = None

    async def connect(self, timeout_s: float) -> None:
        assert not self.is_connected, "one connection at a time"
        self.connects += 1
        self.is_connected = True

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
        self.at_once += 1
        assert self.at_once == 1, "one request at a time"
        self.asked.append(unit)
        self.times.append(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(self.took_s)
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return bytes(read.payload_bytes)

    async def identify(self, unit: int, timeout_s: float) -> dict[int, str]:
        return {}

    def close(self) -> None:
        self.closes += self.is_connected
        self.is_connected = False


@dataclass
class Unit:
    number: int
    timeout_s: float = 1.0
    may_ask: bool = True
    figures: UnitFigures = field(default_factory=UnitFigures)


def a_line(driver: Driver, **quirks: int | bool) -> Line:
    return Line(driver, [Quirks(**quirks)], 1.0)  # type: ignore[arg-type] # field by field


async def test_the_quick_go_before_the_slow_and_nobody_waits_for_ever() -> None:
    driver = Driver(0.02)
    line = a_line(driver)

    async def ask(number: int, likely_s: float) -> None:
        await line.request(Unit(number), READ, likely_s)

    first = asyncio.create_task(ask(0, 0.0))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(ask(n, s)) for n, s in ((1, 0.15), (2, 0.01), (3, 0.001))]
    await asyncio.sleep(0)
    stream = [asyncio.create_task(ask(10, 0.0))]
    while not waiting[0].done():
        await asyncio.sleep(0.015)
        stream.append(asyncio.create_task(ask(10, 0.0)))
    await asyncio.gather(first, *waiting, *stream)
    assert driver.asked[:4] == [0, 10, 3, 2]
    assert 1 in driver.asked[5:20], "the slow one had its turn though quick ones kept coming"


async def test_who_leaves_the_queue_holds_nobody_up() -> None:
    driver = Driver(60.0)
    line = a_line(driver)
    tasks = [asyncio.create_task(line.request(Unit(n), READ, 0.0)) for n in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.sleep(0.005)
    assert driver.asked == [0]
    driver.took_s = 0.01  # those who come after the first one
    tasks[0].cancel()
    tasks[1].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(d, bytes) for d in done] == [False, False, False, True, True, True]
    assert await line.request(Unit(9), READ, 0.0)


async def test_the_pause_of_the_neediest_unit_holds_between_all_requests() -> None:
    driver = Driver()
    line = Line(driver, [Quirks(), Quirks(delay_ms=40)], 1.0)
    for n in range(4):
        await line.request(Unit(n), READ, 0.0)
    assert min(b - a for a, b in zip(driver.times, driver.times[1:], strict=False)) >= 0.039


async def test_what_came_to_its_turn_too_late_is_not_sent() -> None:
    driver = Driver()
    with pytest.raises(NotNow):
        await a_line(driver).request(Unit(1, may_ask=False), READ, 0.0)
    assert not driver.asked


async def test_a_connection_that_rests_is_opened_for_the_next_request() -> None:
    driver = Driver()
    line = a_line(driver, connect_per_scan=True)
    await line.request(Unit(1), READ, 0.0)
    line.rest()
    assert not driver.is_connected
    await line.request(Unit(1), READ, 0.0)
    assert (driver.connects, driver.closes) == (1, 1)


async def test_a_connection_in_use_does_not_rest() -> None:
    driver = Driver(0.02)
    line = a_line(driver)
    task = asyncio.create_task(line.request(Unit(1), READ, 0.0))
    await asyncio.sleep(0.001)
    line.rest()
    assert driver.is_connected
    await task


async def test_an_idle_connection_is_closed_before_the_device_does_it() -> None:
    driver = Driver()
    line = a_line(driver, idle_close_s=30)
    await line.request(Unit(1), READ, 0.0)
    now = asyncio.get_running_loop().time()
    line.rest_if_idle(now + 28)
    assert driver.is_connected
    line.rest_if_idle(now + 29.1)
    assert not driver.is_connected


async def test_requests_without_data_are_counted_until_there_is_data() -> None:
    driver, unit = Driver(), Unit(1)
    line = a_line(driver)
    driver.is_connected = False
    with pytest.raises(LinkDown):
        await line.request(unit, READ, 0.0)
    assert unit.figures.without_data == 0, "nothing was asked"
    driver.is_connected, driver.error = True, BadReply("of another request")
    for _ in range(2):
        with pytest.raises(BadReply):
            await line.request(unit, READ, 0.0)
    assert unit.figures.without_data == 2
    driver.error = None
    await line.request(unit, READ, 0.0)
    assert unit.figures.without_data == 0


async def test_a_device_that_closes_unasked_is_a_fault_unless_it_was_idle() -> None:
    driver = Driver()
    line = a_line(driver)
    driver.is_connected = False
    unit = Unit(1)
    with pytest.raises(LinkDown, match="the device closed the connection"):
        await line.request(unit, READ, 0.0)
    assert (unit.figures.requests, unit.figures.hang_ups) == (0, 1)
    quiet = a_line(driver, idle_close_s=30)
    await quiet.request(Unit(1), READ, 0.0)
    assert driver.connects == 1
    driver.is_connected = False
    with pytest.raises(LinkDown):
        await quiet.request(Unit(1), READ, 0.0)


async def test_a_connection_that_breaks_on_the_first_request_after_a_pause_is_opened_once_more() -> None:
    """The device closed it for idleness just when we asked."""

    class Closing(Driver):
        async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
            if not self.asked:
                self.asked.append(unit)
                self.is_connected = False
                raise LinkDown("the device closed the connection")
            return await super().read(unit, read, timeout_s)

    driver = Closing()
    line = a_line(driver, idle_close_s=1)
    assert await line.request(Unit(1), READ, 0.0)
    assert driver.connects == 1


@pytest.mark.parametrize("error", [DeviceRefused(4), NoAnswer("time-out"), BadReply("garbage"), LinkDown("reset")])
async def test_what_goes_wrong_after_an_idle_connection_was_opened_once_more_is_counted(error: DriverError) -> None:
    class Closing(Driver):
        async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
            self.asked.append(unit)
            if len(self.asked) > 1:
                raise error
            self.is_connected = False
            raise LinkDown("the device closed the connection")

    unit = Unit(1)
    with pytest.raises(type(error)):
        await a_line(Closing(), idle_close_s=1).request(unit, READ, 0.0)
    assert (unit.figures.requests, unit.figures.errors) == (1, 1)


async def test_a_resting_connection_that_cannot_be_opened_is_no_fault_of_the_read() -> None:
    class Gone(Driver):
        async def connect(self, timeout_s: float) -> None:
            raise LinkDown("connection refused")

    driver = Gone()
    line = a_line(driver, connect_per_scan=True)
    line.rest()
    with pytest.raises(FoundClosed, match="connection refused"):
        await line.request(Unit(1), READ, 0.0)
    assert driver.asked == []
