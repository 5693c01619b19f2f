"""A link that is told to stop stops, also when the reply comes at the same moment."""

import asyncio
from typing import Any

import pytest
from pyModbusTCP.server import DataBank

from devices.drivers.modbus import ModbusTcp
from devices.plan import plan
from devices.points import DataType, Point, Table
from tests.devices.rig import a_modbus_server


async def test_a_cancel_that_comes_with_the_reply_ends_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a stopped link goes on reading beside its successor, and SIGTERM does not end the poller."""
    bank = DataBank()
    (read,) = plan([Point(1, Table.HOLDING, 0, DataType.UINT16)], max_registers=100, max_gap=8).reads
    with a_modbus_server(bank) as port:
        driver = ModbusTcp("127.0.0.1", port)
        await driver.connect(1)
        task = asyncio.create_task(driver.read(1, read, 1))
        judge = driver._framer.handleFrame

        def cancel_and_judge(*args: Any) -> Any:
            task.cancel()
            return judge(*args)

        monkeypatch.setattr(driver._framer, "handleFrame", cancel_and_judge)
        try:
            with pytest.raises(asyncio.CancelledError):
                await task
        finally:
            driver.close()
