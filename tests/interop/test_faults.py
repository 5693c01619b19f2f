"""Devices that answer wrongly in every way we know: no false value is ever Good, and all is well again by itself."""

import asyncio
from contextlib import AsyncExitStack
from statistics import median

import pytest
from redis.asyncio import Redis

from devices.diagnosis import diagnose
from devices.poller.service import Poller
from tests.interop.faults import FAULTS, Fault
from tests.interop.faulty import Framing, a_device_of, honest, now_ms
from tests.interop.sites import BACK_S, MARKED_S, SCAN_MS, Site, a_site, achieved_ms, watched
from tests.interop.waiting import within
from tests.interop.witness import Witness


def sentences_about(site: Site, poller: Poller) -> list[str]:
    """What the pages of the link and the device say is wrong."""
    health = poller.links[site.entry.link].health()
    unit = health.detail["units"][str(site.entry.id)]
    found = diagnose(site.name, site.entry.endpoint, unit, health.state, health.reason)
    return [sentence for sentence in (health.reason, *(finding.sentence for finding in found)) if sentence]


async def story(site: Site, fault: Fault, witness: Witness, poller: Poller) -> None:
    """Healthy, faulty, healthy again."""
    await within(3, lambda: witness.are_good(site.tags), f"{site.name} is Good at first")
    site.device.answer = fault.answer
    await asyncio.sleep(0.5)
    if fault.is_served:
        await within(2, lambda: witness.are_good(site.tags, now_ms() - 800), f"{site.name} is still read")
    else:
        await within(MARKED_S, lambda: witness.are_marked(site.tags), f"{site.name} is marked")
        await within(MARKED_S, lambda: bool(sentences_about(site, poller)), f"something is said of {site.name}")
    site.device.answer = honest
    ended = now_ms()
    await within(BACK_S, lambda: witness.are_good(site.tags, ended), f"{site.name} is back")


@pytest.mark.parametrize("framing", list(Framing))
async def test_all_faults_at_once_falsify_nothing_delay_nobody_and_leave_no_trace(
    bus: Redis, bus_url: str, framing: Framing, caplog: pytest.LogCaptureFixture
) -> None:
    """MB-01, MB-03, UA-03, MB-08: one poller, one device for each fault, and a healthy one."""
    faults = {name: fault for name, fault in FAULTS.items() if framing in fault.framings}
    async with AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(a_device_of(framing)) for _ in range(len(faults) + 1)]
        names = [*faults, "healthy"]
        sites = [a_site(i, device, names[i - 1]) for i, device in enumerate(devices, 1)]
        *faulty, healthy = sites
        witness, poller = await stack.enter_async_context(watched(bus, bus_url, sites))
        await within(3, lambda: witness.are_good(healthy.tags), "the healthy device is read")
        begun = now_ms()
        told = await asyncio.gather(
            *(story(site, faults[site.name], witness, poller) for site in faulty), return_exceptions=True
        )
        assert witness.false == []
        assert [str(t) for t in told if isinstance(t, BaseException)] == []
        assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [], "nothing of ours broke"
        gaps = witness.gaps_ms(healthy.group, begun)
        assert len(gaps) > 10
        assert abs(median(gaps) - SCAN_MS) < 0.2 * SCAN_MS, "the healthy device keeps its period"
        assert achieved_ms(poller, healthy) < 2 * SCAN_MS, "a busy machine skips a scan; waiting for others costs many"
