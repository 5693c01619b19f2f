"""Reads a chunk by what docs/history.md says alone ("A chunk, byte by byte"): plain Python, nothing of ours."""

import struct
import zlib
from typing import Any


class Outsider:
    def __init__(self, chunk: bytes) -> None:
        version, checksum = struct.unpack_from("<BI", chunk)
        assert version == 1
        assert zlib.crc32(chunk[5:]) == checksum
        self.raw, self.at = chunk, 5

    def take(self, size: int) -> bytes:
        self.at += size
        return self.raw[self.at - size : self.at]

    def natural(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def whole(self) -> int:
        return unfold(self.natural())

    def plane(self, count: int) -> bytes:
        how = self.take(1)[0]
        if how == 0:
            return self.take(1) * count
        return self.take(count) if how == 1 else zlib.decompress(self.take(self.natural()), -15)

    def column(self, count: int) -> list[int]:
        if not count:
            return []
        head = self.take(1)[0]
        order, width = head & 3, head >> 2
        firsts, middle = [self.whole() for _ in range(order)], self.whole()
        planes = [self.plane(count - order) for _ in range(width)]
        found = [
            middle + unfold(sum(plane[i] << 8 * p for p, plane in enumerate(planes))) for i in range(count - order)
        ]
        for first in reversed(firsts):
            summed = [first]
            for step in found:
                summed.append(summed[-1] + step)
            found = summed
        return [signed(number) for number in found]

    def chunk(self) -> dict[str, Any]:
        way, count = self.take(1)[0], self.natural()
        return (self.loose if way == 0 else self.tight)(count)

    def loose(self, count: int) -> dict[str, Any]:
        raw = zlib.decompress(self.raw[self.at :], -15)
        times, later = struct.unpack_from(f"<{count}q", raw), struct.unpack_from(f"<{count}q", raw, 8 * count)
        numbers, statuses = (
            struct.unpack_from(f"<{count}d", raw, 16 * count),
            struct.unpack_from(f"<{count}I", raw, 24 * count),
        )
        server = [signed(a + b) for a, b in zip(times, later, strict=True)]
        return {
            "times": list(times),
            "server_ms": server,
            "numbers": list(numbers),
            "statuses": list(statuses),
            "exact": {},
        }

    def tight(self, count: int) -> dict[str, Any]:
        if not count:
            return {"times": [], "server_ms": [], "numbers": [], "statuses": [], "exact": {}}
        times = self.column(count)
        server = [signed(a + b) for a, b in zip(times, self.column(count), strict=True)]
        more = self.natural()
        kinds, lengths = self.column(more + 1), self.column(more)
        lengths.append(count - sum(lengths))
        statuses = [kind for kind, length in zip(kinds, lengths, strict=True) for _ in range(length)]
        stretches = self.column(self.natural())
        has_number = [place % 2 == 0 for place, length in enumerate(stretches) for _ in range(length)]
        known = iter(self.numbers(sum(has_number)))
        numbers = [next(known) if has else float("nan") for has in has_number]
        return {
            "times": times,
            "server_ms": server,
            "numbers": numbers,
            "statuses": statuses,
            "exact": self.texts(times),
        }

    def numbers(self, count: int) -> list[float]:
        if not count:
            return []
        law = self.take(1)[0]
        if law < 16:
            return self.by(law, count)
        levels = self.by(law - 16, self.natural())
        return [levels[place] for place in self.column(count)]

    def by(self, law: int, count: int) -> list[float]:
        if law == 0:
            return [float_of(number) for number in self.column(count)]
        if law == 1:
            turned = [number if number >= 0 else number ^ 0x7FFFFFFF for number in self.column(count)]
            return [struct.unpack("<f", struct.pack("<i", number))[0] for number in turned]
        if law in (2, 3):
            decimals, step = self.take(1)[0], self.natural()
            found = [k * step / 10**decimals for k in self.column(count)]
            return found if law == 2 else [struct.unpack("<f", struct.pack("<f", number))[0] for number in found]
        a, b = struct.unpack("<dd", self.take(16))
        return [float_of(int_of(k * a + b) + u) for k, u in zip(self.column(count), self.column(count), strict=True)]

    def texts(self, times: list[int]) -> dict[int, str]:
        count = self.natural()
        if not count:
            return {}
        places, which = self.column(count), self.column(count)
        lengths = self.column(self.natural())
        whole, texts = self.plane(sum(lengths)), []
        for length in lengths:
            texts.append(whole[:length].decode("utf-8", "surrogatepass"))
            whole = whole[length:]
        return {times[place]: texts[number] for place, number in zip(places, which, strict=True)}


def unfold(folded: int) -> int:
    return folded // 2 if folded % 2 == 0 else -(folded + 1) // 2


def signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def float_of(number: int) -> float:
    number = signed(number)
    found: float = struct.unpack("<d", struct.pack("<q", number if number >= 0 else number ^ 0x7FFFFFFFFFFFFFFF))[0]
    return found


def int_of(number: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits if bits >= 0 else bits ^ 0x7FFFFFFFFFFFFFFF
