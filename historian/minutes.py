"""Summaries of the minutes of a sealed hour as few bytes, and back, exact for every bit. Pure.

Much of a summary can be foretold from the rest where all is Good and regular, and a sum of values that follow a law
is a whole number of its steps. So what is stored is by how much each is off; where nothing can be foretold that is
as long as the number itself, and as right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian.chunks import DamagedChunk, opened, sealed
from historian.numbers import LAW, Found, Law, fitting_law, folded, pack_numbers, unfolded
from historian.packing import Ints, Packed, Reader, Unreadable, fill, find, natural, pack
from historian.summary import FIELDS, Rows, Summaries

VERSION: Final = 1
MOST: Final = 3600
_MOMENTS: Final = ("first_ms", "last_ms", "min_ms", "max_ms")
_NUMBERS: Final = ("first", "last", "min", "max")
_WHOLES: Final = ("count", "good", "first_status", "last_status", "changes")
_SUMS: Final = ("mean", "m2")
_AREAS: Final = ("area_stepped", "area_sloped")
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


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Of many pieces together. Those of piece n are rows[ends[n - 1]:ends[n]]; of a damaged one there are none."""

    rows: Rows
    ends: list[int]
    damaged: dict[int, str]
    """Which pieces could not be read -> why."""


def decode(encoded: bytes) -> Summaries:
    """Raises DamagedChunk."""
    found = decode_all([encoded])
    if found.damaged:
        raise DamagedChunk(found.damaged[0])
    return Summaries(found.rows)


def decode_all(pieces: Sequence[bytes]) -> Decoded:
    """All in one go: a day of eight pens is two hundred pieces of sixty rows."""
    found: list[_Piece | None] = []
    damaged: dict[int, str] = {}
    for place, encoded in enumerate(pieces):
        try:
            found.append(_Piece(Reader(opened(VERSION, encoded))))
        except (DamagedChunk, Unreadable) as error:
            found.append(None)
            damaged[place] = _why(error)
    fill(column for piece in found if piece is not None for column in piece.columns())
    for place, piece in enumerate(found):
        try:
            if piece is not None:
                piece.reckon()
        except Unreadable as error:
            found[place] = None
            damaged[place] = _why(error)
    ends = np.cumsum([0 if piece is None else piece.count for piece in found]).tolist()
    return Decoded(_rows_of([piece for piece in found if piece is not None and piece.count]), ends, damaged)


def _why(error: Exception) -> str:
    return f"It cannot be unpacked: {error}." if isinstance(error, Unreadable) else str(error)


class _Piece:
    """What lies in one piece, in its order."""

    def __init__(self, reader: Reader) -> None:
        self.count = count = reader.natural(MOST)
        self.whole: dict[str, Packed] = {}
        self.steps: dict[str, int] = {}
        self.sums: dict[str, Found] = {}
        self.law: Law | None = None
        if count:
            self.whole["start_ms"] = find(reader, count)
            for name in _MOMENTS:
                self.steps[name] = int(np.uint64(reader.natural()).astype(np.int64))
                self.whole[name] = find(reader, count)
            for name in (*_WHOLES, "good_ms"):
                self.whole[name] = find(reader, count)
            self.of_numbers = Found(reader, 4 * count)
            self._find_sums(reader, count)
        reader.end()

    def _find_sums(self, reader: Reader, count: int) -> None:
        way = reader.byte()
        if way == 0:
            self.sums = {name: Found(reader, count) for name in _SUMS}
        elif way == 1:
            self.law = Law(*LAW.unpack(reader.take(LAW.size)))
            for name in _SUMS:
                self.whole[name], self.whole[f"{name} off"] = find(reader, count), find(reader, count)
        else:
            raise Unreadable(f"sums in way {way} are not known")
        for name in _AREAS:
            self.whole[name] = find(reader, count)

    def columns(self) -> Iterator[Packed]:
        yield from self.whole.values()
        if self.count:
            yield from self.of_numbers.columns
        for found in self.sums.values():
            yield from found.columns

    def reckon(self) -> None:
        if self.count:
            self.numbers = self.of_numbers.numbers().reshape(4, self.count)
            self.sum_numbers = {name: found.numbers() for name, found in self.sums.items()}


def _rows_of(pieces: Sequence[_Piece]) -> Rows:
    counts = [piece.count for piece in pieces]
    r = np.zeros(sum(counts), FIELDS)
    if not pieces:
        return r
    r["start_ms"] = _column(pieces, "start_ms")
    for name in _MOMENTS:
        r[name] = r["start_ms"] + _column(pieces, name) * np.repeat([piece.steps[name] for piece in pieces], counts)
    for name in _WHOLES:
        r[name] = _column(pieces, name).astype(FIELDS[name])
    r["good_ms"] = _column(pieces, "good_ms") + (r["last_ms"] - r["first_ms"])
    for name, column in zip(_NUMBERS, np.concatenate([piece.numbers for piece in pieces], axis=1), strict=True):
        r[name] = column
    _add_sums(r, pieces, np.repeat([piece.law is not None for piece in pieces], counts))
    r["area_stepped"] = _moved(_stepped(r), _column(pieces, "area_stepped"))
    r["area_sloped"] = _moved(_sloped(r), _column(pieces, "area_sloped"))
    return r


def _column(pieces: Sequence[_Piece], name: str) -> Ints:
    return np.concatenate([piece.whole[name].values for piece in pieces])


def _add_sums(r: Rows, pieces: Sequence[_Piece], is_lawful: NDArray[np.bool_]) -> None:
    if not is_lawful.all():
        plain = [piece for piece in pieces if piece.law is None]
        for name in _SUMS:
            r[name][~is_lawful] = np.concatenate([piece.sum_numbers[name] for piece in plain])
    lawful = [(piece, piece.law) for piece in pieces if piece.law is not None]
    if lawful:
        some, counts = [piece for piece, _ in lawful], [piece.count for piece, _ in lawful]
        scale, offset = (np.repeat([getattr(law, name) for _, law in lawful], counts) for name in ("scale", "offset"))
        foretold = _of_steps(r["good"][is_lawful], scale, offset, *(_column(some, name) for name in _SUMS))
        for name, column in zip(_SUMS, foretold, strict=True):
            r[name][is_lawful] = _moved(column, _column(some, f"{name} off"))


def _pack_steps(column: Ints) -> bytes:
    step = max(int(np.gcd.reduce(column)), 1)
    return natural(step) + pack(column // step)


def _pack_sums(r: Rows, law: Law | None) -> bytes:
    """0, mean and m2 as they are; or 1, the law, how many of its steps their sums are, and by how much they are off."""
    steps = None if law is None else _steps(r, law)
    if law is None or steps is None:
        body = b"\0" + pack_numbers(r["mean"]) + pack_numbers(r["m2"])
    else:
        body = b"\1" + LAW.pack(law.scale, law.offset)
        scale, offset = np.float64(law.scale), np.float64(law.offset)
        for name, whole, foretold in zip(_SUMS, steps, _of_steps(r["good"], scale, offset, *steps), strict=True):
            body += pack(whole) + pack(folded(r[name]) - folded(foretold), (0,))
    for name, foretold in zip(_AREAS, (_stepped(r), _sloped(r)), strict=True):
        body += pack(folded(r[name]) - folded(foretold), (0,))
    return body


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


def _of_steps(
    good: NDArray[np.int32], scale: Floats | np.float64, offset: Floats | np.float64, sums: Ints, squares: Ints
) -> tuple[Floats, Floats]:
    known = np.maximum(good, 1)
    with np.errstate(all="ignore"):
        return sums * scale / known + offset, squares * scale * scale / known


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
