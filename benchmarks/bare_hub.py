"""What sending alone costs: a Daphne that sends made-up frames of the same size to every socket. No bus, no rights.

    python -m benchmarks.bare_hub <port> <period ms> <base ms> <tags>:<first id>[,...]

Socket i gets set i, modulo. Frames look like those of the product, so that the same load generator reads them.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Hub:
    def __init__(self, period_ms: float, base_ms: float, sets: list[tuple[int, int]]) -> None:
        self._period_s = period_ms / 1000
        self._base_ms = base_ms
        self._sets = sets
        self._members: dict[int, list[Send]] = {n: [] for n in range(len(sets))}
        self._count = 0
        self._seq = 0
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_for_ever())
        members = self._members[self._count % len(self._sets)]
        self._count += 1
        while True:
            message = await receive()
            if message["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            elif message["type"] == "websocket.disconnect":
                if send in members:
                    members.remove(send)
                return
            elif send not in members:
                await send({"type": "websocket.send", "text": '{"type":"subscribed","tags":[],"refused":[]}'})
                members.append(send)

    async def _send_for_ever(self) -> None:
        due = time.monotonic()
        while True:
            due += self._period_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._seq += 1
            value = round(time.time() * 1000 - self._base_ms, 1)
            for members, (tags, first) in zip(self._members.values(), self._sets, strict=True):
                text = self._frame(value, tags, first) if members else ""
                for send in list(members):
                    await send({"type": "websocket.send", "text": text})

    def _frame(self, value: float, tags: int, first: int) -> str:
        rows = [[tag, round(value + (tag % 97) / 1000, 3), 0, None] for tag in range(first, first + tags)]
        frame = {"type": "frame", "seq": self._seq, "epoch": int(self._base_ms), "rows": rows}
        return json.dumps(frame, separators=(",", ":"))


def main(port: int, period_ms: float, base_ms: float, sets: list[tuple[int, int]]) -> None:
    """The reactor must be chosen before anything imports it: hence the imports here."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    from twisted.internet import asyncioreactor

    asyncioreactor.install(asyncio.new_event_loop())  # type: ignore[no-untyped-call]  # Twisted has no types here
    from daphne.server import Server

    hub = Hub(period_ms, base_ms, sets)
    server = Server(hub, endpoints=[f"tcp:port={port}:interface=127.0.0.1"], signal_handlers=True)
    print("{}", flush=True)
    server.run()


if __name__ == "__main__":
    pairs = [tuple(map(int, pair.split(":"))) for pair in sys.argv[4].split(",")]
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), [(tags, first) for tags, first in pairs])
