"""The four ports of the demo plant, and the time of its process."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from devices.simulator.faults import Fault
from devices.simulator.field_devices import GATEWAY, INVERTER, METER
from devices.simulator.plc import PLC
from devices.simulator.process import Waterworks
from devices.simulator.server import Port, PortServer

TICK_S: Final = 0.5
PORTS: Final = 4
"""Controller, energy meter, gateway and inverter, from the base port upwards."""
LONGEST_S: Final = 60.0
"""After the machine has slept the plant goes on from where it was, not through hours at once."""


def ports(works: Waterworks) -> list[Port]:
    """In the order of their port numbers."""
    plc: Mapping[Fault, str] = {
        Fault.PLC_FROZEN: "frozen", Fault.PLC_SILENT: "silent", Fault.PLC_BUSY: "busy",
    }  # fmt: skip
    return [
        Port(works, {1: PLC}, any_unit=True, faults=plc),
        Port(works, {1: METER}, is_line=True, faults={Fault.SLOW_DEVICE: "slow"}),
        Port(works, GATEWAY, is_line=True, faults={Fault.LINK_CUT: "cut"}),
        Port(works, {1: INVERTER}, is_line=True, faults={Fault.WRONG_UNIT: "wrong_unit"}),
    ]


class SimulatedSite:
    """Serves `works` from `base` upwards and keeps its time running at `speed` times the real one."""

    def __init__(self, works: Waterworks, host: str, base: int, speed: float = 1.0) -> None:
        self.works = works
        self._speed = speed
        self._servers = [PortServer(port, host, base + n) for n, port in enumerate(ports(works))]
        self.is_served = asyncio.Event()

    async def run(self) -> None:
        """Endless; cancel to stop. Raises OSError when a port is taken."""
        try:
            for server in self._servers:
                await server.open()
            self.is_served.set()
            await self._keep_time()
        finally:
            for server in self._servers:
                server.close()

    async def _keep_time(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self.works.step(min(now - before, LONGEST_S) * self._speed)
            before = now
            for server in self._servers:
                with suppress(OSError):  # somebody took the port while the cable was cut: tried again in half a second
                    await server.follow()
