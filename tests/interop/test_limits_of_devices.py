"""Devices with limits that are found out, or told by quirks: what can be read is Good, and only what cannot is not."""

import asyncio

import pytest
from redis.asyncio import Redis

from bus.quality import BAD_CONFIGURATION_ERROR
from devices.quirks import Quirks
from tests.interop.faults import at_most, with_holes
from tests.interop.faulty import Device, Framing, Request, a_device_of, honest, now_ms
from tests.interop.sites import BACK_S, a_site, watched
from tests.interop.waiting import within
from tests.interop.witness import Witness

FRAMINGS = pytest.mark.parametrize("framing", list(Framing))
LEARNED_S = 3.0
"""A device is got to know within so many seconds; its good values are read meanwhile."""


def statuses(witness: Witness, tags: list[int]) -> set[int]:
    return {witness.said[tag].status for tag in tags if tag in witness.said}


@FRAMINGS
async def test_only_the_tags_in_a_hole_are_bad(bus: Redis, bus_url: str, framing: Framing) -> None:
    """MB-05, UA-03: exception 02 is searched for its hole; nothing around it suffers."""
    async with a_device_of(framing, with_holes(range(10, 14), range(30, 31))) as device:
        site = a_site(1, device, addresses=range(0, 60, 2))
        illegal = site.tags_at(10, 12, 30)
        legal = [tag for tag in site.tags if tag not in illegal]
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(LEARNED_S, lambda: witness.are_good(legal), "all around the holes is Good")
            assert statuses(witness, illegal) == {BAD_CONFIGURATION_ERROR}
            asked = len(device.requests)
            since = now_ms()
            await asyncio.sleep(0.5)
            assert witness.are_good(legal, since)
            refused = [r for r in device.requests[asked:] if r.address < 14 and r.address + r.count > 10]
            assert refused == [], "what a hole has taught is remembered"


async def test_a_hole_that_closes_is_noticed(bus: Redis, bus_url: str) -> None:
    """What was good before is asked for every second: a controller that is being loaded comes back soon."""
    async with a_device_of() as device:
        site = a_site(1, device, addresses=range(0, 20, 2))
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(3, lambda: witness.are_good(site.tags), "all are Good")
            device.answer = with_holes(range(4, 8))
            await within(2, lambda: witness.are_marked(site.tags_at(4, 6)), "the hole is marked")
            await within(LEARNED_S, lambda: witness.are_good(site.tags_at(0, 2, 8, 10, 18), now_ms() - 300), "the rest")
            device.answer = honest
            ended = now_ms()
            await within(BACK_S + 0.5, lambda: witness.are_good(site.tags, ended), "all are Good again")


@FRAMINGS
@pytest.mark.parametrize("code", [2, 3])
async def test_a_device_that_gives_sixteen_registers_at_once_is_read_whole(
    bus: Redis, bus_url: str, framing: Framing, code: int
) -> None:
    """Exception 03, or 02 of devices that mean it: the quantity is made smaller until it fits."""
    async with a_device_of(framing, at_most(16, code)) as device:
        site = a_site(1, device, addresses=range(0, 100, 2))
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(LEARNED_S, lambda: witness.are_good(site.tags), "every register is Good")
            asked = len(device.requests)
            await asyncio.sleep(0.4)
            assert max(r.count for r in device.requests[asked:]) <= 16


async def test_a_connection_for_each_scan_is_opened_and_closed(bus: Redis, bus_url: str) -> None:
    """MB-10: quirk `connect_per_scan`."""
    async with a_device_of() as device:
        site = a_site(1, device, scan_ms=200, quirks=Quirks(connect_per_scan=True))
        async with watched(bus, bus_url, [site]) as (witness, _):
            await within(3, lambda: witness.are_good(site.tags), "read")
            connections, since = device.connections, now_ms()
            await asyncio.sleep(1.1)
            assert 2 <= device.connections - connections <= 7
            assert len(device.writers) <= 1
            assert witness.are_good(site.tags, now_ms() - 450 - 2 * witness.slowness_ms)
            assert max(witness.gaps_ms(site.group, since)) < 400 + 2 * witness.slowness_ms


async def test_a_device_that_needs_a_pause_between_requests_gets_it(bus: Redis, bus_url: str) -> None:
    """MB-08, MB-10: quirk `delay_ms`. It is deaf for 40 ms after each answer."""
    deaf_until = 0.0

    async def deaf(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal deaf_until
        now = asyncio.get_running_loop().time()
        if now >= deaf_until:
            writer.write(device.reply(request))
            deaf_until = now + 0.04

    async with a_device_of(Framing.TCP, deaf) as device:
        site = a_site(1, device, scan_ms=200, quirks=Quirks(delay_ms=50))
        async with watched(bus, bus_url, [site]) as (witness, poller):
            await within(3, lambda: witness.are_good(site.tags), "read")
            await asyncio.sleep(0.8)
            assert witness.are_good(site.tags, now_ms() - 500)
            (link,) = poller.links.values()
            assert link.health().detail["timeouts"] == 0
