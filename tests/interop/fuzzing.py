"""A device that mutates what it says, at random from one seed.

What no client could notice is left out. Modbus TCP has no checksum, so its payload stays whole and a transaction id is
never changed into one that is still to come. RTU has no transaction id, so a reply is not held back for longer than the
driver waits for it (MB-03); its checksum finds up to three wrong bits, so there are never more.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

from tests.interop.faulty import Device, Framing, Request

HEAD: Final = 9
"""Bytes of a TCP frame before its payload: MBAP, function code, byte count."""
RTU_LATENESS: Final = 4.0
"""In time-outs: so late may an answer be that the driver must still know it for what it is."""
RTU_LATEST: Final = 4.5
"""Where the machine is busy an answer becomes later than was meant; one that came after 5 would prove nothing."""
GARBAGE: Final = (b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 12, b"\xff" * 300, b"\x00\x01\x00\x00\x00\x00", b"\x00")
Act = Callable[["Mutator", Device, Request, asyncio.StreamWriter], None]


class Mutator:
    """An answer for faulty.py. `rate`: the share of requests that go wrong. `acts`: how often each did."""

    def __init__(self, chance: random.Random, rate: float, timeout_s: float) -> None:
        self.chance, self.rate, self.timeout_s = chance, rate, timeout_s
        self.is_on = False
        self.acts: dict[str, int] = {}
        self._held: list[bytes] = []

    async def __call__(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        if not self.is_on or self.chance.random() > self.rate:
            writer.write(device.reply(request))
            return
        act = self.chance.choice(ACTS_OF[request.framing])
        self.acts[act.__name__] = self.acts.get(act.__name__, 0) + 1
        act(self, device, request, writer)

    # -- what is sent in place of the reply -----------------------------------------------------------------------

    def flips(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        frame = bytearray(device.reply(request))
        last = 8 * (len(frame) if request.framing is Framing.RTU else HEAD)
        first = 16 if request.framing is Framing.TCP else 0  # see wrong_tid
        for bit in self.chance.sample(range(first, last), self.chance.randint(1, 3)):
            frame[bit // 8] ^= 1 << bit % 8
        writer.write(frame)

    def truncates(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        frame = device.reply(request)
        writer.write(frame[: self.chance.randrange(1, len(frame))])
        if request.framing is Framing.TCP or self.chance.random() < 0.5:
            writer.close()  # what follows on TCP would be taken for the rest

    def repeats(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(device.reply(request) * self.chance.randint(2, 4))

    def wrong_length(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        count = self.chance.choice([c for c in range(1, 60) if c != request.count])
        writer.write(request.framed(device.pdu(replace(request, count=count))))

    def wrong_unit(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        unit = (request.unit + self.chance.randint(1, 255)) % 256
        wrong = replace(request, unit=unit)
        writer.write(wrong.framed(device.pdu(wrong)))

    def wrong_function(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        function = self.chance.choice([f for f in (1, 2, 3, 4) if f != request.function])
        writer.write(request.framed(device.pdu(replace(request, function=function))))

    def wrong_tid(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        """One of the past: it is known as late, or as foreign."""
        writer.write(request.framed(device.pdu(replace(request, address=4)), tid=-self.chance.randint(1, 1000)))

    def wrong_protocol(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.framed(device.pdu(request), protocol=self.chance.randint(1, 65535)))

    def refuses(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.exception(self.chance.randrange(256)))

    def says_nothing(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        device.pdu(request)

    def is_late(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        is_rtu = request.framing is Framing.RTU
        delay_s = self.timeout_s * self.chance.uniform(0.5, RTU_LATENESS if is_rtu else 5.0)
        latest_s = self.timeout_s * RTU_LATEST if is_rtu else inf
        device.later(delay_s, writer, device.reply(request), at_latest_s=latest_s)

    def holds_back(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        """Several replies, in another order, at once; perhaps to another connection than they were asked on."""
        self._held.append(device.reply(request))
        if len(self._held) >= 3:
            self.chance.shuffle(self._held)
            writer.write(b"".join(self._held))
            self._held.clear()

    def in_pieces(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        frame, pieces = device.reply(request), []
        while frame:
            size = self.chance.randint(1, 6)
            pieces.append(frame[:size])
            frame = frame[size:]
        device.later(0, writer, *pieces, pause_s=0.002)

    def talks_rubbish(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(self.chance.choice(GARBAGE) + (device.reply(request) if self.chance.random() < 0.5 else b""))

    def hangs_up(self, device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.chance.random() < 0.5:
            writer.write(device.reply(request))
        if self.chance.random() < 0.5:
            writer.close()
        else:
            writer.transport.abort()


_BOTH: Final[list[Act]] = [
    Mutator.flips, Mutator.truncates, Mutator.repeats, Mutator.wrong_length, Mutator.wrong_unit, Mutator.wrong_function,
    Mutator.refuses, Mutator.says_nothing, Mutator.is_late, Mutator.in_pieces, Mutator.talks_rubbish, Mutator.hangs_up,
]  # fmt: skip
ACTS_OF: Final[dict[Framing, list[Act]]] = {
    Framing.TCP: [*_BOTH, Mutator.wrong_tid, Mutator.wrong_protocol, Mutator.holds_back],
    Framing.RTU: _BOTH,
}
