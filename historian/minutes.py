"""Summaries of the minutes of a sealed hour as few bytes, and back, exact for every bit. Pure.

Much of a summary can be foretold from the rest where all is Good and regular, and a sum of values that follow a law
is a whole number of its steps. So what is stored is by how much each is off; where nothing can be foretold that is
as long as the number itself, and as right.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian.chunks import DamagedChunk, opened, sealed
from historian.numbers import LAW, Law, fitting_law, folded, pack_numbers, unfolded, unpack_numbers
from historian.packing import Ints, Reader, Unreadable, natural, pack, unpack
from historian.summary import FIELDS, Rows, Summaries

VERSION: Final = 1
MOST: Final = 3600
_MOMENTS: Final = ("first_ms", "last_ms", "min_ms", "max_ms")
_NUMBERS: Final = ("first", "last", "min", "max")
_WHOLES: Final = ("count", "good", "first_status", "last_status", "changes")
_EXACT: Final = 2.0**53
Floats = NDArray[np.float64]


def encode(minutes: Summaries) -> bytes:
    """Raises ValueError for more than MOST rows."""
    r = minutes.rows
    if len(r) > MOST:
        raise ValueError(f"{len(r):,} summaries are more than the {MOST:,} that stand together")
    body = natural(len(r))
    if len(r):
        body += pack(r["start_ms"]) + b"".join(_pack_steps(r[name] - r["start_ms"]) for name in _MOMENTS)
        body += b"".join(pack(r[name].astype(np.int64)) for name in _WHOLES)
        body += pack(r["good_ms"] - (r["last_ms"] - r["first_ms"]))
        numbers = np.concatenate([r[name] for name in _NUMBERS])
        body += pack_numbers(numbers) + _pack_sums(r, fitting_law(numbers))
    return sealed(VERSION, body)


def decode(encoded: bytes) -> Summaries:
    """Raises DamagedChunk."""
    try:
        reader = Reader(opened(VERSION, encoded))
        count = reader.natural(MOST)
        r = np.zeros(count, FIELDS)
        if count:
            r["start_ms"] = unpack(reader, count)
            for name in _MOMENTS:
                r[name] = r["start_ms"] + _unpack_steps(reader, count)
            for name in _WHOLES:
                r[name] = unpack(reader, count).astype(FIELDS[name])
            r["good_ms"] = unpack(reader, count) + (r["last_ms"] - r["first_ms"])
            for name, column in zip(_NUMBERS, unpack_numbers(reader, 4 * count).reshape(4, count), strict=True):
                r[name] = column
            _unpack_sums(reader, r)
        reader.end()
    except Unreadable as error:
        raise DamagedChunk(f"It cannot be unpacked: {error}.") from error
    return Summaries(r)


def _pack_steps(column: Ints) -> bytes:
    step = max(int(np.gcd.reduce(column)), 1)
    return natural(step) + pack(column // step)


def _unpack_steps(reader: Reader, count: int) -> Ints:
    step = np.uint64(reader.natural()).astype(np.int64)
    return unpack(reader, count) * step


def _pack_sums(r: Rows, law: Law | None) -> bytes:
    """0, mean and m2 as they are; or 1, the law, how many of its steps their sums are, and by how much they are off."""
    steps = None if law is None else _steps(r, law)
    if law is None or steps is None:
        body = b"\0" + pack_numbers(r["mean"]) + pack_numbers(r["m2"])
    else:
        body = b"\1" + LAW.pack(law.scale, law.offset)
        for name, whole, foretold in zip(("mean", "m2"), steps, _of_steps(r, law, *steps), strict=True):
            body += pack(whole) + pack(folded(r[name]) - folded(foretold), (0,))
    for name, foretold in (("area_stepped", _stepped(r)), ("area_sloped", _sloped(r))):
        body += pack(folded(r[name]) - folded(foretold), (0,))
    return body


def _unpack_sums(reader: Reader, r: Rows) -> None:
    count, way = len(r), reader.byte()
    if way == 0:
        r["mean"], r["m2"] = unpack_numbers(reader, count), unpack_numbers(reader, count)
    elif way == 1:
        law = Law(*LAW.unpack(reader.take(LAW.size)))
        columns = [unpack(reader, count) for _ in range(4)]
        for name, foretold, off in zip(("mean", "m2"), _of_steps(r, law, *columns[::2]), columns[1::2], strict=True):
            r[name] = _moved(foretold, off)
    else:
        raise Unreadable(f"sums in way {way} are not known")
    r["area_stepped"] = _moved(_stepped(r), unpack(reader, count))
    r["area_sloped"] = _moved(_sloped(r), unpack(reader, count))


def _moved(foretold: Floats, off: Ints) -> Floats:
    return unfolded(folded(foretold) + off)


def _steps(r: Rows, law: Law) -> tuple[Ints, Ints] | None:
    """Sums, and sums of squares, in steps of the law. None: more than a float64 can count."""
    with np.errstate(all="ignore"):
        sums = np.rint(np.nan_to_num((r["mean"] - law.offset) / law.scale * r["good"]))
        squares = np.rint(np.nan_to_num(r["m2"] / law.scale / law.scale * r["good"]))
    if max(np.abs(sums).max(), np.abs(squares).max()) >= _EXACT:
        return None
    return sums.astype(np.int64), squares.astype(np.int64)


def _of_steps(r: Rows, law: Law, sums: Ints, squares: Ints) -> tuple[Floats, Floats]:
    good = np.maximum(r["good"], 1)
    with np.errstate(all="ignore"):
        return sums * law.scale / good + law.offset, squares * law.scale * law.scale / good


def _stepped(r: Rows) -> Floats:
    """Of samples at equal distances: all but the last hold for one distance."""
    with np.errstate(all="ignore"):
        area: Floats = (r["mean"] * r["good"] - r["last"]) * _distance(r)
    return area


def _sloped(r: Rows) -> Floats:
    with np.errstate(all="ignore"):
        area: Floats = r["area_stepped"] + (r["last"] - r["first"]) * _distance(r) / 2
    return area


def _distance(r: Rows) -> Floats:
    distance: Floats = r["good_ms"] / np.maximum(r["good"] - 1, 1)
    return distance
