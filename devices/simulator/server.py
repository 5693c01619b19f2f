"""The demo's controller on the wire: pymodbus's server over the register map of the process."""

import asyncio
import logging
import time
from typing import Final

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from devices.points import Table
from devices.simulator import registers
from devices.simulator.process import PumpedTank

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

STEP_S: Final = 0.1
UNIT: Final = 1
_TABLE: Final = {
    1: Table.COIL, 5: Table.COIL, 15: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 6: Table.HOLDING,
    16: Table.HOLDING, 22: Table.HOLDING, 23: Table.HOLDING, 4: Table.INPUT,
}  # fmt: skip


class SimulatorServer:
    """Serves `tank` on one address and keeps its time running at `speed` times the real one."""

    def __init__(self, tank: PumpedTank, host: str, port: int, speed: float = 1.0) -> None:
        self._tank = tank
        self._speed = speed
        self._server = ModbusTcpServer(
            SimDevice(id=UNIT, simdata=_simdata(), action=self._on_request), address=(host, port)
        )

    async def run(self) -> None:
        """Endless; cancel to stop. Raises OSError when the port is taken."""
        try:
            await self._server.serve_forever(background=True)
        except RuntimeError:
            host, port = self._server.comm_params.source_address or ("", 0)
            raise OSError(f"port {port} of {host} cannot be served; is something else using it?") from None
        try:
            await self._keep_time()
        finally:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types

    async def _keep_time(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(STEP_S)
            now = time.monotonic()
            self._tank.step(min(now - before, 60.0) * self._speed)
            before = now

    async def _on_request(
        self,
        function_code: int,
        start_address: int,  # noqa: ARG002 (pymodbus calls with it)
        address: int,
        count: int,  # noqa: ARG002 (pymodbus calls with it)
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Before every read the registers are made from the process; a write goes to the process first."""
        table = _TABLE[function_code]
        if set_values is not None:
            try:
                registers.write(self._tank, table, address, set_values)
            except LookupError:
                return ExcCodes.ILLEGAL_ADDRESS
            except registers.Refused:
                return ExcCodes.ILLEGAL_VALUE
        made = registers.image(self._tank, table)
        current_registers[: len(made)] = made
        return None


def _simdata() -> tuple[list[SimData], list[SimData], list[SimData], list[SimData]]:
    def bits(table: Table) -> list[SimData]:
        return [SimData(0, values=[False] * registers.BITS[table], datatype=SimType.BITS)]

    def words(table: Table) -> list[SimData]:
        return [SimData(0, count=registers.WORDS[table], values=0, datatype=SimType.REGISTERS)]

    return bits(Table.COIL), bits(Table.DISCRETE), words(Table.HOLDING), words(Table.INPUT)
