"""A Modbus device that can be made faulty, and whose registers prove themselves. Raw sockets, no Modbus library.

Every even register and the one after it hold one uint32: above, the number of the reply that carries it; below, a
checksum over unit, table, address and that number. So whoever finds such a value anywhere can tell which reply it came
from, when that was made (`Device.made_ms`), and whether the device ever had it there (tests/interop/witness.py).
"""

import asyncio
import struct
import time
from binascii import crc_hqx
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

GENERATIONS: Final = 1 << 16
EXCEPTION: Final = 0x80
SERVED: Final = (1, 2, 3, 4)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def checksum(unit: int, function: int, address: int, generation: int) -> int:
    return crc_hqx(struct.pack(">BBHH", unit, function, address, generation), 0xFFFF)


def sealed(unit: int, function: int, address: int, generation: int) -> int:
    """What stands in the registers `address` (even) and `address` + 1."""
    return generation << 16 | checksum(unit, function, address, generation)


def bit(unit: int, function: int, address: int) -> bool:
    """What stands in a coil or a discrete input, always."""
    return bool(checksum(unit, function, address, 0) & 1)


def rtu_crc(body: bytes) -> bytes:
    """MODBUS over Serial Line V1.02, 6.2.2: polynomial A001 reflected, low byte first."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class Framing(Enum):
    TCP = "modbus_tcp"
    RTU = "modbus_rtu_tcp"
    """RTU frames over TCP: as a serial line gateway in transparent mode passes them on."""


@dataclass(frozen=True, slots=True)
class Request:
    framing: Framing
    unit: int
    function: int
    address: int
    count: int
    tid: int = 0

    def framed(self, pdu: bytes, *, unit: int = 0, tid: int = 0, protocol: int = 0, more_length: int = 0) -> bytes:
        """A reply; what is given differs from the right one by that much. RTU has only the unit."""
        body = bytes([(self.unit + unit) & 0xFF]) + pdu
        if self.framing is Framing.RTU:
            return body + rtu_crc(body)
        return struct.pack(">HHH", (self.tid + tid) & 0xFFFF, protocol, len(body) + more_length) + body

    def exception(self, code: int) -> bytes:
        return self.framed(bytes([self.function | EXCEPTION, code]))


Answer = Callable[["Device", Request, asyncio.StreamWriter], Awaitable[None]]


async def honest(device: "Device", request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(device.reply(request))


async def welcome(device: "Device", writer: asyncio.StreamWriter) -> bool:
    return True


@dataclass
class Device:
    """`answer` and `admit` may be changed at any time. `requests` is all that was asked, `made_ms` when the payload of
    each generation was made (ms UTC). `units`: those that exist; empty: all do.
    """

    framing: Framing = Framing.TCP
    answer: Answer = honest
    admit: Callable[["Device", asyncio.StreamWriter], Awaitable[bool]] = welcome
    units: frozenset[int] = frozenset()
    port: int = 0
    generation: int = 0
    connections: int = 0
    made_ms: dict[int, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    wire: asyncio.Lock = field(default_factory=asyncio.Lock)

    def pdu(self, request: Request) -> bytes:
        """The right answer, of a generation of its own. Addresses, function codes and units it has not: exceptions."""
        if request.function not in SERVED:
            return bytes([request.function | EXCEPTION, 1])
        self.generation = (self.generation + 1) % GENERATIONS
        self.made_ms[self.generation] = now_ms()
        return bytes([request.function, self._size(request)]) + self._payload(request)

    @staticmethod
    def _size(request: Request) -> int:
        return (request.count + 7) // 8 if request.function <= 2 else 2 * request.count

    def _payload(self, request: Request) -> bytes:
        unit, function = request.unit, request.function
        addresses = range(request.address, request.address + request.count)
        if function <= 2:
            bits = sum(bit(unit, function, a) << i for i, a in enumerate(addresses))
            return bits.to_bytes(self._size(request), "little")
        words = [sealed(unit, function, a & ~1, self.generation) >> (0 if a & 1 else 16) & 0xFFFF for a in addresses]
        return struct.pack(f">{len(words)}H", *words)

    def reply(self, request: Request) -> bytes:
        return request.framed(self.pdu(request))

    def later(
        self,
        delay_s: float,
        writer: asyncio.StreamWriter,
        *pieces: bytes,
        pause_s: float = 0.0,
        at_latest_s: float = float("inf"),
    ) -> None:
        """Send it in a while, and meanwhile go on listening. No other late frame comes between the pieces of one.

        `at_latest_s`: not sent at all when a busy machine has made it that late.
        """
        loop = asyncio.get_running_loop()
        latest = loop.time() + at_latest_s

        async def send() -> None:
            await asyncio.sleep(delay_s)
            async with self.wire:
                for piece in pieces:
                    if not writer.is_closing() and loop.time() < latest:
                        writer.write(piece)
                    await asyncio.sleep(pause_s)

        task = asyncio.create_task(send())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            if await self.admit(self, writer):
                while True:
                    request = await self._next(reader)
                    self.requests.append(request)
                    if not self.units or request.unit in self.units:
                        await self.answer(self, request, writer)
        if writer in self.writers:
            self.writers.remove(writer)
        writer.close()

    async def _next(self, reader: asyncio.StreamReader) -> Request:
        if self.framing is Framing.TCP:
            tid, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", await reader.readexactly(12))
            return Request(self.framing, unit, function, address, count, tid)
        frame = await reader.readexactly(8)
        assert rtu_crc(frame[:6]) == frame[6:], f"a request whose checksum is wrong: {frame.hex()}"
        return Request(self.framing, *struct.unpack(">BBHH", frame[:6]))

    def hang_up(self) -> None:
        for writer in list(self.writers):
            writer.transport.abort()


@asynccontextmanager
async def a_device_of(framing: Framing = Framing.TCP, answer: Answer = honest, port: int = 0) -> AsyncIterator[Device]:
    device = Device(framing, answer)
    server = await asyncio.start_server(device.serve, "127.0.0.1", port)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        device.hang_up()
        for task in list(device.tasks):
            task.cancel()
        await asyncio.sleep(0.01)
