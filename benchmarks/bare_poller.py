"""What reading alone costs: pymodbus in an asyncio loop, nothing decoded, nothing passed on.

    python -m benchmarks.bare_poller <first address>:<count>[,...] <port> [<port> ...]

Reads the same requests of each port every second until it is ended; prints {} once it reads.
"""

import asyncio
import sys

from pymodbus.client import AsyncModbusTcpClient


async def _read_for_ever(port: int, requests: list[tuple[int, int]], phase_s: float) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0)
    await client.connect()
    loop = asyncio.get_running_loop()
    due = loop.time() + phase_s
    while True:
        await asyncio.sleep(due - loop.time())
        for address, count in requests:
            await client.read_holding_registers(address, count=count, device_id=1)
        due += 1.0


async def main(requests: list[tuple[int, int]], ports: list[int]) -> None:
    tasks = [
        asyncio.create_task(_read_for_ever(port, requests, index / len(ports))) for index, port in enumerate(ports)
    ]
    await asyncio.sleep(2)
    print("{}", flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    pairs = [tuple(map(int, pair.split(":"))) for pair in sys.argv[1].split(",")]
    asyncio.run(main([(address, count) for address, count in pairs], list(map(int, sys.argv[2:]))))
