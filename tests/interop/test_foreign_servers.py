"""Every type and order from servers nobody of us wrote, read by the real poller over each driver (MB-01, MB-07)."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from bus.latest import read_latest
from bus.messages import Value
from bus.quality import Severity, severity
from tests.devices.rig import Plant, a_device, a_tag, polling
from tests.interop.processes import PEERS, Reached, reached
from tests.interop.values import Place, is_same, places
from tests.interop.waiting import within

SCAN_MS = 200
GROUP = f"1:{SCAN_MS}"
PLACES = places()


def put(peer: Reached, chosen: list[Place]) -> None:
    for place in chosen:
        peer.server.put(place.point.table, place.point.address, place.words)


async def newest(bus: Redis) -> dict[int, tuple[Value, int]]:
    block = (await read_latest(bus)).get(GROUP)
    if block is None:
        return {}
    return dict(zip(block.ids, zip(block.values, block.statuses, strict=True), strict=True))


async def wrong(bus: Redis, chosen: list[Place]) -> list[str]:
    """What does not stand on the bus as it should."""
    found = await newest(bus)
    told = []
    for place in chosen:
        value, status = found.get(place.point.tag, (None, -1))
        if not (status == place.status and is_same(value, place.value)):
            said = f"{value!r} ({status:#x}) instead of {place.value!r} ({place.status:#x})"
            told.append(f"{place.point.data_type} {place.point.order} at {place.point.address}: {said}")
    return told


async def all_right(bus: Redis, chosen: list[Place], limit_s: float) -> None:
    told: list[str] = []

    async def is_right() -> bool:
        told[:] = await wrong(bus, chosen)
        return not told

    await within(limit_s, is_right, lambda: f"{len(told)} of {len(chosen)}: " + "; ".join(told[:3]))


@pytest.mark.parametrize("name", PEERS)
async def test_every_type_and_order_is_read_right_marked_when_the_server_ends_and_back_by_itself(
    bus: Redis, bus_url: str, tmp_path: Path, name: str
) -> None:
    """UA-03 too: of a server that has ended the last values stay, Uncertain."""
    with reached(PEERS[name], tmp_path) as peer:
        put(peer, PLACES)
        device = a_device(
            1, peer.port, host=peer.host, line=peer.line, driver=PEERS[name].driver, timeout_ms=250, max_registers=125
        )
        async with polling(bus_url, Plant({device: [a_tag(device, place.point, SCAN_MS) for place in PLACES]})):
            await all_right(bus, PLACES, 4)
            changed = [place.changed for place in PLACES]
            put(peer, changed)
            await all_right(bus, changed, 1.5)
            peer.server.stop()

            async def is_marked() -> bool:
                return all(severity(status) is not Severity.GOOD for _, status in (await newest(bus)).values())

            await within(2.3, is_marked, "every tag is marked")
            shown = (await newest(bus))[1]
            assert is_same(shown[0], changed[0].value)
            peer.server.start()
            await all_right(bus, changed, 3)
