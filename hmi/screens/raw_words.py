"""What stood in registers that were read now, in every reading an engineer tries first. Pure."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devices.points import Table
from hmi.screens.source import reference

NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class WordRow:
    """One register; `abcd` and `cdab`: it and the next one as a float32, in the two usual orders."""

    address: int
    reference: str
    hexadecimal: str
    unsigned: int
    signed: int
    bits: str
    abcd: str
    cdab: str


@dataclass(frozen=True, slots=True)
class BitRow:
    address: int
    reference: str
    is_on: bool


def word_rows(table: Table, address: int, words: Sequence[int]) -> list[WordRow]:
    """A row for each register, the first at `address`."""
    rows = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else None
        rows.append(
            WordRow(
                address + place,
                reference(table, address + place),
                f"{word:04X}",
                word,
                word - 65536 if word > 32767 else word,
                f"{word >> 8:08b} {word & 255:08b}",
                NOTHING if following is None else _float(word, following),
                NOTHING if following is None else _float(following, word),
            )
        )
    return rows


def bit_rows(table: Table, address: int, bits: Sequence[bool]) -> list[BitRow]:
    return [BitRow(address + place, reference(table, address + place), bool(bit)) for place, bit in enumerate(bits)]


def _float(high: int, low: int) -> str:
    number: float = struct.unpack(">f", struct.pack(">HH", high, low))[0]
    return f"{number:.7g}" if math.isfinite(number) else "no number"
