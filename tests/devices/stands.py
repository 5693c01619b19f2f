"""Devices made of raw bytes, one for each way to reach one: TCP, RTU frames over TCP, a serial line (a pair of ptys).

A Peer answers as a test tells it, rightly or wrongly. No Modbus library, and none of our own code that is under test.
"""

import asyncio
import os
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devices.drivers.base import Driver
from devices.drivers.registry import open_driver
from devices.quirks import Quirks
from tests.devices.waiting import until
from tests.missing import need

POISON = 0xDEAD
"""What stands in the registers of every wrong answer. Never to be seen as data."""


def crc(data: bytes) -> bytes:
    """By shifting, as the standard describes it: not the way the driver does it."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            is_odd = register & 1
            register >>= 1
            if is_odd:
                register ^= 0xA001
    return struct.pack("<H", register)


def word_at(unit: int, address: int) -> int:
    """What an honest device has in this register: every unit and address its own."""
    return (unit << 8 | address) & 0xFFFF


@dataclass(frozen=True)
class Asked:
    """A request as it came. `tid`: None where there is none."""

    unit: int
    pdu: bytes
    tid: int | None
    raw: bytes
    send: Callable[[bytes], None]

    @property
    def function(self) -> int:
        return self.pdu[0]

    @property
    def address(self) -> int:
        return int.from_bytes(self.pdu[1:3], "big")

    @property
    def count(self) -> int:
        return int.from_bytes(self.pdu[3:5], "big")

    def honest(self) -> bytes:
        if self.function <= 2:
            return b"\xff" * ((self.count + 7) // 8)
        return b"".join(struct.pack(">H", word_at(self.unit, self.address + i)) for i in range(self.count))

    def poison(self) -> bytes:
        return struct.pack(">H", POISON) * self.count

    def frame(self, pdu: bytes, unit: int | None = None) -> bytes:
        """Any PDU, wrapped as the way demands."""
        unit = self.unit if unit is None else unit
        if self.tid is None:
            return bytes([unit]) + pdu + crc(bytes([unit]) + pdu)
        return struct.pack(">HHHB", self.tid, 0, len(pdu) + 1, unit) + pdu

    def reply(
        self, payload: bytes | None = None, *, unit: int = 0, function: int = 0, byte_count: int | None = None
    ) -> bytes:
        """The right frame, but for what is given: `unit` and `function` are added."""
        body = self.honest() if payload is None else payload
        count = len(body) if byte_count is None else byte_count
        return self.frame(bytes([(self.function + function) & 0xFF, count]) + body, self.unit + unit)

    def exception(self, code: int) -> bytes:
        return self.frame(bytes([self.function | 0x80, code]))


Answer = Callable[[Asked], Awaitable[None]]


async def honest(asked: Asked) -> None:
    asked.send(asked.reply())


async def never(asked: Asked) -> None:
    return


@dataclass
class Peer:
    """`answer` may be changed at any time; `asked` is all that came."""

    answer: Answer = honest
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    hang_up: Callable[[], None] = lambda: None


async def _serve_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
    while True:
        head = await reader.readexactly(7)
        tid, _, length, unit = struct.unpack(">HHHB", head)
        pdu = await reader.readexactly(length - 1)
        await _put(Asked(unit, pdu, tid, head + pdu, writer.write), peer)


async def _serve_rtu(reader: asyncio.StreamReader, send: Callable[[bytes], None], peer: Peer) -> None:
    while True:
        head = await reader.readexactly(2)
        raw = head + await reader.readexactly(5 if head[1] == 43 else 6)
        assert raw[-2:] == crc(raw[:-2]), f"a request with a wrong check sum: {raw.hex(' ')}"
        await _put(Asked(raw[0], raw[1:-2], None, raw, send), peer)


async def _put(asked: Asked, peer: Peer) -> None:
    peer.asked.append(asked)
    await peer.answer(asked)


class Stand:
    """One way to reach a device. `is_numbered`: frames have a transaction id."""

    name: str
    is_numbered = False

    def driver(self, where: Any, quirks: dict[int, Quirks]) -> Driver:
        raise NotImplementedError

    def peer(self) -> Any:
        """A context that gives (peer, where it is)."""
        raise NotImplementedError

    def nowhere(self) -> Any:
        """A place where nothing is."""
        raise NotImplementedError

    @asynccontextmanager
    async def connected(
        self, answer: Answer = honest, quirks: dict[int, Quirks] | None = None
    ) -> AsyncIterator[tuple[Driver, Peer]]:
        async with AsyncExitStack() as stack:
            peer, where = await stack.enter_async_context(self.peer())
            peer.answer = answer
            driver = self.driver(where, quirks or {})
            stack.callback(driver.close)
            await driver.connect(2)
            yield driver, peer


class _Network(Stand):
    def driver(self, where: Any, quirks: dict[int, Quirks]) -> Driver:
        return open_driver(self.name, "127.0.0.1", where, "", quirks)

    def nowhere(self) -> Any:
        return 9  # discard: nobody serves it here

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[tuple[Peer, int]]:
        peer = Peer()
        writers: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer.connections += 1
            writers.append(writer)
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                if self.is_numbered:
                    await _serve_tcp(reader, writer, peer)
                else:
                    await _serve_rtu(reader, writer.write, peer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)

        def hang_up() -> None:
            for writer in writers:
                writer.transport.abort()

        peer.hang_up = hang_up
        try:
            yield peer, server.sockets[0].getsockname()[1]
        finally:
            server.close()
            peer.hang_up()
            await asyncio.sleep(0.01)


class Tcp(_Network):
    name = "modbus_tcp"
    is_numbered = True


class RtuOverTcp(_Network):
    name = "modbus_rtu_tcp"


@contextmanager
def a_pair_of_ptys() -> Iterator[tuple[Path, Path, subprocess.Popen[bytes]]]:
    """Two ends of a serial line, by socat; it ends with the context."""
    socat = need("socat", "socat")
    with tempfile.TemporaryDirectory(prefix="isthmus-pty-") as folder:
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        process = subprocess.Popen(
            [socat, f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"], stderr=subprocess.DEVNULL
        )
        try:
            yield ours, theirs, process
        finally:
            process.kill()
            process.wait(10)


class Serial(Stand):
    name = "modbus_rtu"

    def driver(self, where: Any, quirks: dict[int, Quirks]) -> Driver:
        return open_driver(self.name, str(where), 0, "115200 8N1", quirks)

    def nowhere(self) -> Any:
        return "/dev/tty-that-is-not-there"

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[tuple[Peer, Path]]:
        peer = Peer(connections=1)
        loop = asyncio.get_running_loop()
        with a_pair_of_ptys() as (ours, theirs, process):
            await until(lambda: ours.exists() and theirs.exists())
            handle = os.open(theirs, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            reader = asyncio.StreamReader()
            loop.add_reader(handle, lambda: _feed(reader, handle))
            serving = asyncio.create_task(_serve_rtu(reader, lambda data: _write(handle, data), peer))
            peer.hang_up = process.kill
            try:
                yield peer, ours
            finally:
                loop.remove_reader(handle)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                os.close(handle)


def _feed(reader: asyncio.StreamReader, handle: int) -> None:
    with suppress(OSError):
        if data := os.read(handle, 4096):
            reader.feed_data(data)


def _write(handle: int, data: bytes) -> None:
    with suppress(OSError):
        while data:
            data = data[os.write(handle, data) :]
