"""Devices that answer wrongly in every way we know: no false value is ever Good, and all is well again by itself."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from devices.points import Point, Table
from devices.poller.service import Poller
from devices.snapshot import DeviceEntry, TagEntry
from tests.devices.rig import Plant, a_device, a_tag, polling
from tests.interop.faults import FAULTS, TIMEOUT_MS, Fault
from tests.interop.faulty import Device, Framing, a_device_of, honest, now_ms
from tests.interop.waiting import within
from tests.interop.witness import Witness, points, witnessing

SCAN_MS = 100
BACK_S = 2.0
MARKED_S = 2.3
"""UA-05: max(3 scans, 2 s), and the 0.3 s of a look at the bus on a busy machine."""


@dataclass
class Site:
    """One device of the plant. Eight registers from 0 and eight from 500: the reply to one read has the length of the
    reply to the other, and only what stands in it tells them apart.
    """

    name: str
    device: Device
    entry: DeviceEntry
    points: list[Point]

    @property
    def tags(self) -> list[int]:
        return [point.tag for point in self.points]

    @property
    def group(self) -> str:
        return f"{self.entry.id}:{SCAN_MS}"


def a_site(number: int, name: str, device: Device) -> Site:
    entry = a_device(number, device.port, timeout_ms=TIMEOUT_MS, driver=device.framing.value)
    return Site(name, device, entry, points(100 * number, Table.HOLDING, [0, 2, 6, 500, 506]))


def configured(sites: list[Site]) -> dict[DeviceEntry, list[TagEntry]]:
    return {site.entry: [a_tag(site.entry, p, SCAN_MS) for p in site.points] for site in sites}


async def story(site: Site, fault: Fault, witness: Witness) -> None:
    """Healthy, faulty, healthy again."""
    await within(3, lambda: witness.are_good(site.tags), f"{site.name} is Good at first")
    site.device.answer = fault.answer
    await asyncio.sleep(0.5)
    if fault.is_served:
        await within(1, lambda: witness.are_good(site.tags, now_ms() - 400), f"{site.name} is still read")
    else:
        await within(MARKED_S, lambda: witness.are_marked(site.tags), f"{site.name} is marked")
    site.device.answer = honest
    ended = now_ms()
    await within(BACK_S, lambda: witness.are_good(site.tags, ended), f"{site.name} is back")


def period_of(poller: Poller, site: Site) -> int:
    return next(group.achieved_ms or 0 for group in poller.links[site.entry.link].groups)


@pytest.mark.parametrize("framing", list(Framing))
async def test_all_faults_at_once_falsify_nothing_delay_nobody_and_leave_no_trace(
    bus: Redis, bus_url: str, framing: Framing, caplog: pytest.LogCaptureFixture
) -> None:
    """MB-01, MB-03, UA-03, MB-08: one poller, one device for each fault, and a healthy one."""
    faults = {name: fault for name, fault in FAULTS.items() if framing in fault.framings}
    async with AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(a_device_of(framing)) for _ in range(len(faults) + 1)]
        sites = [a_site(i + 1, name, d) for i, (name, d) in enumerate(zip([*faults, "healthy"], devices, strict=True))]
        *faulty, healthy = sites
        witness = await stack.enter_async_context(witnessing(bus))
        for site in sites:
            witness.knows(site.device, site.entry, site.points)
        poller = await stack.enter_async_context(polling(bus_url, Plant(configured(sites))))
        await within(3, lambda: witness.are_good(healthy.tags), "the healthy device is read")
        begun = now_ms()
        told = await asyncio.gather(
            *(story(site, faults[site.name], witness) for site in faulty), return_exceptions=True
        )
        assert witness.false == []
        assert [str(t) for t in told if isinstance(t, BaseException)] == []
        assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [], "nothing of ours broke"
        gaps = witness.gaps_ms(healthy.group, begun)
        assert len(gaps) > 10
        assert abs(sum(gaps) / len(gaps) - SCAN_MS) < 0.2 * SCAN_MS, "the healthy device keeps its period"
        assert abs(period_of(poller, healthy) - SCAN_MS) < 0.2 * SCAN_MS
