"""What of the raw values of one tag becomes rows: exception, then swinging door (HIS-02). Pure.

One machine a tag. The bus says what changed; between two changes the value stands, and each scan proves it. So the
point before a change is the standing value at the last proof, and a line between two rows is never drawn through a time
in which the value stood elsewhere.

Of Good numbers the exception stage (`exc_dev`, `exc_min_ms`) lets through what differs from the held value, with the
point before; the door (`comp_dev`, ...) leaves out what a straight line between its neighbours gives back. Everything
else (texts, states, whole numbers beyond 2^53, anything not Good) is a row at every change.
"""

from math import inf
from typing import Any, Final

from bus.messages import Value
from bus.quality import BAD_CONFIGURATION_ERROR, BAD_NO_COMMUNICATION, is_good
from historian.samples import EXACT_UP_TO, Row, stored
from historian.series import Rule, SeriesKind

NEVER: Final = -1
"""In place of a status: nothing is known, or nothing is told."""
_HUGE: Final = 8e307
"""Beyond it the difference of two numbers may have no float: such a number is a row at every change."""


class Stepped:
    """Between two rows the former holds: every change is a row, but for what the exception stage leaves out.

    `value` and `status` stand on the bus; `told` is the status where a row says so, else NEVER: then tell() is due.
    `newest_ms`: time of the newest raw value, or of a row behind it. `is_marked`: the newest row says that nothing is
    known, or there is no row.
    """

    __slots__ = (
        "before", "candidate", "exact", "exc_dev", "exc_max_ms", "exc_min_ms", "group", "held", "held_ms",
        "is_filtered", "is_marked", "is_text", "line", "newest_ms", "number", "prev", "prev_before", "rule", "series",
        "status", "told", "value",
    )  # fmt: skip

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.series = rule.series
        self.exc_dev, self.exc_min_ms, self.exc_max_ms = rule.exc_dev, rule.exc_min_ms, rule.exc_max_ms
        self.is_filtered = rule.kind is SeriesKind.NUMBER and (rule.exc_dev > 0 or rule.exc_min_ms > 0)
        self.is_text = rule.kind is SeriesKind.TEXT
        """A text in a series of numbers, and a number in one of texts, have no place: the tag became another, and the
        series that fits begins as soon as the rules follow."""
        self.group: Any = None
        """Whose blocks prove that the value stands; kept by the owner of the machine."""
        self.value: Value = None
        self.number: float | None = None
        self.exact: str | None = None
        self.status = self.told = self.line = NEVER
        """`line`: the status with which a change may take the short way."""
        self.newest_ms = 0
        self.is_marked = True
        self.held_ms, self.held = 0, 0.0
        """What the exception stage let through last."""
        self.prev: Row | None = None
        """The newest raw value, where the exception stage holds it back."""
        self.prev_before: Row | None = None
        """The one before it, where that was held back too."""
        self.candidate: Row | None = None
        self.before: Row | None = None

    # -- raw values

    def take(self, ms: int, value: Value, status: int, server_ms: int, proof_ms: int, rows: list[Row]) -> bool:
        """A raw value; unchanged ones may be left out. `proof_ms`: until then the one before stood. True: it was late,
        and tell() is due."""
        if status == self.line and ms > self.newest_ms:
            if isinstance(value, str) is not self.is_text and value is not None:
                return self._take(ms, value, status, server_ms, proof_ms, rows)
            if isinstance(value, float) and -_HUGE <= value <= _HUGE:
                self.number, self.exact = value, None
            elif isinstance(value, int) and -EXACT_UP_TO <= value <= EXACT_UP_TO:
                self.number, self.exact = float(value), None
            else:
                number, exact = stored(value)
                if number is None and exact is None:
                    if self.value is None:
                        return False
                    value = None
                self.number, self.exact = number, exact
            self.value = value
            self.newest_ms = ms
            rows.append((ms, self.series, self.number, self.exact, status, server_ms))
            return False
        return self._take(ms, value, status, server_ms, proof_ms, rows)

    def _take(self, ms: int, value: Value, status: int, server_ms: int, proof_ms: int, rows: list[Row]) -> bool:
        if value is not None and isinstance(value, str) is not self.is_text:
            value, status = None, BAD_CONFIGURATION_ERROR
        number: float | None
        exact: str | None
        if isinstance(value, float) and -_HUGE <= value <= _HUGE:
            number, exact = value, None
        else:
            number, exact = stored(value)
            if number is None and exact is None:
                value = None  # NaN and infinity too
        if status == self.told and value == self.value:
            return False
        row = (ms, self.series, number, exact, status, server_ms)
        is_late = ms < self.newest_ms
        if is_late or ms == self.newest_ms:
            if is_late:
                self.close(proof_ms, rows)
            else:
                self._take_back(rows)
        elif self.told != NEVER:
            if (
                self.is_filtered
                and status == self.told
                and _is_line(self.number, self.exact, status)
                and (_is_line(number, exact, status))
            ):
                self._filter(row, proof_ms, rows)
                self.value, self.number, self.newest_ms = value, number, ms
                return False
            if status != self.told or self._is_sloped or self.is_filtered:
                self.close(proof_ms if proof_ms < ms else 0, rows)
        rows.append(row)
        self.value, self.number, self.exact, self.status = value, number, exact, status
        if is_late:
            self.forget()
        else:
            self._restart(ms)
        return is_late

    _is_sloped = False

    def _take_back(self, rows: list[Row]) -> None:
        """Another value of the same time comes: the newest word is the truth."""
        if self.prev is not None and self.prev_before is not None:
            self._emit(self.prev_before, rows)
        self.prev = self.prev_before = None

    def _restart(self, ms: int) -> None:
        """What stands is in a row of this time."""
        self.newest_ms = ms
        self.told = self.status
        self.is_marked = False
        self.prev = self.prev_before = None
        self.held_ms = ms
        self.held = self.number if self.number is not None else 0.0
        self.line = NEVER if self.is_filtered else self.status

    # -- the exception stage

    def _filter(self, row: Row, proof_ms: int, rows: list[Row]) -> None:
        prev = self.prev
        if prev is not None and self._is_exception(prev, proof_ms):
            self._report(prev, rows)  # it has stood for the minimum by now
            prev = None
        previous = self._previous(prev, (proof_ms, row[0]))
        if self._is_exception(row, row[0]):
            if previous is not None:
                self._emit(previous, rows)
            self._report(row, rows)
        else:
            if previous is not None and previous is not prev:
                self._hold_back(previous)  # it stood until then, and the line must know
            self.prev, self.prev_before = row, previous
            self._hold_back(row)

    def _is_exception(self, row: Row, now_ms: int) -> bool:
        number = row[2]
        assert number is not None
        return abs(number - self.held) > self.exc_dev and now_ms - self.held_ms >= self.exc_min_ms

    def _report(self, row: Row, rows: list[Row]) -> None:
        assert row[2] is not None
        self._emit(row, rows)
        self.held_ms, self.held = row[0], row[2]
        self.prev = self.prev_before = None

    def _previous(self, prev: Row | None, span: tuple[int, int]) -> Row | None:  # noqa: ARG002 # Sloped asks it
        """The raw value before this one; `span`: the last proof, and the time of this one."""
        return prev

    def _emit(self, row: Row, rows: list[Row]) -> None:
        rows.append(row)

    def _hold_back(self, row: Row) -> None:
        pass

    # -- proofs

    def close(self, proof_ms: int, rows: list[Row]) -> None:
        """Store what stands, as of `proof_ms` where that is newer, and the end of the line to it."""
        if self.told == NEVER:
            return
        if self.prev is not None:
            rows.append(self.prev)
        if proof_ms > self.newest_ms:
            rows.append((proof_ms, self.series, self.number, self.exact, self.status, proof_ms))
        self._restart(max(proof_ms, self.newest_ms))

    def forget(self) -> None:
        """The newest row is not what stands."""
        self.told = self.line = NEVER

    def mark(self, ms: int, server_ms: int, rows: list[Row]) -> None:
        """From `ms` on nothing is known, so no line goes on. After close()."""
        if not self.is_marked:
            ms = max(ms, self.newest_ms + 1)
            rows.append((ms, self.series, None, None, BAD_NO_COMMUNICATION, server_ms))
            self.newest_ms = ms
            self.is_marked = True
        self.forget()

    def tell(self, proof_ms: int, rows: list[Row]) -> None:
        """What stands begins a line: after a gap, after late values."""
        rows.append((proof_ms, self.series, self.number, self.exact, self.status, proof_ms))
        self._restart(proof_ms)

    def settle(self, proof_ms: int, before_ms: int, rows: list[Row]) -> None:  # noqa: ARG002 # Sloped uses it
        """Store what has waited since `before_ms` for a next value that does not come."""
        if self.prev is not None and self._is_exception(self.prev, proof_ms):
            self._report(self.prev, rows)

    def adopt(self, other: "Stepped") -> None:
        """Go on after another machine of the same series that was closed: its newest row says what stands."""
        self.group = other.group
        self.value, self.number, self.exact, self.status = other.value, other.number, other.exact, other.status
        self.newest_ms, self.is_marked = other.newest_ms, other.is_marked
        if other.told != NEVER:
            self._restart(other.newest_ms)

    # -- memory

    def dump(self) -> list[Any]:
        held = [self.held_ms, self.held, self.prev, self.prev_before] if self.is_filtered else None
        return [self.value, self.status, self.told != NEVER, self.newest_ms, self.is_marked, held]

    def restore(self, fields: list[Any]) -> None:
        """Raises ValueError or TypeError where these are not the fields."""
        self.value, self.status, is_told, self.newest_ms, self.is_marked, held = fields[:6]
        self.number, self.exact = stored(self.value)
        if is_told:
            self._restart(self.newest_ms)
        if held is not None:
            self.held_ms, self.held, prev, prev_before = held
            self.prev, self.prev_before = _row(prev), _row(prev_before)


class Sloped(Stepped):
    """Between two rows the value goes on a straight line: the swinging door.

    From `start`, the newest row, lines with a slope from `low` to `high` miss no raw value since by more than comp_dev.
    `candidate`, the newest value let through, ends such a line; `before` is the one it followed. `low_next` and
    `high_next` are the same as seen from the candidate: raw values that the exception stage held back since.
    """

    __slots__ = (
        "comp_dev", "comp_max_ms", "comp_min_ms", "high", "high_next", "is_tracked", "low", "low_next", "start",
        "start_ms",
    )  # fmt: skip

    _is_sloped = True

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.comp_dev, self.comp_min_ms, self.comp_max_ms = rule.comp_dev, rule.comp_min_ms, rule.comp_max_ms
        self.is_tracked = self.is_filtered and 0 < 2 * rule.exc_dev <= rule.comp_dev
        """The door looks at raw values the exception stage holds back, so its bound is true of them as well."""
        self.start_ms, self.start = 0, 0.0
        self.low = self.low_next = -inf
        self.high = self.high_next = inf

    def take(self, ms: int, value: Value, status: int, server_ms: int, proof_ms: int, rows: list[Row]) -> bool:
        newest_ms = self.newest_ms
        if status == self.line and ms > newest_ms:
            if isinstance(value, float) and -_HUGE <= value <= _HUGE:
                number = value
            elif isinstance(value, int) and -EXACT_UP_TO <= value <= EXACT_UP_TO:
                number = float(value)
            else:
                return self._take(ms, value, status, server_ms, proof_ms, rows)
            if newest_ms < proof_ms < ms:
                self._emit((proof_ms, self.series, self.number, None, status, proof_ms), rows)
            self.value = value
            self.number = number
            self.newest_ms = ms
            span = ms - self.start_ms
            slope = (number - self.start) / span
            if self.comp_dev == 0.0 and self.candidate is not None and slope != self.low and self.comp_min_ms == 0:
                # what _emit would do; here for speed: nearly every value of nearly every tag comes this way
                candidate = self.candidate
                rows.append(candidate)
                start_ms, start = candidate[0], candidate[2]
                assert start is not None
                self.start_ms, self.start = start_ms, start
                self.low = self.high = (number - start) / (ms - start_ms)
                self.before = None
                self.candidate = (ms, self.series, number, None, status, server_ms)
            else:
                self._emit((ms, self.series, number, None, status, server_ms), rows)
            return False
        return self._take(ms, value, status, server_ms, proof_ms, rows)

    def _restart(self, ms: int) -> None:
        super()._restart(ms)
        self.candidate = self.before = None
        self.start_ms, self.start = ms, self.held
        self.low = self.low_next = -inf
        self.high = self.high_next = inf
        if not _is_line(self.number, self.exact, self.status):
            self.line = NEVER

    def _take_back(self, rows: list[Row]) -> None:
        if self.candidate is not None and self.candidate[0] == self.newest_ms:
            self.candidate, self.before = self.before, None
        super()._take_back(rows)
        self._flush(rows)

    # -- the door

    def _emit(self, row: Row, rows: list[Row]) -> None:
        """A value that was let through."""
        number = row[2]
        assert number is not None
        span = row[0] - self.start_ms
        slope = (number - self.start) / span
        candidate = self.candidate
        if candidate is not None:
            is_long = span > self.comp_max_ms
            if is_long or not self.low <= slope <= self.high:
                if is_long or candidate[0] - self.start_ms >= self.comp_min_ms:
                    self._flush(rows)
                    span = row[0] - self.start_ms
                    slope = (number - self.start) / span
                else:
                    self.low, self.high = -inf, inf  # the candidate is left out: rows would be too close
                candidate = None
        margin = self.comp_dev / span
        self.low = max(self.low, slope - margin)
        self.high = min(self.high, slope + margin)
        self.low_next, self.high_next = -inf, inf
        self.before = candidate
        self.candidate = row

    def _flush(self, rows: list[Row]) -> None:
        """The candidate is a row; the door opens anew from it."""
        candidate = self.candidate
        if candidate is None:
            return
        rows.append(candidate)
        assert candidate[2] is not None
        self.start_ms, self.start = candidate[0], candidate[2]
        self.low, self.high = self.low_next, self.high_next
        self.low_next, self.high_next = -inf, inf
        self.candidate = self.before = None

    def _hold_back(self, row: Row) -> None:
        if not self.is_tracked:
            return
        number, ms = row[2], row[0]
        assert number is not None
        slope, margin = (number - self.start) / (ms - self.start_ms), self.comp_dev / (ms - self.start_ms)
        self.low, self.high = max(self.low, slope - margin), min(self.high, slope + margin)
        if (candidate := self.candidate) is not None:
            assert candidate[2] is not None
            span = ms - candidate[0]
            slope, margin = (number - candidate[2]) / span, self.comp_dev / span
            self.low_next, self.high_next = max(self.low_next, slope - margin), min(self.high_next, slope + margin)

    def _previous(self, prev: Row | None, span: tuple[int, int]) -> Row | None:
        proof_ms, ms = span
        if self.newest_ms < proof_ms < ms:
            return proof_ms, self.series, self.number, None, self.status, proof_ms
        return prev

    # -- proofs

    def close(self, proof_ms: int, rows: list[Row]) -> None:
        if self.told == NEVER:
            return
        if not _is_line(self.number, self.exact, self.status):
            super().close(proof_ms, rows)
            return
        if proof_ms > self.newest_ms:
            self._emit((proof_ms, self.series, self.number, None, self.status, proof_ms), rows)
        elif self.prev is not None:
            self._emit(self.prev, rows)
        self._flush(rows)
        self._restart(max(proof_ms, self.newest_ms))

    def settle(self, proof_ms: int, before_ms: int, rows: list[Row]) -> None:
        super().settle(proof_ms, before_ms, rows)
        candidate = self.candidate
        if candidate is not None and candidate[0] <= before_ms and proof_ms - self.start_ms >= self.comp_min_ms:
            self._flush(rows)

    # -- memory

    @property
    def _is_at_rest(self) -> bool:
        """As _restart() leaves it, or nothing is told: what most tags of a plant are, most of the time."""
        if self.told == NEVER:
            return True
        number = 0.0 if self.number is None else self.number
        if (self.start_ms, self.start, self.candidate) != (self.newest_ms, number, None):
            return False
        return self.low == self.low_next == -inf and self.high == self.high_next == inf

    def dump(self) -> list[Any]:
        if self._is_at_rest:
            return [*super().dump(), None, None]
        door = [self.start_ms, self.start, self.low, self.high, self.candidate, self.before]
        nexts = [self.low_next, self.high_next] if self.is_filtered else None
        return [*super().dump(), door, nexts]

    def restore(self, fields: list[Any]) -> None:
        super().restore(fields)
        door, nexts = fields[6:]
        if door is None:
            return
        self.start_ms, self.start, self.low, self.high, candidate, before = door
        self.candidate, self.before = _row(candidate), _row(before)
        if nexts is not None:
            self.low_next, self.high_next = nexts


def machine_of(rule: Rule) -> Stepped:
    if rule.kind is not SeriesKind.NUMBER or rule.is_stepped:
        return Stepped(rule)
    return Sloped(rule)


def _is_line(number: float | None, exact: str | None, status: int) -> bool:
    """A Good number that arithmetic does justice."""
    return number is not None and exact is None and -_HUGE <= number <= _HUGE and is_good(status)


def _row(fields: Any) -> Row | None:
    if fields is None:
        return None
    ms, series, number, exact, status, server_ms = fields
    return ms, series, number, exact, status, server_ms
