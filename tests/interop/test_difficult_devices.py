"""Devices that work, in their own way: half a protocol, one connection, slowly. What can be read is Good."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median
from typing import Any

import pytest
from redis.asyncio import Redis

from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_TIMEOUT,
    GOOD,
    UNCERTAIN_LAST_USABLE,
    Severity,
    severity,
)
from devices.points import DataType, Point, Table
from devices.quirks import Quirks, RegistersBy
from tests.devices.rig import Plant, a_device, a_tag, polling, until_row
from tests.interop.faults import after, exception, instead, only_registers_of, silent
from tests.interop.faulty import Device, Framing, Request, a_device_of, honest, now_ms
from tests.interop.sites import BACK_S, SCAN_MS, a_site, achieved_ms, watched
from tests.interop.waiting import within
from tests.interop.witness import Witness

FRAMINGS = pytest.mark.parametrize("framing", list(Framing))


def statuses(witness: Witness, tags: list[int]) -> set[int]:
    return {witness.said[tag].status for tag in tags if tag in witness.said}


# -- what it has, and what it has not ---------------------------------------------------------------------------------


async def test_a_device_without_input_registers_keeps_its_holding_registers(bus: Redis, bus_url: str) -> None:
    """Exception 01 concerns its function code."""
    async with a_device_of(Framing.TCP, only_registers_of(3)) as device:
        holding = a_site(1, device)
        inputs = a_site(2, device, table=Table.INPUT, unit=2)
        async with watched(bus, bus_url, [holding, inputs]) as (witness, _):
            await within(2, lambda: witness.are_good(holding.tags), "holding registers are Good")
            await within(2, lambda: statuses(witness, inputs.tags) == {BAD_CONFIGURATION_ERROR}, "inputs are marked")
            since = now_ms()
            await asyncio.sleep(0.3)
            assert witness.are_good(holding.tags, since)


async def test_a_device_that_knows_only_function_code_3_is_read_by_it(bus: Redis, bus_url: str) -> None:
    """MB-10: quirk `registers_by`."""
    asked_input = []

    async def three(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        """Holds its input registers, as function code 3 gives them."""
        asked_input.append(request.function)
        as_input = Request(request.framing, request.unit, 4, request.address, request.count, request.tid)
        if request.function == 3:
            writer.write(request.framed(b"\x03" + device.pdu(as_input)[1:]))
        else:
            writer.write(request.exception(1))

    async with a_device_of(Framing.TCP, three) as device:
        site = a_site(1, device, table=Table.INPUT, quirks=Quirks(registers_by=RegistersBy.FC3))
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(2, lambda: witness.are_good(site.tags), "input registers by function code 3")
    assert set(asked_input) == {3}


async def test_a_device_that_answers_as_another_unit_is_read_when_that_is_said_of_it(bus: Redis, bus_url: str) -> None:
    """MB-10: quirk `any_unit`; without it the same replies are refused (tests/interop/faults.py)."""
    as_seven = instead(lambda d, r: r.framed(d.pdu(r), unit=7 - r.unit))
    async with a_device_of(Framing.TCP, as_seven) as device:
        site = a_site(1, device, quirks=Quirks(any_unit=True))
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(2, lambda: witness.are_good(site.tags), "whatever unit the replies name")


@FRAMINGS
async def test_a_unit_that_does_not_exist_is_silent_and_costs_the_others_little(
    bus: Redis, bus_url: str, framing: Framing
) -> None:
    async with a_device_of(framing) as device:
        device.units = frozenset({1, 2})
        there = [a_site(number, device, unit=number) for number in (1, 2)]
        absent = a_site(3, device, unit=9)
        async with watched(bus, bus_url, [*there, absent]) as (witness, _):
            for site in there:
                await within(2, partial(witness.are_good, site.tags), "a unit that exists")
            since = now_ms()
            await asyncio.sleep(1.5)
            assert statuses(witness, absent.tags) == {BAD_TIMEOUT}
            for site in there:
                assert witness.are_good(site.tags, now_ms() - 500)
                gap_ms = max(witness.gaps_ms(site.group, since))
                assert gap_ms < 150 + 2 * SCAN_MS + 2 * witness.slowness_ms, "one time-out now and then"


# -- its connection ---------------------------------------------------------------------------------------------------


def _one_at_a_time(*, newest_wins: bool) -> Callable[[Device, asyncio.StreamWriter], Any]:
    async def admit(device: Device, writer: asyncio.StreamWriter) -> bool:
        others = [w for w in device.writers if w is not writer]
        if newest_wins:
            for other in others:
                other.transport.abort()
        return newest_wins or not others

    return admit


@asynccontextmanager
async def an_intruder(device: Device) -> AsyncIterator[None]:
    """Somebody else's connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", device.port)
    try:
        yield
    finally:
        writer.transport.abort()


async def test_a_device_with_one_connection_is_read_once_the_other_has_gone(bus: Redis, bus_url: str) -> None:
    async with a_device_of() as device:
        device.admit = _one_at_a_time(newest_wins=False)
        site = a_site(1, device)
        async with an_intruder(device):
            await within(1, lambda: bool(device.writers), "the other is there first")
            async with watched(bus, bus_url, [site]) as (witness, _):
                await within(2, lambda: witness.are_marked(site.tags), "nothing can be read")
                for writer in list(device.writers):
                    writer.transport.abort()
                ended = now_ms()
                await within(BACK_S, lambda: witness.are_good(site.tags, ended), "it is our turn")
                assert len(device.writers) == 1


async def test_a_connection_that_is_taken_over_comes_back(bus: Redis, bus_url: str) -> None:
    async with a_device_of() as device:
        device.admit = _one_at_a_time(newest_wins=True)
        site = a_site(1, device)
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(2, lambda: witness.are_good(site.tags), "read")
            async with an_intruder(device):
                taken = now_ms()
                await within(BACK_S, lambda: witness.are_good(site.tags, taken), "back, and the intruder is out")


async def test_a_gateway_that_sends_old_answers_to_a_new_connection_falsifies_nothing(bus: Redis, bus_url: str) -> None:
    """MB-03: transaction ids do not begin anew with a connection."""
    answered: list[bytes] = []

    async def spill(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        """As the n-th answer of this connection what was the n-th answer of the one before."""
        answered.append(device.reply(request))
        index = counts[writer] = counts.get(writer, -1) + 1
        old = before.get(index)
        this.setdefault(index, answered[-1])
        writer.write(answered[-1] if old is None else old)
        if index == 3:
            before.update(this)
            this.clear()
            writer.close()

    counts: dict[asyncio.StreamWriter, int] = {}
    before: dict[int, bytes] = {}
    this: dict[int, bytes] = {}
    async with a_device_of(Framing.TCP, spill) as device:
        site = a_site(1, device)
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(2, lambda: witness.are_good(site.tags), "read")
            await within(4, lambda: device.connections >= 3, "connected anew")
            device.answer, ended = honest, now_ms()
            await within(5, lambda: witness.are_good(site.tags, ended), "back after its pause: it broke connections")


@FRAMINGS
async def test_one_request_at_a_time_is_sent(bus: Redis, bus_url: str, framing: Framing) -> None:
    """MB-02, with several units and scan periods on the link."""
    busy, overlaps = 0, 0

    async def slow(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal busy, overlaps
        frame = device.reply(request)
        overlaps += busy
        busy += 1
        device.later(0.02, writer, frame)
        asyncio.get_running_loop().call_later(0.019, done)

    def done() -> None:
        nonlocal busy
        busy -= 1

    async with a_device_of(framing, slow) as device:
        sites = [a_site(number, device, unit=number, scan_ms=100 * number) for number in (1, 2, 3)]
        async with watched(bus, bus_url, sites) as (witness, _):
            for site in sites:
                await within(2, partial(witness.are_good, site.tags), "read")
            await asyncio.sleep(0.5)
    assert (overlaps, device.connections) == (0, 1)


async def test_a_device_that_closes_when_idle_is_never_marked(bus: Redis, bus_url: str) -> None:
    """MB-10: it closes after 0.3 s, and is asked every 0.7 s."""
    async with a_device_of() as device:

        async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(device.reply(request))
            asyncio.get_running_loop().call_later(0.3, close_if_idle, len(device.requests), writer)

        def close_if_idle(count: int, writer: asyncio.StreamWriter) -> None:
            if len(device.requests) == count:
                writer.close()

        device.answer = answer
        site = a_site(1, device, scan_ms=700)
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(3, lambda: witness.are_good(site.tags), "read")
            began = now_ms()
            while now_ms() - began < 2500:
                assert not witness.are_marked(site.tags), "a connection that is closed when idle is no fault"
                await asyncio.sleep(0.02)
            assert witness.are_good(site.tags, now_ms() - 1700)
            assert device.connections >= 3


async def test_a_port_that_takes_connections_and_never_answers_is_a_time_out(bus: Redis, bus_url: str) -> None:
    """Half-open: the process behind the port hangs. When it goes on, all is back."""
    async with a_device_of(Framing.TCP, silent) as device:
        site = a_site(1, device)
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(2, lambda: statuses(witness, site.tags) == {BAD_TIMEOUT}, "marked")
            device.answer, ended = honest, now_ms()
            await within(BACK_S, lambda: witness.are_good(site.tags, ended), "back")


# -- its pace ---------------------------------------------------------------------------------------------------------


async def test_twelve_hundred_milliseconds_for_each_reply_are_slow_but_true(bus: Redis, bus_url: str) -> None:
    """A fast device beside it keeps its period (MB-08)."""
    async with a_device_of(Framing.TCP, after(1.2)) as slow_one, a_device_of() as fast_one:
        slow = a_site(1, slow_one, addresses=[0, 2], scan_ms=500, timeout_ms=2000)
        fast = a_site(2, fast_one)
        async with watched(bus, bus_url, [slow, fast]) as (witness, poller):
            await within(4, lambda: witness.are_good(slow.tags), "the slow one")
            since = now_ms()
            await asyncio.sleep(0.8)
            assert witness.are_good(slow.tags, now_ms() - 1500)
            gaps = witness.gaps_ms(fast.group, since)
            assert abs(median(gaps) - SCAN_MS) < 0.2 * SCAN_MS
            assert achieved_ms(poller, fast) < 2 * SCAN_MS


@pytest.mark.parametrize("code", [5, 6])
async def test_a_busy_device_keeps_its_values_and_delays_no_unit_beside_it(bus: Redis, bus_url: str, code: int) -> None:
    """Exceptions 05 and 06: last value, Uncertain, with the time it was taken."""
    async with a_device_of() as device:
        busy, other = a_site(1, device), a_site(2, device, unit=2)
        async with watched(bus, bus_url, [busy, other]) as (witness, _):
            await within(2, lambda: witness.are_good(busy.tags + other.tags), "read")
            refuse = exception(code)

            async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
                await (refuse if request.unit == 1 else honest)(device, request, writer)

            device.answer, begun = answer, now_ms()
            await within(2, lambda: statuses(witness, busy.tags) == {UNCERTAIN_LAST_USABLE}, "marked as kept")
            assert all(witness.said[tag].value is not None for tag in busy.tags)
            await asyncio.sleep(0.8)
            assert max(witness.gaps_ms(other.group, begun)) < 2 * SCAN_MS + 2 * witness.slowness_ms
            assert all(severity(s) is Severity.GOOD for s in statuses(witness, other.tags))
            device.answer, ended = honest, now_ms()
            await within(BACK_S, lambda: witness.are_good(busy.tags, ended), "back")


@pytest.mark.parametrize("code", [0x0A, 0x0B])
async def test_a_gateway_that_cannot_reach_one_unit_goes_on_with_the_others(
    bus: Redis, bus_url: str, code: int
) -> None:
    """0A, 0B: that unit is asked ever more rarely, on the same connection."""
    async with a_device_of() as device:
        gone, other = a_site(1, device), a_site(2, device, unit=2)
        refuse = exception(code)

        async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
            await (refuse if request.unit == 1 else honest)(device, request, writer)

        async with watched(bus, bus_url, [gone, other]) as (witness, _):
            await within(2, lambda: witness.are_good(gone.tags + other.tags), "read")
            device.answer, begun = answer, now_ms()
            await within(1, lambda: witness.are_marked(gone.tags), "marked")
            await asyncio.sleep(1)
            assert witness.are_good(other.tags, now_ms() - 300)
            assert max(witness.gaps_ms(other.group, begun)) < 2 * SCAN_MS + 2 * witness.slowness_ms
            assert device.connections == 1


async def test_a_read_that_hangs_does_not_keep_the_rest_of_its_scan_fresh(bus: Redis, bus_url: str) -> None:
    """UA-05, of values that do not change: nobody can see that they are old but by their quality."""
    answered_ms = 0

    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal answered_ms
        if request.address < 500 or not is_hanging:
            answered_ms = now_ms() if request.address < 500 else answered_ms
            writer.write(request.framed(bytes([3, 2 * request.count]) + b"\x00\x07" * request.count))

    is_hanging = False
    async with a_device_of(Framing.TCP, answer) as device:
        entry = a_device(1, device.port, timeout_ms=20_000)
        first, second = Point(1, Table.HOLDING, 0, DataType.UINT16), Point(2, Table.HOLDING, 500, DataType.UINT16)
        async with polling(bus_url, Plant({entry: [a_tag(entry, first), a_tag(entry, second)]})):
            await until_row(bus, "1:200", 2, lambda found: found == (7, GOOD))
            is_hanging = True
            await until_row(bus, "1:200", 1, lambda found: found[1] != GOOD)
            assert now_ms() - answered_ms < 2300
