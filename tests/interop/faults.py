"""What devices do wrong, as answers of tests/interop/faulty.py.

A wrong payload in a right frame of Modbus TCP is not among them: the protocol has no checksum of its own, and nobody
could tell. RTU frames have one.
"""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tests.interop.faulty import EXCEPTION, Answer, Device, Framing, Request

BOTH: Final = frozenset(Framing)
TCP: Final = frozenset({Framing.TCP})
RTU: Final = frozenset({Framing.RTU})
TIMEOUT_MS: Final = 150
LATE_S: Final = 1.5 * TIMEOUT_MS / 1000
HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
EXCEPTIONS: Final = (*range(1, 10), 0x0B, 0, 0x40, 0xFF)
"""All but 0A, after which a device is left alone for 5 s (tests/interop/test_difficult_devices.py)."""


@dataclass(frozen=True)
class Fault:
    """`is_served`: values go on being read; otherwise all of them are marked. `framings`: where it can happen."""

    answer: Answer
    is_served: bool = False
    framings: frozenset[Framing] = BOTH


def instead(make: Callable[[Device, Request], bytes]) -> Answer:
    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(make(device, request))

    return answer


async def silent(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
    return


def _pdu_of(device: Device, request: Request, *, unit: int = 0, function: int = 0) -> bytes:
    """The right answer to a request for another unit or with another function code."""
    return device.pdu(replace(request, unit=unit or request.unit, function=function or request.function))


def _with_size(request: Request, pdu: bytes, change: int) -> bytes:
    """A shorter or longer reply that is right in itself."""
    payload = pdu[2:][:change] if change < 0 else pdu[2:] + pdu[2 : 2 + change]
    return request.framed(bytes([pdu[0], len(payload)]) + payload)


async def late(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
    device.later(LATE_S, writer, device.reply(request))


async def busy_then_late(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
    """One thing after the other, each too slowly: replies run ever further behind."""
    reply = device.reply(request)
    await asyncio.sleep(LATE_S)
    writer.write(reply)


def late_and_right(*, in_order: bool = True) -> Answer:
    """The first reply of two is late, and comes in one piece with the second: before it, or after it."""
    held: dict[asyncio.StreamWriter, bytes] = {}

    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        reply = device.reply(request)
        if before := held.pop(writer, b""):
            writer.write(before + reply if in_order else reply + before)
        else:
            held[writer] = reply

    return answer


async def hang_up(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


def _in_the_middle(end: Callable[[asyncio.StreamWriter], None]) -> Answer:
    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        reply = device.reply(request)
        writer.write(reply[: len(reply) // 2])
        await asyncio.sleep(0.005)
        end(writer)

    return answer


async def byte_by_byte(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
    for byte in device.reply(request):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)


def turns(*answers: Answer) -> Answer:
    turn = 0

    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        await answers[turn % len(answers)](device, request, writer)

    return answer


def exception(code: int) -> Answer:
    return instead(lambda d, r: r.exception(code))


def only_registers_of(function: int) -> Answer:
    """Exception 01 for everything else."""

    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(device.reply(request) if request.function == function else request.exception(1))

    return answer


def at_most(registers: int, code: int = 3) -> Answer:
    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(device.reply(request) if request.count <= registers else request.exception(code))

    return answer


def with_holes(*holes: range, code: int = 2) -> Answer:
    """Whoever touches an address of a hole gets an exception."""

    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        asked = range(request.address, request.address + request.count)
        touches = any(asked.start < hole.stop and hole.start < asked.stop for hole in holes)
        writer.write(request.exception(code) if touches else device.reply(request))

    return answer


def after(delay_s: float) -> Answer:
    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        writer.write(device.reply(request))

    return answer


def _flipped(frame: bytes, bit: int) -> bytes:
    changed = bytearray(frame)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bit_errors() -> Answer:
    """One bit after the other arrives wrong; of TCP only those before the payload."""
    count = 0

    async def answer(device: Device, request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        reply = device.reply(request)
        head = 9 if request.framing is Framing.TCP else len(reply)
        writer.write(_flipped(reply, count * 7 % (8 * head)))
        count += 1

    return answer


FAULTS: Final[dict[str, Fault]] = {
    "silent": Fault(silent),
    "no bytes in the reply": Fault(instead(lambda d, r: r.framed(bytes([r.function, 0])))),
    "a reply without a PDU": Fault(instead(lambda d, r: r.framed(b""))),
    "only the function code": Fault(instead(lambda d, r: r.framed(bytes([r.function])))),
    "one register short": Fault(instead(lambda d, r: _with_size(r, d.pdu(r), -2))),
    "one byte short": Fault(instead(lambda d, r: _with_size(r, d.pdu(r), -1))),
    "one register too long": Fault(instead(lambda d, r: _with_size(r, d.pdu(r), 2))),
    "a byte count that lies": Fault(instead(lambda d, r: r.framed(bytes([r.function, 2]) + d.pdu(r)[2:]))),
    "another function code": Fault(instead(lambda d, r: r.framed(_pdu_of(d, r, function=r.function ^ 7)))),
    "another unit id": Fault(instead(lambda d, r: r.framed(_pdu_of(d, r, unit=r.unit + 1), unit=1))),
    "another transaction id": Fault(instead(lambda d, r: r.framed(d.pdu(r), tid=1)), framings=TCP),
    "the transaction id before": Fault(instead(lambda d, r: r.framed(d.pdu(r), tid=-1)), framings=TCP),
    "another protocol": Fault(instead(lambda d, r: r.framed(d.pdu(r), protocol=1)), framings=TCP),
    "a length that lies short": Fault(instead(lambda d, r: r.framed(d.pdu(r), more_length=-2)), framings=TCP),
    "a length that lies long": Fault(instead(lambda d, r: r.framed(d.pdu(r), more_length=2)), framings=TCP),
    "a wrong checksum": Fault(instead(lambda d, r: _flipped(d.reply(r), 8 * len(d.reply(r)) - 1)), framings=RTU),
    "bit errors": Fault(bit_errors()),
    "an exception of another function": Fault(instead(lambda d, r: r.framed(bytes([(r.function ^ 7) | EXCEPTION, 2])))),
    "an exception that is too long": Fault(instead(lambda d, r: r.framed(bytes([r.function | EXCEPTION, 2, 2])))),
    "every exception in turn": Fault(turns(*[exception(code) for code in EXCEPTIONS])),
    "late": Fault(late),
    "late, and later with every request": Fault(busy_then_late),
    "replies in the wrong order": Fault(late_and_right(in_order=False)),
    "late and right in one segment": Fault(late_and_right()),
    "twice in one segment": Fault(instead(lambda d, r: d.reply(r) * 2), is_served=True, framings=TCP),
    "twice in one segment, undecidable": Fault(instead(lambda d, r: d.reply(r) * 2), framings=RTU),
    "hangs up instead": Fault(hang_up),
    "hangs up in the middle": Fault(_in_the_middle(lambda w: w.close())),
    "resets in the middle": Fault(_in_the_middle(lambda w: w.transport.abort())),
    "stops in the middle": Fault(_in_the_middle(lambda w: None)),
    "byte by byte": Fault(byte_by_byte, is_served=True),
    "garbage": Fault(instead(lambda d, r: HTTP)),
    "a flood of garbage": Fault(instead(lambda d, r: b"\xff" * 70_000)),
    "garbage before the reply": Fault(instead(lambda d, r: HTTP + d.reply(r))),
    "the request sent back": Fault(instead(lambda d, r: r.framed(struct.pack(">BHH", r.function, r.address, r.count)))),
    "answers what nobody asked": Fault(
        instead(lambda d, r: Request(r.framing, r.unit, 5, r.address, 1, r.tid).framed(d.pdu(r)[:1] + b"\x02\xde\xad"))
    ),
}
