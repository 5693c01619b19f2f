"""Summaries of the minutes of a sealed hour as bytes, and back, exact for every bit. Pure."""

import struct
import zlib
from typing import Final

import numpy as np

from historian.chunks import DamagedChunk
from historian.summary import FIELDS, Summaries

VERSION: Final = 0
_HEAD: Final = struct.Struct("<BI")


def encode(minutes: Summaries) -> bytes:
    packed = zlib.compress(minutes.rows.tobytes())
    return _HEAD.pack(VERSION, zlib.crc32(packed)) + packed


def decode(encoded: bytes) -> Summaries:
    """Raises DamagedChunk."""
    try:
        version, checksum = _HEAD.unpack_from(encoded)
        packed = encoded[_HEAD.size :]
        if version != VERSION or zlib.crc32(packed) != checksum:
            raise DamagedChunk("The checksum is not that of the bytes.")
        return Summaries(np.frombuffer(zlib.decompress(packed), FIELDS))
    except (struct.error, zlib.error, ValueError) as error:
        raise DamagedChunk(str(error)) from error
