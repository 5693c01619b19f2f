"""Who is sent what, and when. A feed that has been quiet is sent at once; then its changes are gathered for GATHER_MS.

Everybody who looks at the same tags is an audience: a frame is written once for all of them who have the same credit
behind them. `now_ms` is of the monotonic clock and always an argument; the only I/O is the subscriber's own send().
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from hmi.live import protocol
from hmi.live.feeds import NOTHING, Feed, LiveValues, frame_text
from hmi.live.subscribers import GIVE_UP_MS, MUTE_MS, Subscriber
from hmi.live.subscriptions import Resolution

GATHER_MS: Final = 240
"""A little less than a quarter of a second: a source of four changes a second is never kept waiting for its turn."""
TELL_MS: Final = 500
"""An audience that was not told for so long how old everything is learns it with its next frame, as by a heartbeat."""
AT_ONCE: Final = 16
"""Sockets served between two turns of the event loop: what is sent leaves the process when the loop gets its turn."""


Ages = Callable[[], tuple[int | None, int | None]]
"""How many ms ago the bus answered, and the poller spoke; None: never."""


@dataclass(eq=False, slots=True)
class Audience:
    """Everybody who looks at the same tags."""

    key: Any
    feed: Feed
    readers: set[Subscriber] = field(default_factory=set)
    sent_ms: int = -GATHER_MS
    told_ms: int = -TELL_MS
    """When a frame last said how old everything is."""

    @property
    def due_ms(self) -> int:
        return self.sent_ms + GATHER_MS


class Fanout:
    def __init__(self, values: LiveValues, ages: Ages) -> None:
        self.values = values
        self._ages = ages
        self.frames = 0
        """Frames sent so far."""
        self.is_open = False
        """Nothing is sent before the bus has been read once: nobody is told that there are no values."""
        self._audiences: dict[Any, Audience] = {}
        self._by_group: dict[str, set[Audience]] = {}
        self._waiting: set[Audience] = set()
        self._wake = asyncio.Event()

    @property
    def feeds(self) -> int:
        return len(self._audiences)

    # --- who looks at what ---

    def place(self, subscriber: Subscriber, resolution: Resolution) -> None:
        """Let the subscriber look at these tags and no others. serve() then sends it all of them."""
        self.remove(subscriber)
        audience = self._audiences.get(resolution.key)
        if audience is None:
            feed = Feed(self.values, resolution.tags, resolution.switched_off)
            audience = self._audiences[resolution.key] = Audience(resolution.key, feed)
            for group in feed.groups:
                self._by_group.setdefault(group, set()).add(audience)
        audience.readers.add(subscriber)
        subscriber.audience, subscriber.sent_no = audience, NOTHING
        self.values.next_no()

    async def serve(self, subscriber: Subscriber, now_ms: int) -> None:
        """A new screen does not wait for its audience's turn, nor for the next heartbeat to learn how old all is."""
        if subscriber.audience is not None and self.is_open:
            feed = subscriber.audience.feed
            await subscriber.send_beat(protocol.beat(self._told(feed.groups, {}, now_ms)), now_ms)
            await self._give(subscriber, feed, {}, self.values.no, now_ms)

    def remove(self, subscriber: Subscriber) -> None:
        audience, subscriber.audience = subscriber.audience, None
        if audience is None:
            return
        audience.readers.discard(subscriber)
        if audience.readers:
            return
        del self._audiences[audience.key]
        self._waiting.discard(audience)
        for group in audience.feed.groups:
            self._by_group[group].discard(audience)
            if not self._by_group[group]:
                del self._by_group[group]

    # --- when ---

    def announce(self, groups: Iterable[str]) -> None:
        """These groups have something new."""
        for group in groups:
            for audience in self._by_group.get(group, ()):
                self._waiting.add(audience)
        self._wake.set()

    def announce_all(self) -> None:
        """Everybody is sent everything again: it is another epoch, or the first look at the bus."""
        self.is_open = True
        for audience in self._audiences.values():
            for subscriber in audience.readers:
                subscriber.sent_no = NOTHING
            self._waiting.add(audience)
        self._wake.set()

    def has_room(self, subscriber: Subscriber) -> None:
        """The subscriber has acknowledged something. If it lags behind, it gets the newest in its audience's turn."""
        if subscriber.audience is not None and subscriber.is_behind:
            self._await_turn(subscriber.audience)

    def _await_turn(self, audience: Audience) -> None:
        self._waiting.add(audience)
        self._wake.set()

    async def wait(self, now_ms: int) -> None:
        """Until something is due."""
        soonest = min((a.due_ms for a in self._waiting), default=None) if self.is_open else None
        if soonest is not None and soonest <= now_ms:
            return
        self._wake.clear()
        timeout_s = None if soonest is None else (soonest - now_ms) / 1000
        try:
            async with asyncio.timeout(timeout_s):  # not wait_for: in Python 3.11 that can lose a cancel
                await self._wake.wait()
        except TimeoutError:
            return

    async def send_due(self, now_ms: int) -> None:
        """Send every audience whose turn it is."""
        turn, written = 0, dict[str, str]()
        for audience in [a for a in self._waiting if a.due_ms <= now_ms]:
            self._waiting.discard(audience)
            audience.sent_ms = now_ms
            turn = await self._send_to(audience, now_ms, turn, written)

    async def _send_to(self, audience: Audience, now_ms: int, turn: int, written: dict[str, str]) -> int:
        texts: dict[int, str | None] = {}
        no, ages = self.values.no, ""
        if now_ms - audience.told_ms >= TELL_MS:
            audience.told_ms, ages = now_ms, self._told(audience.feed.groups, written, now_ms)
        for subscriber in list(audience.readers):
            if subscriber.audience is audience and subscriber.sent_no < no:
                await self._give(subscriber, audience.feed, texts, no, now_ms, ages)
                turn += 1
                if turn % AT_ONCE == 0:
                    await asyncio.sleep(0)
        return turn

    async def _give(
        self, subscriber: Subscriber, feed: Feed, texts: dict[int, str | None], no: int, now_ms: int, ages: str = ""
    ) -> None:
        """Send the subscriber what it has not had up to `no`. `texts`: frames written already, by where they begin."""
        subscriber.is_behind = not subscriber.has_credit
        if subscriber.is_behind:
            return
        behind = subscriber.sent_no
        if behind not in texts:
            texts[behind] = feed.frame(no, behind, now_ms, ages)
        text = texts[behind]
        subscriber.sent_no = no
        if text is not None:
            subscriber.sent(no, now_ms)
            if ages:
                subscriber.told_ms = now_ms
            self.frames += 1
            await subscriber.send_text(text)

    # --- heartbeats ---

    async def beat(self, subscribers: Iterable[Subscriber], now_ms: int) -> list[Subscriber]:
        """Tell these how old everything is. Returns those who have not acknowledged a frame for too long."""
        texts: dict[frozenset[str], str] = {}
        ages: dict[str, str] = {}
        silent: list[Subscriber] = []
        for turn, subscriber in enumerate(list(subscribers)):
            waiting_ms = subscriber.waiting_ms(now_ms)
            if waiting_ms >= GIVE_UP_MS:
                silent.append(subscriber)
            elif waiting_ms < MUTE_MS:
                groups = subscriber.audience.feed.groups if subscriber.audience else frozenset()
                if groups not in texts:
                    texts[groups] = protocol.beat(self._told(groups, ages, now_ms))
                await subscriber.send_beat(texts[groups], now_ms)
                if subscriber.needs_probe(now_ms):
                    await self._probe(subscriber, now_ms)
            if turn % AT_ONCE == 0:
                await asyncio.sleep(0)
        return silent

    def _told(self, groups: Iterable[str], written: dict[str, str], now_ms: int) -> str:
        """How old everything is, as a heartbeat says it. `written`: groups that were written for others already."""
        for name in groups:
            if name not in written:
                written[name] = protocol.group_age(name, self.values.group(name).age_ms(now_ms))
        return protocol.ages(*self._ages(), (written[name] for name in groups))

    async def _probe(self, subscriber: Subscriber, now_ms: int) -> None:
        """A frame to be acknowledged like any other, mostly without rows: heartbeats alone would pile up unseen.

        What changed a moment ago and waits for its turn goes with it: rows that came behind its number were too late.
        """
        seq, rows = self.values.next_no(), list[str]()
        if subscriber.audience is not None and self.is_open:
            rows = subscriber.audience.feed.rows_after(subscriber.sent_no, now_ms)
            subscriber.sent_no = seq
        subscriber.sent(seq, now_ms)
        await subscriber.send_text(frame_text(seq, self.values.epoch, rows))
