"""Read Device Identification, function 43 / 14: what a device says of itself. Pure but for the asking.

A payload here is what follows the function code: MEI type, read code, conformity level, more follows, next object,
number of objects, then for each object its id, length and bytes. Source: Application Protocol V1.1b3, 6.21.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

FUNCTION: Final = 43
_MEI: Final = 14
BASIC: Final = 1
REGULAR: Final = 2
_HEAD: Final = 6
_MORE: Final = 0xFF
_LEVEL_BITS: Final = 0x7F
_CONTROLS: Final = dict.fromkeys([*range(32), 127])

OBJECTS: Final = {
    0: "vendor",
    1: "product code",
    2: "revision",
    3: "vendor URL",
    4: "product name",
    5: "model name",
    6: "application name",
}
"""The objects that the standard names."""


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of a stream. `next_object`: where to go on; None: that was all. `level`: 1 basic, 2 regular, 3."""

    level: int
    next_object: int | None
    objects: dict[int, str]


def request(code: int, first_object: int) -> bytes:
    """The PDU that asks for the objects of a category (BASIC, REGULAR) from one on."""
    return bytes([FUNCTION, _MEI, code, first_object])


def end(data: bytes, begin: int) -> int | None:
    """Where a payload that begins there ends; None: more bytes will tell; 0: it is of another MEI type."""
    if data[begin] != _MEI:
        return 0
    if len(data) < begin + _HEAD:
        return None
    at = begin + _HEAD
    for _ in range(data[begin + _HEAD - 1]):
        if len(data) < at + 2:
            return None
        at += 2 + data[at + 1]
    return at


def problem(payload: bytes) -> str:
    """What is wrong with the form of a payload; empty: nothing."""
    if not payload or payload[0] != _MEI:
        return f"an identification with MEI type {payload[0] if payload else 'missing'} instead of {_MEI}"
    stop = end(payload, 0)
    if stop is None or stop != len(payload):
        return f"an identification of {len(payload)} bytes whose objects take {stop if stop else 'more'}"
    return ""


def parse(payload: bytes) -> Part:
    """Of a payload without a problem."""
    objects, at = {}, _HEAD
    while at < len(payload):
        number, size = payload[at], payload[at + 1]
        objects[number] = _text(payload[at + 2 : at + 2 + size])
        at += 2 + size
    return Part(payload[2] & _LEVEL_BITS, payload[4] if payload[3] == _MORE else None, objects)


async def collect(ask: Callable[[bytes], Awaitable[bytes]], code: int) -> tuple[int, dict[int, str]]:
    """The level of the device and every object of one category, asked for part by part.

    `ask` takes a PDU and gives a payload. A device that sends us back to where we have been is not followed.
    """
    found: dict[int, str] = {}
    asked: set[int] = set()
    at: int | None = 0
    level = code
    while at is not None and at not in asked:
        asked.add(at)
        part = parse(await ask(request(code, at)))
        level, at = part.level, part.next_object
        found |= part.objects
    return level, found


def _text(raw: bytes) -> str:
    """Meant to be ASCII; a character that is none is shown as such, and nothing that moves a cursor is passed on."""
    return raw.decode("utf-8", "replace").translate(_CONTROLS).strip()
