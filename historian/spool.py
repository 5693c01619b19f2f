"""Rows that wait on the disk because the database of history is away (HIS-11): in order, bounded, safe against a kill.

Segments of some megabytes in one folder, numbered. A record is its length, a checksum and a batch in msgpack, and is
on the disk (fsync) before append() returns. One that a kill has cut is left out: the recorder says its rows again from
the last Memory before it.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

import msgpack
import structlog

from historian.samples import Row
from historian.storage.base import Memory

log = structlog.get_logger(__name__)

SEGMENT_BYTES: Final = 8 << 20
_HEAD: Final = Struct("<II")
"""Length of the record, CRC-32 of it."""


class SpoolFull(Exception):
    """No room: the bound is reached, or the disk is full. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in the order of the stream. `memory`: the recorder right after them, where it was kept."""

    rows: Sequence[Row]
    memory: Memory | None = None


class Spool:
    """For one process and one thread. Opening it finds what an earlier process has left."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._sizes: dict[int, int] = {}
        """Number of a segment -> its bytes."""
        self._writing: FileIO | None = None
        self._reading: Iterator[Batch] | None = None
        self._first: Batch | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.glob("*.spool"):
            if path.stem.isdigit():
                self._sizes[int(path.stem)] = path.stat().st_size
        self._next = max(self._sizes, default=0) + 1

    @property
    def size_bytes(self) -> int:
        return sum(self._sizes.values())

    @property
    def is_empty(self) -> bool:
        return not self._sizes

    def last_memory(self) -> Memory | None:
        """The newest that waits here: where a recorder goes on that was ended meanwhile."""
        for number in sorted(self._sizes, reverse=True):
            found = [batch.memory for batch in self._batches(number) if batch.memory is not None]
            if found:
                return found[-1]
        return None

    # -- writing

    def append(self, batch: Batch) -> None:
        """Raises SpoolFull."""
        record = _packed(batch)
        if self.size_bytes + len(record) > self._limit_bytes:
            raise SpoolFull(f"The spool of history has reached its limit of {self._limit_bytes >> 20} MB.")
        number = self._next - 1 if self._writing is not None else self._next
        place = 0
        try:
            file = self._writing or self._open(number)
            place = file.tell()
            if file.write(record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError as error:
            self._cut(number, place)
            raise SpoolFull(f"The spool of history cannot be written: {error.strerror}.") from error
        self._sizes[number] = place + len(record)
        if self._sizes[number] >= SEGMENT_BYTES:
            self._close_writing()

    def _open(self, number: int) -> FileIO:
        self._writing = (self._folder / f"{number:08}.spool").open("ab", buffering=0)
        self._next = number + 1
        self._sizes[number] = 0
        return self._writing

    def _cut(self, number: int, place: int) -> None:
        """Take back what was written of a record, as far as the disk allows: its reader leaves out the rest."""
        file, self._writing = self._writing, None
        if file is None:
            return
        try:
            with file:
                file.truncate(place)
        except OSError as error:
            log.warning("a record of the spool stays cut", segment=number, reason=str(error))
        self._sizes[number] = place
        if not place:
            self._remove(number)

    def _close_writing(self) -> None:
        if self._writing is not None:
            self._writing.close()
            self._writing = None

    # -- reading

    def first(self) -> Batch | None:
        """The oldest batch; the same until done() is called. None: nothing waits."""
        while self._first is None and self._sizes:
            number = min(self._sizes)
            if self._reading is None:
                if self._writing is not None and number == self._next - 1:
                    self._close_writing()  # what is written from now on goes into the next segment
                self._reading = self._batches(number)
            self._first = next(self._reading, None)
            if self._first is None:
                self._reading = None
                self._remove(number)
        return self._first

    def done(self) -> None:
        """What first() returned is in the database."""
        self._first = None

    def _batches(self, number: int) -> Iterator[Batch]:
        with (self._folder / f"{number:08}.spool").open("rb") as file:
            while head := file.read(_HEAD.size):
                if len(head) < _HEAD.size:
                    break
                length, checksum = _HEAD.unpack(head)
                body = file.read(length)
                if len(body) < length or crc32(body) != checksum:
                    log.warning("a record of the spool was cut; its rows are said again", segment=number)
                    break
                yield _unpacked(body)

    def _remove(self, number: int) -> None:
        self._sizes.pop(number, None)
        (self._folder / f"{number:08}.spool").unlink(missing_ok=True)

    def close(self) -> None:
        self._close_writing()
        if self._reading is not None:
            self._reading = self._first = None


def _packed(batch: Batch) -> bytes:
    memory = batch.memory
    fields = None if memory is None else [memory.epoch, memory.entry_id, dict(memory.seqs), memory.recording]
    body: bytes = msgpack.packb([[list(row) for row in batch.rows], fields])
    return _HEAD.pack(len(body), crc32(body)) + body


def _unpacked(body: bytes) -> Batch:
    rows, fields = msgpack.unpackb(body)
    return Batch([tuple(row) for row in rows], None if fields is None else Memory(*fields))
