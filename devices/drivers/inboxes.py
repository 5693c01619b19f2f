"""What comes in on a connection, frame by frame, and what it is to us: the answer, a late one, or a stray. No I/O.

An inbox is told what was asked, is given all bytes that came since, and says how many it has dealt with and what the
answer is. With a transaction id (TCP) a late answer is known for what it is. Without one (RTU) time has to tell.
"""

from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import Final

from devices.drivers.frames import NOISE_BYTES, Question, Verdict, begins_answer, find_answer, judge, rtu_frame

_MBAP: Final = Struct(">HHHB")
_BEFORE_LENGTH_COUNTS: Final = 6
_MIN_LENGTH: Final = 3
_MAX_LENGTH: Final = 254
_REMEMBERED_TIDS: Final = 64
_REMEMBERED_QUESTIONS: Final = 64
DOUBT_FACTOR: Final = 3
"""After an answer that may be an old one the line must be quiet for so many time-outs."""


class TcpInbox:
    """Frames with an MBAP header."""

    free_at = float("-inf")

    def __init__(self) -> None:
        self._asked: Question | None = None
        self._tid = 0
        self._abandoned: deque[int] = deque(maxlen=_REMEMBERED_TIDS)
        self.late = 0
        self.stray = 0

    def start(self) -> None:
        """A new connection: nothing of before can come."""
        self._asked = None
        self._abandoned.clear()

    def ask(self, question: Question, timeout_s: float) -> None:  # noqa: ARG002 (an RTU inbox needs it)
        self._asked = question

    def frame(self, tid: int) -> bytes:
        """What goes on the wire."""
        assert self._asked is not None
        self._tid = tid
        return _MBAP.pack(tid, 0, len(self._asked.pdu) + 1, self._asked.unit) + self._asked.pdu

    def abandon(self, pending: bytes) -> None:  # noqa: ARG002 (an RTU inbox needs it)
        """Nobody waits any more: time is over, or the caller was cancelled. `pending`: what came and was not taken."""
        if self._asked is not None:
            self._abandoned.append(self._tid)
            self._asked = None

    def take(self, data: bytes) -> tuple[int, Verdict | None]:
        """How many bytes are dealt with, and the verdict on the awaited answer as soon as there is one."""
        used = 0
        while len(data) - used >= _MBAP.size:
            tid, protocol, length, unit = _MBAP.unpack_from(data, used)
            if protocol != 0 or not _MIN_LENGTH <= length <= _MAX_LENGTH:
                reason = f"not a Modbus TCP frame: protocol id {protocol}, length {length}"
                return len(data), self._judged(Verdict(wrong=reason, is_out_of_step=True))
            end = used + _BEFORE_LENGTH_COUNTS + length
            if len(data) < end:
                break
            pdu, used = data[used + _MBAP.size : end], end
            is_awaited = self._asked is not None and tid == self._tid
            if tid in self._abandoned and not is_awaited:  # numbers come round again: the newest has the right
                self._abandoned.remove(tid)
                self.late += 1
            elif self._asked is None:
                self.stray += 1
            elif not is_awaited:
                reason = f"transaction id {tid} instead of {self._tid}"
                return used, self._judged(Verdict(wrong=reason, is_out_of_step=True))
            else:
                return used, self._judged(judge(self._asked, unit, pdu))
        return used, None

    def _judged(self, verdict: Verdict) -> Verdict | None:
        if self._asked is None:
            self.stray += 1
            return None
        self._asked = None
        return verdict


class RtuInbox:
    """Frames without a transaction id (MB-03). Three rules keep a late answer from passing for the next one:

    1. After a time-out or a wrong reply nothing is sent until the line was quiet for one time-out, or the late answer
       has come. `free_at` says when.
    2. An answer that never came stays owed. The next one that could be it is not believed, once.
    3. After that the line must be quiet for DOUBT_FACTOR time-outs; then the debt is forgotten.

    `clock`: monotonic s. `gap_s`: silence between frames (t3.5 of a serial line). `on_free`: `free_at` has moved.
    """

    def __init__(self, clock: Callable[[], float], gap_s: float, on_free: Callable[[], None]) -> None:
        self._clock = clock
        self._gap_s = gap_s
        self._on_free = on_free
        self._asked: Question | None = None
        self._abandoned: Question | None = None
        self._owed: deque[Question] = deque(maxlen=_REMEMBERED_QUESTIONS)
        self._is_doubting = False
        self._timeout_s = 0.0
        self.free_at = float("-inf")
        self.late = 0
        self.stray = 0

    def start(self) -> None:
        """A new connection. What was on its way is lost with the old one (MB-03), but a server that only passes bytes
        on may hold an old answer yet: debts are kept, so that it is not believed."""
        self._asked = self._abandoned = None
        self._is_doubting = False
        self.free_at = float("-inf")
        self._on_free()

    def ask(self, question: Question, timeout_s: float) -> None:
        """The line has been free; whoever asks has seen to it."""
        if self._is_doubting:
            self._is_doubting = False
            self._owed.clear()
        self._abandoned = None
        self._asked, self._timeout_s = question, timeout_s

    def frame(self, tid: int) -> bytes:  # noqa: ARG002 (a TCP inbox needs it)
        """What goes on the wire."""
        assert self._asked is not None
        return rtu_frame(self._asked.unit, self._asked.pdu)

    def abandon(self, pending: bytes) -> None:
        """Nobody waits any more. `pending`: what came; of an answer that had begun only the rest can follow."""
        question, self._asked = self._asked, None
        if question is not None:
            if not begins_answer(question, pending):
                self._abandoned = question
                self._owed.append(question)
            self._keep_quiet(self._timeout_s)

    def take(self, data: bytes) -> tuple[int, Verdict | None]:
        """How many bytes are dealt with, and the verdict on the awaited answer as soon as there is one."""
        if self._asked is None:
            return self._unasked(data), None
        verdict = find_answer(self._asked, data)
        if verdict is None:
            return 0, None
        return len(data), self._judged(self._asked, verdict)

    def _judged(self, question: Question, verdict: Verdict) -> Verdict:
        self._asked = None
        if verdict.wrong:
            if verdict.is_still_owed:
                self._abandoned = question
                self._owed.append(question)
            self._keep_quiet(self._timeout_s)
            return verdict
        is_exception = not verdict.payload
        if any(question.could_be_answered_by(old, by_exception=is_exception) for old in self._owed):
            self._is_doubting = True
            self._keep_quiet(DOUBT_FACTOR * self._timeout_s)
            return Verdict(wrong="an answer that may belong to an earlier request which timed out")
        self._keep_quiet(self._gap_s)
        return verdict

    def _unasked(self, data: bytes) -> int:
        """Bytes while nothing is awaited: the line is not quiet."""
        verdict = find_answer(self._abandoned, data) if self._abandoned is not None else Verdict(wrong="not asked")
        if self._abandoned is not None and verdict is not None and not verdict.wrong:
            self._owed.remove(self._abandoned)
            self._abandoned = None
            self.late += 1
            self.free_at = self._clock()
            self._keep_quiet(self._gap_s)
            return len(data)
        is_noise = len(data) <= NOISE_BYTES
        self._keep_quiet(self._gap_s if is_noise else self._timeout_s * (DOUBT_FACTOR if self._is_doubting else 1))
        if verdict is None:
            return 0
        self.stray += 1
        return len(data)

    def _keep_quiet(self, quiet_s: float) -> None:
        """From now on for so long; a longer silence that was asked for before still holds."""
        self.free_at = max(self.free_at, self._clock() + quiet_s)
        self._on_free()
