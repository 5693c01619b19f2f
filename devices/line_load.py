"""How long a read occupies a serial line, and how busy the line is with all of them (MB-09). Pure.

RTU: a character on the wire is a start bit, the data bits, a parity bit and stop bits: 11 with 8E1, 10 with 8N1.
Frames are apart by t3.5, the characters of one frame by less than t1.5. Source: MODBUS over Serial Line V1.02, 2.5.1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.plan import Read

BAUDS: Final = (
    300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600,
)  # fmt: skip
DEFAULT_LINE: Final = "19200 8E1"
"""What the standard asks every device to have (2.2, 2.5.1)."""
BUSY_PCT: Final = 80.0
"""More than this is refused: a line needs room for time-outs and repeats."""

_LINE: Final = re.compile(r"([0-9]{1,7})[ ,/]+([78])([NEO])([12])\Z")
_SLOW_BAUD: Final = 19200
_BITS_OF_SILENCE: Final = 11
_FAST_T15_S: Final = 0.000750
_FAST_T35_S: Final = 0.001750
_REQUEST_BYTES: Final = 8
_REPLY_BYTES: Final = 5
"""Unit, function, byte count and check sum around the payload."""


@dataclass(frozen=True, slots=True)
class Line:
    """Settings of a serial line. `parity`: N, E or O."""

    baud: int
    data_bits: int
    parity: str
    stop_bits: int

    @property
    def bits_per_character(self) -> int:
        return 1 + self.data_bits + (self.parity != "N") + self.stop_bits

    @property
    def t15_s(self) -> float:
        return 1.5 * _BITS_OF_SILENCE / self.baud if self.baud <= _SLOW_BAUD else _FAST_T15_S

    @property
    def t35_s(self) -> float:
        return 3.5 * _BITS_OF_SILENCE / self.baud if self.baud <= _SLOW_BAUD else _FAST_T35_S

    def wire_s(self, size: int) -> float:
        """How long so many bytes are on the wire."""
        return size * self.bits_per_character / self.baud

    def __str__(self) -> str:
        return f"{self.baud} {self.data_bits}{self.parity}{self.stop_bits}"


def parse_line(text: str) -> Line:
    """Of settings like "19200 8E1"; empty means DEFAULT_LINE. Raises ValueError with a sentence."""
    found = _LINE.match(text.strip().upper() or DEFAULT_LINE)
    if found is None:
        raise ValueError(
            f"'{text}' are no settings of a serial line. Write speed, data bits, parity (N, E or O) and stop bits, "
            f"like {DEFAULT_LINE} or 9600 8N2."
        )
    line = Line(int(found[1]), int(found[2]), found[3], int(found[4]))
    if line.baud not in BAUDS:
        raise ValueError(f"{line.baud} is no speed of a serial line; speeds: {', '.join(map(str, BAUDS))}.")
    if line.data_bits != 8:
        raise ValueError(f"RTU needs 8 data bits; '{text}' has {line.data_bits}.")
    return line


def read_s(line: Line, read: Read, turnaround_s: float = 0.0) -> float:
    """How long a read keeps the line: request, the device's thinking, reply, and the silence around both."""
    return (
        line.wire_s(_REQUEST_BYTES)
        + line.t35_s
        + turnaround_s
        + line.wire_s(_REPLY_BYTES + read.payload_bytes)
        + line.t35_s
    )


def load_pct(line: Line, reads: Iterable[tuple[Read, int]], turnaround_s: float = 0.0) -> float:
    """The share of its time that the line is busy with these (read, period in ms). Above 100 it cannot be done."""
    return 100 * sum(read_s(line, read, turnaround_s) * 1000 / period_ms for read, period_ms in reads)
