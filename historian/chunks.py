"""Samples of a series as bytes, and back, exact for every bit. Pure."""

import json
import struct
import zlib
from typing import Final

import numpy as np

from historian.samples import Samples

VERSION: Final = 0
"""Not to be kept: what is written with it is for trials only."""
_HEAD: Final = struct.Struct("<BII")


class DamagedChunk(Exception):
    """These bytes are no whole chunk of a version that this program knows."""


def encode(samples: Samples) -> bytes:
    exact = json.dumps(list(samples.exact.items())).encode()
    columns = samples.times.astype("<i8"), samples.numbers.astype("<f8"), samples.statuses.astype("<u4")
    raw = b"".join(column.tobytes() for column in (*columns, samples.server_ms.astype("<i8"))) + exact
    packed = zlib.compress(raw)
    return _HEAD.pack(VERSION, zlib.crc32(packed), len(samples)) + packed


def decode(encoded: bytes) -> Samples:
    """Raises DamagedChunk."""
    try:
        version, checksum, count = _HEAD.unpack_from(encoded)
        packed = encoded[_HEAD.size :]
        if version != VERSION or zlib.crc32(packed) != checksum:
            raise DamagedChunk("The checksum is not that of the bytes.")
        raw = zlib.decompress(packed)
        times, numbers, statuses, server_ms = (
            np.frombuffer(raw, kind, count, place * count)
            for kind, place in (("<i8", 0), ("<f8", 8), ("<u4", 16), ("<i8", 20))
        )
        exact = {int(ms): str(text) for ms, text in json.loads(raw[28 * count :])}
    except (struct.error, zlib.error, ValueError) as error:
        raise DamagedChunk(str(error)) from error
    return Samples(times, numbers, statuses, server_ms, exact)
