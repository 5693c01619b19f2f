"""What the recorder, the sealer and the queries ask of a place where history lies.

Tables, the same on SQLite and PostgreSQL: `series` (number <-> tag, kind, unit), two hot tables by turns (samples as
rows, keyed by time and series), `chunk` (samples of one series and at most one hour, encoded by historian/chunks.py),
`hour` (summary of a sealed hour, a column each), `minute` (summaries of its minutes, encoded), `memory` (what the
recorder needs to go on). One process writes (run_historian); anybody reads, also while it writes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from historian.samples import Row, Samples
from historian.series import SeriesKey
from historian.summary import Summaries

HOUR_MS: Final = 3_600_000


class StorageAway(Exception):
    """The database does not answer, is locked or full. Nothing was written; the same again later."""


class StorageDamaged(Exception):
    """A stored piece cannot be read. `historian verify` says which; reading goes on without it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Where the recorder goes on: place in the stream (epoch, entry id), seqs of the groups, its compressors."""

    epoch: int
    entry_id: str
    seqs: Mapping[str, int]
    recording: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Encoded samples of one series within the hour that begins at `hour_ms`. Of two that say the same source time the
    one with the higher `no` is the truth. `encoding`: version of historian/chunks.py."""

    series: int
    hour_ms: int
    no: int
    count: int
    start_ms: int
    end_ms: int
    """Times of the first and the last sample."""
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """One hour of a series, whole: what replaces all chunks of it up to number `up_to_no`."""

    chunk: Chunk
    up_to_no: int
    hour: Summaries
    """One row."""
    minutes: Summaries | None
    """None: the samples are so few that they are kept as long as the minutes would be."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Ages in ms after which samples, minutes and hours of a series go."""

    samples_ms: int
    minutes_ms: int
    hours_ms: int


@dataclass(frozen=True, slots=True)
class Usage:
    """`used_bytes`: by history. `free_bytes`: left to it on the disk; None where that cannot be known (a server)."""

    used_bytes: int
    free_bytes: int | None
    samples: int
    """Rows in the hot tables and samples in chunks, as far as counted when they were written."""
    first_ms: int | None
    hot_rows: int


@dataclass(frozen=True, slots=True)
class Filed:
    """What lies of one hour of a series, unread."""

    chunks: Sequence[Chunk]
    """By `no`."""
    sealed: Collection[int]
    """The numbers of those that are in the hour's summary."""
    hour: Summaries | None
    minutes: bytes | None


@dataclass(frozen=True, slots=True)
class Aside:
    """A piece that was put aside. `what`: chunk or minutes; of minutes `no` is 0."""

    series: int
    hour_ms: int
    what: str
    no: int
    reason: str
    at_ms: int
    encoded: bytes


class Storage(Protocol):
    """Not for two threads at once: each opens its own (storage/opening.py: open_storage(url, *, read_only)).

    Every writing is one transaction and may be repeated. Raises StorageAway.
    """

    def prepare(self) -> None:
        """Make the tables, or bring them to this version. Raises StorageAway, and ValueError for a newer version."""

    def series(self) -> dict[SeriesKey, int]: ...

    def add_series(self, keys: Mapping[SeriesKey, str]) -> dict[SeriesKey, int]:
        """Numbers of these, new ones where there are none. The text is the tag's path now, for outsiders' eyes."""

    # -- recording

    def write(self, rows: Sequence[Row], memory: Memory | None) -> None:
        """Into the hot table whose turn it is. A row with a (source_ms, series) that is there replaces it."""

    def memory(self) -> Memory | None: ...

    # -- reading

    def read(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Samples]:
        """Samples with from_ms <= time < to_ms, hot and chunked joined, each time once."""

    def before(self, series: Collection[int], ms: int) -> dict[int, Samples]:
        """Of each series the last sample before `ms`, if there is one."""

    def after(self, series: Collection[int], ms: int) -> dict[int, Samples]:
        """Of each series the first sample at or after `ms`, if there is one."""

    def hours(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Summaries]:
        """Summaries of sealed hours that begin in from_ms <= hour < to_ms. Hours with hot rows or chunks that are not
        in their summary yet are left out: read() has those."""

    def minutes(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, Summaries]:
        """The same by minute, of hours that have them."""

    def unsealed(self, series: Collection[int], from_ms: int, to_ms: int) -> dict[int, set[int]]:
        """Hours in the span whose samples stand outside their summary: series -> beginnings of hours."""

    # -- keeping house

    def turn(self) -> None:
        """The other hot table takes what is written from now on. Only where that one is empty."""

    def resting_rows(self) -> Iterable[Sequence[Row]]:
        """What the hot table holds that rests now, in portions ordered by time."""

    def chunked(self, chunks: Sequence[Chunk], *, is_last: bool = True) -> None:
        """The resting table became these chunks (numbers given here): write them, and with the last of them empty it.

        Each call is one transaction. Until the last one its rows stand in chunks too, and after a kill they are packed
        again: merging finds each time once.
        """

    def unmerged_hours(self, before_ms: int, limit: int) -> list[tuple[int, int]]:
        """(series, hour_ms) of past hours with chunks that are not in their summary."""

    def chunks(self, series: int, hour_ms: int) -> list[Chunk]: ...

    def seal(self, sealed: Sequence[Sealed]) -> None:
        """Each replaces the chunks it was made of, with its summaries."""

    # -- a simulated past (historian/demo.py)

    def put_before(self, portions: Iterable[Sequence[Sealed]], before_ms: int) -> bool:
        """Hours that were never recorded, and the note that history before `before_ms` is simulated: all of it in one
        transaction. An hour that has a summary already is left as it is. False: there is such a note already."""

    def simulated_before(self) -> int | None:
        """History before this time is simulated; None: all of it is real."""

    # -- what is too old

    def expire(self, retention: Mapping[int, Retention], now_ms: int, limit: int) -> int:
        """Delete at most `limit` rows that are too old; of series that are not named nothing. Returns how many."""

    # -- integrity (historian/integrity.py)

    def paths(self) -> dict[int, str]:
        """Of all series the path their tag had. Also of numbers under which something lies though no series has them:
        those have an empty one."""

    def filed_hours(self, series: int, from_ms: int, to_ms: int) -> list[int]:
        """Hours that begin in from_ms <= hour < to_ms and have a chunk, a summary or minutes."""

    def filed(self, series: int, hour_ms: int) -> Filed: ...

    def put_aside(self, series: int, hour_ms: int, no: int | None, reason: str, at_ms: int) -> None:
        """A chunk that cannot be read, or the hour's minutes (None), to where it is in nobody's way, and not lost."""

    def aside(self) -> list[Aside]: ...

    def usage(self) -> Usage: ...

    def close(self) -> None: ...
