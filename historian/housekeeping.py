"""What is done beside recording, in a thread of its own: sealing, expiry, watching the disk (historian/sealing.py)."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import structlog

from historian.sealing import Housekeeper
from historian.storage.base import Retention, Storage, StorageAway, Usage

log = structlog.get_logger(__name__)

PAUSE_S: Final = 1.0
BUDGET_S: Final = 0.25
"""So long one go may take; between two there is a rest, so that others get their turn."""
LOOK_S: Final = 15.0
RESERVE_BYTES: Final = 256 << 20
"""With less free on the disk of history nothing is recorded: the audit and the alarm journal need room too."""
GROWTH_S: Final = 3600.0
"""Growth is told from the use at least so long ago."""


@dataclass(frozen=True, slots=True)
class _Use:
    at_s: float
    used_bytes: int


class Housekeeping:
    def __init__(self, open_storage: Callable[[], Storage], retention: Callable[[], Mapping[int, Retention]]) -> None:
        self._open_storage = open_storage
        self._retention = retention
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="housekeeping")
        self._storage: Storage | None = None
        self._keeper: Housekeeper | None = None
        self._usage: Usage | None = None
        self._looked_at_s = -LOOK_S
        self._first_use: _Use | None = None
        self._is_away = False

    async def run(self) -> None:
        """Endless; cancel to stop."""
        while True:
            has_more = await self._in_thread(self._work)
            await asyncio.sleep(BUDGET_S / 4 if has_more else PAUSE_S)

    def _work(self) -> bool:
        try:
            keeper = self._keeper or self._begin()
            has_more = keeper.work(BUDGET_S)
            if time.monotonic() - self._looked_at_s >= LOOK_S:
                self._look()
        except StorageAway as error:
            if not self._is_away:
                log.warning("history is not sealed for now", reason=str(error))
            self._is_away = True
            return False
        except Exception:
            log.exception("keeping house over history failed; it is tried again")
            return False
        if self._is_away:
            log.info("history is sealed again")
            self._is_away = False
        return has_more

    def _begin(self) -> Housekeeper:
        if self._storage is None:
            self._storage = self._open_storage()
        self._storage.prepare()
        self._look()
        self._keeper = Housekeeper(self._storage, lambda: time.time_ns() // 1_000_000, self._retention)
        return self._keeper

    def _look(self) -> None:
        assert self._storage is not None
        self._usage = self._storage.usage()
        self._looked_at_s = time.monotonic()
        if self._first_use is None:
            self._first_use = _Use(self._looked_at_s, self._usage.used_bytes)

    def check_room(self) -> None:
        """Raises StorageAway where recording would take the disk's last room. Asked by the recorder's thread."""
        usage = self._usage
        if usage is not None and usage.free_bytes is not None and usage.free_bytes < RESERVE_BYTES:
            free, reserve = usage.free_bytes >> 20, RESERVE_BYTES >> 20
            raise StorageAway(
                f"The disk of history has {free} MB left; recording pauses below {reserve} MB and goes on by itself."
            )

    def figures(self) -> dict[str, Any]:
        """`growth_bytes_per_day`: None until an hour has been seen."""
        usage, first = self._usage, self._first_use
        if usage is None or first is None:
            return {}
        seen_s = self._looked_at_s - first.at_s
        growth = None if seen_s < GROWTH_S else round((usage.used_bytes - first.used_bytes) * 86_400 / seen_s)
        return {
            "used_bytes": usage.used_bytes,
            "free_bytes": usage.free_bytes,
            "hot_rows": usage.hot_rows,
            "first_ms": usage.first_ms,
            "growth_bytes_per_day": growth,
        }

    async def _in_thread(self, work: Callable[[], bool]) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=True)

    def _close(self) -> None:
        if self._storage is not None:
            self._storage.close()
