"""Summaries of minutes as bytes. Pure; exact for every bit. zlib carries the checksum."""

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian.storage.base import StorageDamaged
from historian.summary import FIELDS, Summaries

_VERSION: Final = b"\x01"
_TIMES: Final = tuple(
    name for name in FIELDS.names or () if name.endswith("_ms") and name not in ("start_ms", "good_ms")
)


def encode_minutes(minutes: Summaries) -> bytes:
    """Times as distances from the beginning of their minute; then byte by byte in columns, so that equal bytes meet."""
    rows = minutes.rows.copy()
    for name in _TIMES:
        rows[name] -= rows["start_ms"]
    return _VERSION + zlib.compress(_turned(rows.view(np.uint8).reshape(len(rows), FIELDS.itemsize)), 6)


def decode_minutes(encoded: bytes) -> Summaries:
    try:
        if encoded[:1] != _VERSION:
            raise StorageDamaged(f"summaries of minutes begin with {encoded[:1]!r} instead of {_VERSION!r}")
        flat = np.frombuffer(zlib.decompress(encoded[1:]), np.uint8)
        rows = np.array(flat.reshape(FIELDS.itemsize, -1).T, order="C").reshape(-1).view(FIELDS)
    except (zlib.error, ValueError) as error:
        raise StorageDamaged(f"summaries of minutes cannot be unpacked ({error})") from error
    for name in _TIMES:
        rows[name] += rows["start_ms"]
    return Summaries(rows)


def _turned(table: NDArray[np.uint8]) -> bytes:
    return np.ascontiguousarray(table.T).tobytes()
