"""Why was a request refused (exception 02 or 03)? It is divided until the reason stands alone. Pure.

- one value that is refused by itself, twice: its addresses are a hole;
- both halves are good, what lies between them is refused, twice: that is the hole;
- everything is good in parts: the device gives less at once, and the largest request it grants is searched.

Silence proves nothing, for answers get lost: what is met with it stands apart, and is read by itself from then on.

Requests begin and end where values do, or are a gap between two; only the last steps to an exact limit cut a value.
"""

from collections.abc import Generator, Iterable, Sequence

from devices.plan import Read, read_of
from devices.points import Point, Table

Span = tuple[int, int]
"""First address and number of registers (or bits)."""


Said = bool | None
"""Whether a request was granted; None: there was no answer."""
Steps = Generator[Read, Said, None]
"""Yields a request and is told what was said to it."""


class Search:
    """Why was this request refused?"""

    def __init__(self, read: Read, neighbours: Iterable[Point]) -> None:
        """`read`: with its points. `neighbours`: all points that may lie on the same addresses."""
        self.limit: int | None = None
        self.limit_read: Read | None = None
        """The smallest request that was refused for its size alone."""
        self._read = read
        self._neighbours = [p for p in neighbours if p.table is read.table]
        self.apart: list[Span] = []
        """What there was no answer to, neither granted nor refused."""
        self._refused: list[Span] = []
        self._good: list[Span] = []

    def steps(self) -> Steps:
        yield from self._divide(self._read)
        for refused in self._refused:
            yield from self._spare_smaller_values(refused)
        for address, count in self._refused:
            if not _without((address, count), self._good) and (self.limit is None or count <= self.limit):
                self.limit, self.limit_read = count - 1, part(self._read, address, count)

    def _spare_smaller_values(self, refused: Span) -> Steps:
        """Other values on some of these addresses may well be granted."""
        start, end = refused[0], sum(refused)
        for span in _extents(self._neighbours):
            is_on_it = start < sum(span) and span[0] < end and span != refused
            is_open = is_on_it and span not in self._refused and bool(_without(span, self._good))
            if is_open:
                self._note(span, (yield part(self._read, *span)), [])

    @property
    def holes(self) -> list[Span]:
        known = [*self._good, *self.apart]
        return sorted({span for refused in self._refused for span in _without(refused, known)})

    def _note(self, span: Span, said: Said, refused: list[Span]) -> None:
        (self._good if said else self.apart if said is None else refused).append(span)

    def _divide(self, read: Read, said: Said = False) -> Steps:
        """`read` was not granted."""
        if len(_extents(read.points)) <= 1:
            again = yield read
            if again is False and said is None:
                again = yield read
            self._note(span_of(read), again, self._refused)
            return
        halves = _halves(read)
        are_good = True
        for half in halves:
            if self.limit is not None and half.count > self.limit:
                return  # that is why; what else there may be shows when it is asked for in smaller requests
            half_said = said if span_of(half) == span_of(read) else (yield half)
            if half_said:
                self._good.append(span_of(half))
            else:
                are_good = False
                yield from self._divide(half, half_said)
        if are_good:
            yield from self._explain_sum(read, *halves)

    def _explain_sum(self, read: Read, first: Read, second: Read) -> Steps:
        """Refused as a whole, granted in two parts."""
        end = first.address + first.count
        if second.address > end:
            gap = part(read, end, second.address - end)
            said = yield gap
            if said is False:
                said = yield gap
            self._note(span_of(gap), said, self._refused)
            if not said:
                return
        yield from self._measure(read)

    def _measure(self, read: Read) -> Steps:
        """Every address of it is good. How much of it at once?"""
        if (yield read) is not False:  # the whole once more: nothing is learned from a passing mood
            return
        granted, refused = max(count for _, count in self._good), read.count
        ends = {address + count - read.address for address, count in _extents(read.points)}
        for sizes in (sorted(ends), range(read.count)):  # first without cutting a value in two, which some refuse
            while between := [size for size in sizes if granted < size < refused]:
                size = between[len(between) // 2]
                if (yield part(read, read.address, size)):
                    granted = size
                else:
                    refused = size
        self.limit, self.limit_read = granted, part(read, read.address, refused)


def span_of(read: Read) -> Span:
    return read.address, read.count


def part(read: Read, address: int, count: int) -> Read:
    return Read(read.table, address, count, ())


def whole(read: Read) -> Read:
    return part(read, read.address, read.count)


def _extents(points: Iterable[Point]) -> list[Span]:
    """What has to be read for each of the points, each span once, in order of address."""
    return sorted({span_of(read_of(point)) for point in points})


def _halves(read: Read) -> tuple[Read, Read]:
    """Two requests of about as many values each. They overlap where values do."""
    extents = _extents(read.points)
    first = set(extents[: len(extents) // 2])
    return (
        joined(read.table, [p for p in read.points if span_of(read_of(p)) in first]),
        joined(read.table, [p for p in read.points if span_of(read_of(p)) not in first]),
    )


def joined(table: Table, points: Sequence[Point]) -> Read:
    extents = _extents(points)
    start = extents[0][0]
    return Read(table, start, max(a + n for a, n in extents) - start, tuple(points))


def _without(span: Span, good: Iterable[Span]) -> list[Span]:
    """What remains of a refused span when the addresses that are known to be good are taken out."""
    known = {address for a, n in good for address in range(a, a + n)}
    left: list[Span] = []
    for address in range(span[0], span[0] + span[1]):
        if address in known:
            continue
        if left and sum(left[-1]) == address:
            left[-1] = (left[-1][0], left[-1][1] + 1)
        else:
            left.append((address, 1))
    return left
