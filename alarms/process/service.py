"""The alarm engine as a process: the stream is evaluated on one side, the journal written on the other.

What was evaluated and not written yet waits in order. A database that is away does not keep excursions from being seen;
a bus that is away keeps them in the poller. Both are waited for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from django.db import close_old_connections, connections
from redis.asyncio import Redis

from alarms.process import checkpoint
from alarms.process.configuration import Configuration, load
from alarms.process.engine import AWAY, Engine, Step, now_ms
from alarms.process.judging import Judging
from alarms.process.timers import WallClock, let_time_pass
from alarms.system.alarms import EngineFigures
from bus.client import BusError
from bus.following import Anew, Entries, Following, Idle, Lost
from bus.latest import read_latest
from bus.process import Heartbeat
from bus.roles import ALARMS
from plant.watching import RevisionWatch

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

SAVE_S: Final = 5.0
"""So far the memory may lie behind; it is also kept with each new configuration."""
TIMERS_S: Final = 1.0
STEPS: Final = 200
"""So many steps at most are written in one transaction: others want to write too."""
WAITING_STEPS: Final = 100_000
"""So many steps may wait for the database; then the stream waits, which reaches back 15 minutes."""
RETRY_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
LAST_WORDS_S: Final = 3.0


class AlarmEngine:
    def __init__(self, client: Redis, watch: Callable[..., RevisionWatch[Configuration]] = RevisionWatch) -> None:
        self._client = client
        self._watch = watch(client, load, self._configure)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._configuration: Configuration | None = None
        self._is_configured = asyncio.Event()
        self._engine: Engine | None = None
        self._judging: Judging | None = None
        self._steps: deque[Step] = deque()
        self._has_steps = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._following: Following | None = None
        self._clock = WallClock(0)
        self._saved_at = time.monotonic()
        self._saved_blocks = 0
        self._is_away = False
        self._reached_ms = 0
        self._missed_ms = 0
        self._missed_at_s: float | None = None
        self._slowest_write_s = 0.0
        self.raised = self.tries_again = 0

    async def run(self) -> None:
        """Until cancelled; then what waits is written, if the database allows it in time."""
        heartbeat = Heartbeat(self._client, ALARMS, revision=self._revision, detail=self.figures)
        parts = [heartbeat.run(), self._watch.run(), self._evaluate(), self._write(), self._let_time_pass()]
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
        finally:
            await self._end()

    async def _end(self) -> None:
        """A stop is no kill: the next start then has nothing to evaluate again."""
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                if self._judging is not None and (memory := self._judging.memory()) is not None:
                    self._steps.append(Step(self._judging.mark, memory=memory))
                while self._engine is not None and self._steps:
                    await self._write_some(self._engine)
        except (*AWAY, TimeoutError) as error:
            log.warning("the end was not written; the next start evaluates it again", reason=str(error))
        finally:
            await self._watch.close()
            self._thread.submit(connections.close_all)
            self._thread.shutdown(wait=False)

    def figures(self) -> dict[str, Any]:
        """For the heartbeat. `write_ms`: the longest writing since it was asked last."""
        judging, following = self._judging, self._following
        write_ms, self._slowest_write_s = round(self._slowest_write_s * 1000), 0.0
        return {
            "definitions": len(judging.configuration.definitions) if judging else 0,
            "blocks": judging.evaluated if judging else 0,
            "raised": self.raised,
            "waiting": len(self._steps),
            "behind_ms": max(0, now_ms() - self._reached_ms) if self._reached_ms else 0,
            "failed_blocks": judging.failed if judging else 0,
            "put_aside": (following.put_aside if following else 0) + (self._engine.put_aside if self._engine else 0),
            "database_waits": self.tries_again,
            "write_ms": write_ms,
        }

    def _revision(self) -> int:
        return self._judging.configuration.revision if self._judging else 0

    def _configure(self, configuration: Configuration) -> None:
        log.info("alarms loaded", revision=configuration.revision, alarms=len(configuration.alarms.alarms))
        self._configuration = configuration
        self._is_configured.set()
        if self._judging is not None:
            self._put(self._judging.adopt(configuration))

    # -- the stream

    async def _evaluate(self) -> None:
        await self._is_configured.wait()
        recalled = await self._insist(checkpoint.recall)
        self._clock = WallClock(await self._insist(checkpoint.stamp))
        assert self._configuration is not None
        self._engine = Engine(self._configuration.alarms)
        self._judging = judging = Judging(recalled, self._configuration)
        mark = judging.mark if judging.has_place else None
        self._following = Following(self._client, mark, judging.seqs)
        async for event in self._following.events():
            self._put(self._judge(judging, event))
            await self._pay(judging, is_all_read=isinstance(event, Idle))
            self._save_sometimes(judging)
            await self._has_room.wait()
            await asyncio.sleep(0)

    def _judge(self, judging: Judging, event: Entries | Anew | Idle | Lost) -> list[Step]:
        match event:
            case Entries():
                self._reach(event)
                return judging.entries(event)
            case Anew():
                log.info("the engine begins with the newest values", reason=event.reason, groups=len(event.blocks))
                self._note_missed(judging, event)
                return judging.anew(event)
            case Idle():
                return judging.caught_up()
            case Lost():
                log.warning("bus lost", reason=event.reason)
                return []

    def _reach(self, read: Entries) -> None:
        self._reached_ms = _ms_of(read.cursor)

    def _note_missed(self, judging: Judging, found: Anew) -> None:
        """From the place it was at to where it begins anew nothing was judged. At the first start there is no place."""
        before_ms, self._reached_ms = _ms_of(judging.mark.entry_id), _ms_of(found.mark.entry_id)
        if before_ms and self._reached_ms > before_ms:
            self._missed_ms, self._missed_at_s = self._reached_ms - before_ms, time.monotonic()

    def told(self) -> EngineFigures:
        """What the watch over Isthmus itself asks of the engine."""
        alarms = self._configuration.alarms if self._configuration is not None else None
        return EngineFigures(alarms, self._reached_ms, self._missed_ms, self._missed_at_s)

    async def _pay(self, judging: Judging, *, is_all_read: bool) -> None:
        """Values of tags that are watched from now on: a tag that stands still would not come by itself."""
        if is_all_read and judging.owed:
            try:
                self._put(judging.pay(await read_latest(self._client)))
            except BusError:
                return  # at the next reading

    def _save_sometimes(self, judging: Judging) -> None:
        if time.monotonic() - self._saved_at < SAVE_S or judging.evaluated == self._saved_blocks:
            return
        self._saved_at, self._saved_blocks = time.monotonic(), judging.evaluated
        if not self._is_away and (memory := judging.memory()) is not None:
            self._put([Step(judging.mark, memory=memory)])

    def _put(self, steps: list[Step]) -> None:
        if not steps:
            return
        self._steps.extend(steps)
        self.raised += sum(len(step.raised) for step in steps)
        self._has_steps.set()
        if len(self._steps) >= WAITING_STEPS:
            self._has_room.clear()

    # -- the journal

    async def _write(self) -> None:
        while True:
            await self._has_steps.wait()
            if self._engine is not None and self._steps:
                await self._write_some(self._engine)
            else:
                self._has_steps.clear()

    async def _write_some(self, engine: Engine) -> None:
        """What has been written leaves the queue; a kill of the thread in between is a kill like any other."""
        some = [self._steps[n] for n in range(min(STEPS, len(self._steps)))]
        started = time.monotonic()
        await self._insist(partial(engine.apply_steps, some))
        self._slowest_write_s = max(self._slowest_write_s, time.monotonic() - started)
        for _ in some:
            self._steps.popleft()
        if len(self._steps) < WAITING_STEPS // 2:
            self._has_room.set()

    async def _let_time_pass(self) -> None:
        while True:
            await asyncio.sleep(TIMERS_S)
            if self._engine is None:
                continue
            now, clock = now_ms(), self._clock
            clock.look(now, time.monotonic_ns() // 1_000_000)
            if clock.set_back_ms:
                log.warning("the clock was set back: shelvings end", by_ms=clock.set_back_ms)
            try:
                await self._insist(partial(let_time_pass, self._engine.alarms, now, clock.set_back_ms))
                clock.set_back_ms = 0
            except Exception:
                log.exception("timers of alarms failed; they are looked at again")

    async def _insist(self, work: Callable[[], Answer]) -> Answer:
        """In the journal's thread, again and again while the database is away."""
        tries = 0
        while True:
            try:
                answer = await asyncio.get_running_loop().run_in_executor(self._thread, _in_thread, work)
            except AWAY as error:
                if not self._is_away:
                    log.warning("alarm database lost", reason=str(error), waiting=len(self._steps))
                self._is_away = True
                self.tries_again += 1
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
                continue
            if self._is_away:
                log.info("alarm database back", waiting=len(self._steps))
                self._is_away = False
            return answer


def _ms_of(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _in_thread(work: Callable[[], Answer]) -> Answer:
    close_old_connections()
    return work()
