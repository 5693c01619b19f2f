"""Faulty devices as the poller knows them: a device, its configuration and its self-checking tags."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from devices.points import Point, Table
from devices.poller.service import Poller
from devices.snapshot import DeviceEntry, TagEntry
from tests.devices.rig import Plant, a_device, a_tag, polling
from tests.interop.faults import TIMEOUT_MS
from tests.interop.faulty import Device
from tests.interop.witness import Witness, points, witnessing

SCAN_MS: Final = 100
BACK_S: Final = 2.0
MARKED_S: Final = 2.3
"""UA-05: max(3 scans, 2 s), and 0.3 s for a look at the bus on a busy machine."""
TWO_READS: Final = (0, 2, 6, 500, 506)
"""Eight registers from 0 and eight from 500: the reply to one read has the length of the reply to the other, and only
what stands in it tells them apart."""


@dataclass
class Site:
    name: str
    device: Device
    entry: DeviceEntry
    points: list[Point]
    scan_ms: int = SCAN_MS

    @property
    def tags(self) -> list[int]:
        return [point.tag for point in self.points]

    def tags_at(self, *addresses: int) -> list[int]:
        return [point.tag for point in self.points if point.address in addresses]

    @property
    def group(self) -> str:
        return f"{self.entry.id}:{self.scan_ms}"


def a_site(
    number: int, device: Device, name: str = "", *, addresses: Sequence[int] = TWO_READS, table: Table = Table.HOLDING,
    scan_ms: int = SCAN_MS, **fields: Any
) -> Site:  # fmt: skip
    """`fields`: of its DeviceEntry."""
    entry = a_device(number, device.port, driver=device.framing.value, **{"timeout_ms": TIMEOUT_MS} | fields)
    return Site(name, device, entry, points(1000 * number, table, addresses), scan_ms)


@asynccontextmanager
async def watched(bus: Redis, bus_url: str, sites: Sequence[Site]) -> AsyncIterator[tuple[Witness, Poller]]:
    """All of them polled by one poller, under the eyes of a witness."""
    tags: dict[DeviceEntry, list[TagEntry]] = {
        site.entry: [a_tag(site.entry, point, site.scan_ms) for point in site.points] for site in sites
    }
    async with witnessing(bus) as witness:
        for site in sites:
            witness.knows(site.device, site.entry, site.points)
        async with polling(bus_url, Plant(tags)) as poller:
            yield witness, poller


def achieved_ms(poller: Poller, site: Site) -> int:
    groups = poller.links[site.entry.link].groups
    return next(group.achieved_ms or 0 for group in groups if group.name == site.group)
