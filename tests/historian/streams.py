"""Streams of blocks for tests of recording, and what rows give back, in the plainest way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bus.messages import FULL, LIVE, Block, Value
from bus.quality import GOOD, is_good
from historian.recording import Recording
from historian.samples import EXACT_UP_TO, Row
from historian.series import Rule, SeriesKind

START_MS = 1_700_000_000_000
NUMBER = SeriesKind.NUMBER
STEPPED = Rule(1, NUMBER, is_stepped=True)
SLOPED = Rule(1, NUMBER)
TAG = 7


def recording(rule: Rule = SLOPED, *, scan_ms: int = 1000, group: str = "1:1000") -> Recording:
    """Of one tag, TAG."""
    return Recording({TAG: rule}, {TAG: (group, scan_ms)})


def block(
    at_ms: int,
    values: dict[int, Value] | None = None,
    *,
    status: int = GOOD,
    statuses: dict[int, int] | None = None,
    source_ms: dict[int, int] | None = None,
    group: str = "1:1000",
    is_full: bool = False,
) -> Block:
    """`at_ms` after START_MS."""
    said = values or {}
    return Block(
        1, 1, group, 0, START_MS + at_ms, FULL if is_full else LIVE,
        list(said), list(said.values()), [(statuses or {}).get(tag, status) for tag in said],
        None if source_ms is None else [START_MS + source_ms[tag] for tag in said],
    )  # fmt: skip


def seen(rows: Iterable[Row]) -> list[tuple[int, float | str | None]]:
    """(ms after START_MS, what stands there) of rows, as they came."""
    return [(ms - START_MS, number if exact is None else exact) for ms, _, number, exact, _, _ in rows]


def as_stored(rows: Iterable[Row], series: int = 1) -> list[Row]:
    """The rows of a series by time, of two with the same time the later one."""
    of_time = {row[0]: row for row in rows if row[1] == series}
    return [of_time[ms] for ms in sorted(of_time)]


def value_at(rows: Sequence[Row], ms: int, *, is_stepped: bool) -> tuple[float | str | None, int | None]:
    """What rows in the order of time give back, and the status. No row before: None, None."""
    before = [row for row in rows if row[0] <= ms]
    after = [row for row in rows if row[0] > ms]
    if not before:
        return None, None
    left = before[-1]
    what = left[2] if left[3] is None else left[3]
    if is_stepped or left[0] == ms or not after or not _ends_line(left) or not _ends_line(after[0]):
        return what, left[4]
    right = after[0]
    assert left[2] is not None
    assert right[2] is not None
    return left[2] + (right[2] - left[2]) * ((ms - left[0]) / (right[0] - left[0])), left[4]


def _ends_line(row: Row) -> bool:
    return row[2] is not None and row[3] is None and abs(row[2]) <= EXACT_UP_TO and is_good(row[4])


@dataclass
class Source:
    """Makes blocks of one tag as the poller does: only what changed. Keeps every raw value, unchanged ones too."""

    recording: Recording
    rows: list[Row] = field(default_factory=list)
    raw: list[tuple[int, Value, int]] = field(default_factory=list)

    def scan(self, at_ms: int, value: Value, status: int = GOOD) -> None:
        is_same = bool(self.raw) and self.raw[-1][1:] == (value, status)
        self.raw.append((START_MS + at_ms, value, status))
        self.rows += self.recording.take(block(at_ms, {} if is_same else {TAG: value}, status=status))

    def stop(self, at_ms: int | None = None) -> list[Row]:
        end_ms = self.raw[-1][0] + 1 if at_ms is None else START_MS + at_ms
        self.rows += self.recording.stop(end_ms)
        return as_stored(self.rows)
