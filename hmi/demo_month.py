"""The past of the demo plant: one simulated month, of which history and the alarm journal are made together, so that
a trend shows what raised an alarm.

History is written first, with the note where the month ends, then the alarms. Killed between the two, the next start
plays the same month again, for the alarms alone.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog
from django.db import DatabaseError, connections

from alarms.demo.history import History, is_wanted, the_demo
from devices.simulator.month_values import GROUP, QUIET_STEP_S
from devices.simulator.past import Past
from devices.snapshot import Snapshot
from historian import configuration, demo
from historian.demo import SEAM_MS, DemoHistory
from historian.place import history_url
from historian.storage.base import Storage, StorageAway
from historian.storage.opening import open_storage

log = structlog.get_logger(__name__)

SLICE_S: Final = 0.02
"""After so much work as long a rest: the site has just been started, and somebody looks at it."""


class Making:
    """Makes the past where one is wanted, a little at a time: turn() again and again until `is_done`, then close()."""

    def __init__(
        self,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        opened: Callable[[], Storage] = lambda: open_storage(history_url()),
        play: Callable[[Snapshot, int], Past] = Past,
    ) -> None:
        self._now_ms = now_ms
        self._opened = opened
        self._play = play
        self._storage: Storage | None = None
        self._past: Past | None = None
        self._alarms: History | None = None
        self._trends: DemoHistory | None = None
        self._is_away = False
        self.is_done = False

    @property
    def pct(self) -> int | None:
        """How far it is; None while none is made."""
        return self._past.pct if self._past is not None else None

    def turn(self) -> None:
        """Work for about SLICE_S, at the end longer. A database that is away is asked again at the next turn."""
        try:
            self._turn()
            self._is_away = False
        except DatabaseError:
            connections.close_all()
        except StorageAway as error:
            if not self._is_away:
                log.warning("the past of the demo waits for history", reason=str(error))
            self._is_away = True

    def close(self) -> None:
        if self._storage is not None:
            self._storage.close()
            self._storage = None

    def _turn(self) -> None:
        if self._past is None:
            self._begin()
            return
        assert self._alarms is not None
        until = time.monotonic() + SLICE_S
        while not self._past.is_over and time.monotonic() < until:
            self._step(self._past, self._alarms)
        if self._past.is_over:
            self._write(self._past, self._alarms)

    def _begin(self) -> None:
        found = the_demo() if is_wanted() else None
        if found is None:
            self.is_done = True
            return
        storage = self._storage = self._storage or self._opened()
        storage.prepare()
        now_ms, made_ms = self._now_ms(), storage.simulated_before()
        begins_ms = demo.begins_ms(storage, now_ms) if made_ms is None else made_ms
        past = self._play(found.plant, (now_ms if begins_ms is None else begins_ms) - SEAM_MS)
        if made_ms is None and begins_ms is not None:
            group = (GROUP, round(QUIET_STEP_S * 1000))
            self._trends = DemoHistory(configuration.load(), past.tags, group, storage)
        self._alarms, self._past = History(found, past.began_ms), past

    def _step(self, past: Past, alarms: History) -> None:
        moment = past.go_on()
        alarms.take(moment)
        if self._trends is not None:
            self._trends.take(moment.block)
        if past.is_over:
            alarms.end(past.ends_ms)
            if self._trends is not None:
                self._trends.end(past.ends_ms)

    def _write(self, past: Past, alarms: History) -> None:
        samples = 0
        if self._trends is not None and self._storage is not None:
            self._trends.write(self._storage, past.ends_ms + SEAM_MS)
            samples, self._trends = self._trends.samples, None
        count = alarms.write()
        log.info("past of the demo made", entries=count, samples=samples)
        self._past = self._alarms = None
        self.is_done = True
