"""A Modbus TCP server that answers wrongly on purpose. Raw sockets, no Modbus library."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

POISON = 0xDEAD
"""What stands in the registers of every wrong answer. Never to be seen as data."""
HONEST = 7


@dataclass(frozen=True)
class Request:
    tid: int
    unit: int
    function: int
    address: int
    count: int

    def payload(self, word: int) -> bytes:
        if self.function <= 2:
            return b"\xff" * ((self.count + 7) // 8)
        return struct.pack(">H", word) * self.count

    def frame(
        self,
        word: int = POISON,
        *,
        tid: int = 0,
        protocol: int = 0,
        unit: int = 0,
        function: int = 0,
        payload: bytes | None = None,
        byte_count: int | None = None,
        more_length: int = 0,
    ) -> bytes:
        """A reply; what is given differs from the right one by that much."""
        body = self.payload(word) if payload is None else payload
        pdu = bytes([(self.function + function) & 0xFF, len(body) if byte_count is None else byte_count]) + body
        head = struct.pack(">HHHB", (self.tid + tid) & 0xFFFF, protocol, len(pdu) + 1 + more_length, self.unit + unit)
        return head + pdu

    def exception(self, code: int) -> bytes:
        return struct.pack(">HHHBBB", self.tid, 0, 3, self.unit, self.function | 0x80, code)


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


async def honest(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(request.frame(HONEST))


async def never(request: Request, writer: asyncio.StreamWriter) -> None:
    return


@dataclass
class FaultyServer:
    """`answer` may be changed at any time; `requests` is all that was asked."""

    answer: Answer = honest
    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                tid, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", await reader.readexactly(12))
                request = Request(tid, unit, function, address, count)
                self.requests.append(request)
                await self.answer(request, writer)
        self.writers.discard(writer)
        writer.close()


@asynccontextmanager
async def a_faulty_server(answer: Answer = honest) -> AsyncIterator[FaultyServer]:
    faulty = FaultyServer(answer)
    server = await asyncio.start_server(faulty.serve, "127.0.0.1", 0)
    faulty.port = server.sockets[0].getsockname()[1]
    try:
        yield faulty
    finally:
        server.close()
        for writer in list(faulty.writers):
            writer.transport.abort()
        await asyncio.sleep(0.01)
