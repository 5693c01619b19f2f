"""What reading alone costs: every entry of the stream read and decoded, and nothing done with it.

python -m benchmarks.bare_reader <redis url>
"""

import asyncio
import sys
from typing import Any

import uvloop

from bus import keys
from bus.client import MAX_BLOCK_MS, connect
from bus.messages import decode


async def read(url: str) -> None:
    client = connect(url, "benchmark-reader")
    cursor = "$"
    while True:
        answer: Any = await client.xread({keys.SAMPLES: cursor}, count=500, block=MAX_BLOCK_MS)
        for entry_id, fields in answer[0][1] if answer else ():
            decode(fields[b"b"])
            cursor = entry_id.decode()


if __name__ == "__main__":
    try:
        uvloop.run(read(sys.argv[1]))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
