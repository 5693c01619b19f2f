"""Questions of a search, on a connection that is not there: nothing is learned of the device by that."""

import asyncio
from contextlib import suppress
from functools import partial

from bus.quality import BAD_NO_COMMUNICATION
from devices.drivers.base import DeviceRefused, DriverError
from devices.plan import Read
from devices.points import DataType, Point, Table
from devices.poller.health import SILENT
from devices.poller.line import Line
from devices.poller.outbox import Outbox
from devices.poller.overlay import Overlay
from devices.poller.spec import GroupSpec, UnitSpec
from devices.poller.unit import Unit
from devices.quirks import Quirks
from tests.devices.test_line import Driver
from tests.devices.waiting import until

GROUP = GroupSpec("1:60000", 60000, tuple(Point(i, Table.HOLDING, i, DataType.UINT16) for i in range(8)), ())
SPEC = UnitSpec(1, 1, 1000, 100, 8, Quirks(), True, (GROUP,))


class Link:
    """What a unit needs of one."""

    name, revision, is_lone = "link", 1, True

    def __init__(self, driver: Driver) -> None:
        self.line = Line(driver, [], 1.0)
        self.is_up = True
        self.lost = 0

    def lose(self, error: DriverError) -> None:
        self.lost += 1
        self.is_up = False

    def note_silent(self, error: DriverError) -> bool:
        return False

    def note_change(self) -> None:
        return

    def rest(self) -> None:
        return


def a_searching_unit(link: Link) -> Unit:
    """Its only read was refused."""
    unit = Unit(SPEC, link, Outbox(), {}, Overlay(), str)
    ((slot,),) = (group.slots for group in unit.groups)
    slot.is_searched = True
    unit.learned.refuse(GROUP.name, slot.read, 2, was_good=False, now=0.0)
    return unit


def _has_lost(link: Link, times: int) -> bool:
    return link.lost == times


async def test_a_connection_found_closed_is_no_answer_to_a_question() -> None:
    driver = Driver()
    driver.is_connected = False
    link = Link(driver)
    unit = a_searching_unit(link)
    asked = unit.learned.question(0.0)
    task = asyncio.create_task(unit.run())
    for lost in range(1, 5):
        await until(partial(_has_lost, link, lost))
        unit.learned.next_at, link.is_up = 0.0, True
        unit.wake()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert driver.asked == []
    assert unit.learned.question(0.0) == asked


async def test_a_unit_that_dies_while_it_is_searched_is_left_alone() -> None:
    """Exception 0B costs the gateway its time-out: such a unit is knocked at with growing pauses."""

    class Gateway(Driver):
        async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
            self.asked.append(unit)
            raise DeviceRefused(0x0B)

    link = Link(Gateway())
    unit = a_searching_unit(link)
    task = asyncio.create_task(unit.run())
    await until(lambda: unit.state == SILENT)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert unit.never == BAD_NO_COMMUNICATION
    assert unit.learned.facts == []
