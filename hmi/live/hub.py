"""The live hub: one per web process. Follows the bus and sends every socket the newest values of its tags.

No channel layer: that keeps the oldest messages and drops the newest, and live values need the opposite. What belongs
to time and order of the values stands in feeds.py, who is sent what in fanout.py, rights in admission.py.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog
from django.conf import settings
from redis.asyncio import Redis

from accounts.permissions import AreaSet
from bus.client import connect
from bus.follower import Event, Follower, Idle, Lost, News, Snapshot
from bus.process import Heartbeat
from bus.roles import WEB
from devices.snapshot import Snapshot as PlantSnapshot
from hmi.live import protocol
from hmi.live.admission import Standing, Visitor
from hmi.live.alarm_news import AlarmFeed, AlarmNews
from hmi.live.asgi import Send
from hmi.live.earlier import earlier
from hmi.live.fanout import Fanout
from hmi.live.feeds import LiveValues
from hmi.live.oversight import Oversight
from hmi.live.protocol import HEARTBEAT_MS, Ack, Close, Request, Subscribe
from hmi.live.recent import NOTHING as NOTHING_RECENT
from hmi.live.recent import Recent, show
from hmi.live.sampling import Sampler
from hmi.live.subscribers import MUTE_MS, Subscriber
from hmi.live.subscriptions import Resolution, resolve

log = structlog.get_logger(__name__)

_SEQ_START: Final = 1 << 40
"""seq begins somewhere below this: nobody can acknowledge a frame without having read it."""
_YIELD_EVERY: Final = 20
KEPT_ANSWERS: Final = 64
BEAT_LOOK_MS: Final = 100
QUIET_MS: Final = 500
"""A quiet bus is asked again so often whether it is still there."""


class TooManySockets(Exception):
    """The visitor, or the whole site, has as many sockets as are allowed. The text says which."""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Hub:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._follower = Follower(client, block_ms=QUIET_MS)
        self._oversight = Oversight(client)
        self._heartbeat = Heartbeat(client, WEB, revision=lambda: self._oversight.revision, detail=self.figures)
        self._values = LiveValues(secrets.randbelow(_SEQ_START))
        self._fanout = Fanout(self._values, self._ages)
        self._recent = Recent()
        self._sampler = Sampler(
            self._values, self._recent, lambda: self._oversight.snapshot, partial(earlier, self._client)
        )
        self._alarms = AlarmFeed(client, self._look_at_alarms, self._tell_all)
        self._subscribers: set[Subscriber] = set()
        self._resolved_for: PlantSnapshot | None = None
        self._resolutions: dict[tuple[tuple[str, ...], AreaSet], Resolution] = {}
        self._heard_bus_ms: int | None = None
        self._counted = (0, _now_ms())
        self._tasks: list[asyncio.Task[None]] = []

    # --- life ---

    def start(self) -> None:
        """Start following, sending, beating and watching; needs the running event loop."""
        show(self._recent)
        follow = (self._follow, self._send, self._beat, self._watch)
        endless = (*follow, self._oversight.listen, self._heartbeat.run, self._sampler.run, self._alarms.run)
        self._tasks = [asyncio.create_task(_kept_up(run)) for run in endless]

    async def stop(self) -> None:
        show(NOTHING_RECENT)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._alarms.close()
        await self._oversight.close()
        await self._client.aclose()

    def figures(self) -> dict[str, Any]:
        """For the system page and /metrics. `frames_s`: frames per second since the question before."""
        (frames, then), now = self._counted, _now_ms()
        self._counted = self._fanout.frames, now
        return {
            "sockets": len(self._subscribers),
            "feeds": self._fanout.feeds,
            "frames_s": round(1000 * (self._fanout.frames - frames) / max(1, now - then), 1),
            "put_aside": self._follower.put_aside,
        }

    # --- sockets ---

    async def admit(self, session_key: str) -> Visitor | None:
        """Who has this session; None for nobody. Raises DatabaseError."""
        return await self._oversight.admit(session_key)

    def join(self, visitor: Visitor, send: Send) -> Subscriber:
        """Raises TooManySockets."""
        if len(self._subscribers) >= settings.LIVE_SOCKETS:
            raise TooManySockets(f"This site carries {settings.LIVE_SOCKETS} live screens at a time. Close some.")
        own = sum(s.visitor.user_id == visitor.user_id for s in self._subscribers)
        if own >= settings.LIVE_SOCKETS_PER_USER:
            raise TooManySockets(f"You have {own} live screens open, which is the limit. Close some.")
        subscriber = Subscriber(visitor, send, _now_ms())
        self._subscribers.add(subscriber)
        return subscriber

    async def greet(self, subscriber: Subscriber) -> None:
        """The first words: which protocol this is, and how the alarms stand."""
        await subscriber.send_text(protocol.hello())
        if self._alarms.newest is not None:
            await subscriber.send_text(self._alarms.newest.text)

    def leave(self, subscriber: Subscriber) -> None:
        subscriber.is_closed = True
        self._subscribers.discard(subscriber)
        self._fanout.remove(subscriber)

    async def handle(self, subscriber: Subscriber, request: Request) -> None:
        """Raises BadRequest."""
        match request:
            case Ack(seq):
                subscriber.acknowledge(seq, _now_ms())
                self._fanout.has_room(subscriber)
            case Subscribe(paths):
                subscriber.paths, subscriber.resolution = tuple(paths), None
                await self._resolve(subscriber)

    async def _resolve(self, subscriber: Subscriber) -> None:
        """Answer a subscription, and answer again when the configuration or the visitor's rights have changed it."""
        snapshot = self._oversight.snapshot
        if subscriber.paths is None or snapshot is None:
            return
        resolution = self._resolved(snapshot, subscriber.visitor.areas, subscriber.paths)
        before, subscriber.resolution = subscriber.resolution, resolution
        if before is None or (before.text, before.key) != (resolution.text, resolution.key):
            await subscriber.send_text(resolution.text)
            self._fanout.place(subscriber, resolution)
            await self._fanout.serve(subscriber, _now_ms())

    def _resolved(self, snapshot: PlantSnapshot, areas: AreaSet, paths: tuple[str, ...]) -> Resolution:
        """Screens of one kind ask for the same: a control room that reconnects is answered once."""
        if self._resolved_for is not snapshot or len(self._resolutions) >= KEPT_ANSWERS:
            self._resolved_for = snapshot
            self._resolutions.clear()
        key = paths, areas
        if key not in self._resolutions:
            self._resolutions[key] = resolve(snapshot, areas, paths)
        return self._resolutions[key]

    # --- what runs all the time ---

    async def _follow(self) -> None:
        async for event in self._follower.events():
            self._take(event)

    def _take(self, event: Event) -> None:
        now_ms = _now_ms()
        match event:
            case Lost(reason):
                log.warning("live: the bus is lost", reason=reason)
                return
            case Snapshot(epoch, blocks):
                log.info("live: following the bus", epoch=epoch, groups=len(blocks))
                is_other = epoch != self._values.epoch or not self._fanout.is_open
                if is_other:
                    self._recent.clear()
                changed = self._values.replace(epoch, blocks, now_ms, _wall_ms())
                if is_other:
                    self._fanout.announce_all()
                else:
                    self._fanout.announce(changed)
            case News(blocks, waited_ms):
                self._fanout.announce(self._values.apply(blocks, waited_ms, now_ms, _wall_ms()))
            case Idle():
                pass
        self._heard_bus_ms = now_ms

    async def _send(self) -> None:
        while True:
            await self._fanout.wait(_now_ms())
            await self._fanout.send_due(_now_ms())

    async def _beat(self) -> None:
        """Who was told nothing for a second, by a frame either, is told how old everything is."""
        while True:
            now_ms = _now_ms()
            due = [s for s in self._subscribers if now_ms - s.told_ms >= HEARTBEAT_MS]
            for subscriber in await self._fanout.beat(due, now_ms):
                await subscriber.close(Close.SILENT)
            await asyncio.sleep(max(0, BEAT_LOOK_MS - (_now_ms() - now_ms)) / 1000)

    def _ages(self) -> tuple[int | None, int | None]:
        bus_age_ms = None if self._heard_bus_ms is None else _now_ms() - self._heard_bus_ms
        return bus_age_ms, self._oversight.poller_age_ms()

    async def _watch(self) -> None:
        """New configuration and rights that were taken away reach the sockets that are open."""
        while True:
            revision = self._oversight.revision
            view = await self._oversight.look(lambda: {s.visitor.session for s in self._subscribers})
            if view is not None:
                is_new = view.snapshot.revision != revision
                await self._settle(view.standing, is_new)
            await self._oversight.wait()

    async def _look_at_alarms(self) -> AlarmNews | None:
        no = await self._oversight.alarm_no()
        return None if no is None else AlarmNews(no, self._oversight.revision, self._oversight.evaluates_alarms)

    async def _tell_all(self, text: str) -> None:
        """Who has not read for long hears it when it connects again."""
        now_ms = _now_ms()
        for turn, subscriber in enumerate(list(self._subscribers)):
            if subscriber.waiting_ms(now_ms) < MUTE_MS:
                await subscriber.send_text(text)
            if turn % _YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _settle(self, standing: Standing | None, is_new: bool) -> None:
        for turn, subscriber in enumerate(list(self._subscribers)):
            areas = subscriber.visitor.areas
            if standing is not None and subscriber.visitor.session in standing.asked:
                if subscriber.visitor.session not in standing.valid:
                    await subscriber.close(Close.LOGIN)
                    continue
                areas = standing.areas[subscriber.visitor.user_id]
            if is_new or areas != subscriber.visitor.areas or subscriber.resolution is None:
                subscriber.visitor = replace(subscriber.visitor, areas=areas)
                await self._resolve(subscriber)
            if turn % _YIELD_EVERY == 0:
                await asyncio.sleep(0)


async def _kept_up(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Endless. What breaks is logged and begins anew: a hub that has stopped looks like a plant that stands still."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("live: a part of the hub broke and begins anew", part=run.__qualname__)
        await asyncio.sleep(1)


_running: tuple[asyncio.AbstractEventLoop, Hub] | None = None


def running() -> Hub:
    """The hub of the running event loop; the first to ask starts it."""
    global _running  # noqa: PLW0603  # one per process is what a hub is
    loop = asyncio.get_running_loop()
    if _running is None or _running[0] is not loop:
        hub = Hub(connect(settings.REDIS_URL, WEB))
        _running = loop, hub
        hub.start()
    return _running[1]


async def stop() -> None:
    """Stop the hub of the running event loop, if there is one."""
    global _running
    if _running is not None and _running[0] is asyncio.get_running_loop():
        hub, _running = _running[1], None
        await hub.stop()
