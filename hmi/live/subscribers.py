"""One socket as the hub sees it: what it looks at, what it has been sent, and how much it may still be sent.

Daphne's send() has no back-pressure: what a client does not read is kept in memory. So a client acknowledges each frame
it has applied, and at most CREDIT frames wait for that. One that lags gets the newest values later, in one frame.
`now_ms` is of the monotonic clock and always an argument.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from hmi.live.admission import Visitor
from hmi.live.asgi import Send
from hmi.live.feeds import NOTHING
from hmi.live.protocol import BadRequest, Close
from hmi.live.subscriptions import Resolution

if TYPE_CHECKING:
    from hmi.live.fanout import Audience

log = structlog.get_logger(__name__)

CREDIT: Final = 2
MUTE_MS: Final = 5_000
"""A client that has kept a frame for so long without acknowledging it gets no heartbeats either."""
GIVE_UP_MS: Final = 30_000
"""... and after so long its socket is closed."""
PROBE_MS: Final = 10_000
"""A client that had nothing to acknowledge for so long gets an empty frame: does it still read?"""


class Subscriber:
    def __init__(self, visitor: Visitor, send: Send, now_ms: int) -> None:
        self.visitor = visitor
        self.paths: tuple[str, ...] | None = None
        """As asked for; None until the first subscription."""
        self.resolution: Resolution | None = None
        self.audience: Audience | None = None
        self.sent_no = NOTHING
        self.is_behind = False
        """Something was due and there was no credit."""
        self.is_closed = False
        self.told_ms = now_ms
        """When it was last told how old everything is, by a heartbeat or with a frame."""
        self._send = send
        self._in_flight: deque[tuple[int, int]] = deque()
        self._acked = NOTHING
        self._heard_ms = now_ms

    @property
    def has_credit(self) -> bool:
        return len(self._in_flight) < CREDIT

    async def send_text(self, text: str) -> None:
        if self.is_closed:
            return
        try:
            await self._send({"type": "websocket.send", "text": text})
        except Exception as error:  # noqa: BLE001  # servers raise what they like; one dead socket must not stop the rest
            self.is_closed = True
            log.info("live: a socket is gone", reason=f"{type(error).__name__}: {error}")

    async def send_beat(self, text: str, now_ms: int) -> None:
        self.told_ms = now_ms
        await self.send_text(text)

    async def close(self, code: Close) -> None:
        if not self.is_closed:
            self.is_closed = True
            await self._send({"type": "websocket.close", "code": int(code)})

    def sent(self, seq: int, now_ms: int) -> None:
        """A frame is on its way."""
        self._in_flight.append((seq, now_ms))

    def acknowledge(self, seq: int, now_ms: int) -> None:
        """Takes back the credit of this frame and of those before it. The last one may be acknowledged again.

        Raises BadRequest for a frame that was not sent: who acknowledges blindly does not read.
        """
        if seq != self._acked:
            if all(seq != sent for sent, _ in self._in_flight):
                raise BadRequest("unknown_seq", f"No frame {seq} waits for an acknowledgement.")
            while self._in_flight.popleft()[0] != seq:
                pass
            self._acked = seq
        self._heard_ms = now_ms

    def waiting_ms(self, now_ms: int) -> int:
        """How long the oldest frame has waited to be acknowledged; 0 when none does."""
        return now_ms - self._in_flight[0][1] if self._in_flight else 0

    def needs_probe(self, now_ms: int) -> bool:
        return not self._in_flight and now_ms - self._heard_ms >= PROBE_MS
