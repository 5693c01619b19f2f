"""Samples of a series as few bytes, and back, exact for every bit but which NaN a missing number is. Pure.

docs/history.md ("A chunk, byte by byte") says it for outsiders: VERSION, checksum, count, then column by column.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian.numbers import pack_numbers, unpack_numbers
from historian.packing import Ints, Reader, Unreadable, inflated, natural, pack, pack_bytes, unpack, unpack_bytes
from historian.samples import Samples, empty

VERSION: Final = 1
MOST: Final = 3_600_000
"""Samples in a chunk: one a millisecond of its hour."""
_LONGEST_TEXTS: Final = 256 << 20
_HEAD: Final = struct.Struct("<BI")


class DamagedChunk(Exception):
    """These bytes are no whole piece of a version that this program knows."""


def encode(samples: Samples) -> bytes:
    """Raises ValueError for more than MOST samples."""
    count = len(samples)
    if count > MOST:
        raise ValueError(f"{count:,} samples are more than the {MOST:,} that an hour can have")
    body = bytes([_PACKED]) + natural(count)
    if count:
        body += pack(samples.times) + pack(samples.server_ms - samples.times)
        body += _pack_statuses(samples.statuses) + pack_numbers(samples.numbers)
        body += _pack_texts(samples.times, samples.exact)
    return sealed(VERSION, body)


def encode_loosely(samples: Samples) -> bytes:
    """For a chunk that is soon merged with others: five times the bytes for a tenth of the time."""
    if samples.exact or len(samples) > MOST:
        return encode(samples)
    times, server_ms = samples.times, samples.server_ms
    raw = b"".join(
        [times.tobytes(), (server_ms - times).tobytes(), samples.numbers.tobytes(), samples.statuses.tobytes()]
    )
    return sealed(VERSION, bytes([_PLAIN]) + natural(len(times)) + zlib.compress(raw, 1, -zlib.MAX_WBITS))


def decode(encoded: bytes) -> Samples:
    """Raises DamagedChunk."""
    try:
        reader = Reader(opened(VERSION, encoded))
        way, count = reader.byte(), reader.natural(MOST)
        if way not in _WAYS:
            raise Unreadable(f"samples in way {way} are not known")
        samples = _WAYS[way](reader, count)
        reader.end()
    except Unreadable as error:
        raise DamagedChunk(f"It cannot be unpacked: {error}.") from error
    if (samples.times[1:] <= samples.times[:-1]).any():
        raise DamagedChunk("Its times are not in order.")
    return samples


def _unpack(reader: Reader, count: int) -> Samples:
    if not count:
        return empty()
    times = unpack(reader, count)
    server_ms = times + unpack(reader, count)
    statuses = _unpack_statuses(reader, count)
    numbers = unpack_numbers(reader, count)
    return Samples(times, numbers, statuses, server_ms, _unpack_texts(reader, times))


def _inflate(reader: Reader, count: int) -> Samples:
    raw = inflated(reader.rest(), _PLAIN_BYTES * count)
    times, later, numbers = (
        np.frombuffer(raw, kind, count, 8 * count * n) for n, kind in enumerate(("<i8", "<i8", "<f8"))
    )
    return Samples(times, numbers, np.frombuffer(raw, "<u4", count, 24 * count), times + later)


_PLAIN, _PACKED = 0, 1
_WAYS: Final[dict[int, Callable[[Reader, int], Samples]]] = {_PLAIN: _inflate, _PACKED: _unpack}
_PLAIN_BYTES: Final = 28
"""A sample: time, by how much later the server knew, number, status."""


def sealed(version: int, body: bytes) -> bytes:
    return _HEAD.pack(version, zlib.crc32(body)) + body


def opened(version: int, encoded: bytes) -> bytes:
    """Its body. Raises DamagedChunk."""
    if len(encoded) < _HEAD.size:
        raise DamagedChunk(f"It has {len(encoded)} bytes; the shortest there is has {_HEAD.size}.")
    written, checksum = _HEAD.unpack_from(encoded)
    if written != version:
        raise DamagedChunk(f"It says that it is of version {written}; this program reads version {version}.")
    body = encoded[_HEAD.size :]
    if zlib.crc32(body) != checksum:
        raise DamagedChunk(f"The checksum of its {len(body)} bytes is not the one that stands before them.")
    return body


def _pack_statuses(statuses: NDArray[np.uint32]) -> bytes:
    """Stretches of equal ones: how many, their statuses, their lengths but the last."""
    edges = np.flatnonzero(statuses[1:] != statuses[:-1]) + 1
    values = statuses[np.append(0, edges)].astype(np.int64)
    return natural(len(edges)) + pack(values, (0,)) + pack(np.diff(edges, prepend=0), (0,))


def _unpack_statuses(reader: Reader, count: int) -> NDArray[np.uint32]:
    edges = reader.natural(count - 1)
    values, lengths = unpack(reader, edges + 1), unpack(reader, edges)
    if ((values < 0) | (values >= 2**32)).any() or ((lengths < 1) | (lengths >= count)).any():
        raise Unreadable("a status or the length of its stretch is out of range")
    last = count - int(lengths.sum())
    if last < 1:
        raise Unreadable("the stretches of statuses are longer than the chunk")
    return np.repeat(values.astype(np.uint32), np.append(lengths, last))


def _pack_texts(times: Ints, exact: Mapping[int, str]) -> bytes:
    """How many samples have one; then which, which text each has, lengths of the texts in bytes, the texts."""
    places = [place for place, ms in enumerate(times.tolist()) if ms in exact] if exact else []
    if not places:
        return natural(0)
    known: dict[str, int] = {}
    words = [known.setdefault(exact[int(times[place])], len(known)) for place in places]
    texts = [text.encode("utf-8", "surrogatepass") for text in known]
    lengths = np.array([len(text) for text in texts], np.int64)
    columns = pack(np.array(places, np.int64)) + pack(np.array(words, np.int64))
    return natural(len(places)) + columns + natural(len(texts)) + pack(lengths) + pack_bytes(b"".join(texts))


def _unpack_texts(reader: Reader, times: Ints) -> dict[int, str]:
    count = reader.natural(len(times))
    if not count:
        return {}
    places, words = unpack(reader, count), unpack(reader, count)
    lengths = unpack(reader, reader.natural(count))
    if ((lengths < 0) | (lengths > _LONGEST_TEXTS)).any() or int(lengths.sum()) > _LONGEST_TEXTS:
        raise Unreadable("the lengths of the texts are out of range")
    ends = np.cumsum(lengths)
    whole = unpack_bytes(reader, int(lengths.sum()))
    is_within = (places >= 0) & (places < len(times)) & (words >= 0) & (words < len(lengths))
    if not is_within.all() or (places[1:] <= places[:-1]).any():
        raise Unreadable("a text belongs to no sample, or a sample to no text")
    try:
        texts = [
            whole[end - length : end].decode("utf-8", "surrogatepass")
            for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
        ]
    except UnicodeDecodeError as error:
        raise Unreadable(f"a text is not UTF-8 ({error})") from error
    return {int(ms): texts[word] for ms, word in zip(times[places], words.tolist(), strict=True)}
