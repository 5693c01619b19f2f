"""What every long-running process does: hold its role alone, die with its parent, say that it is alive."""

import asyncio
import ctypes
import fcntl
import os
import platform
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from redis.asyncio import Redis

from bus.client import BusError
from bus.presence import BEAT_S, Presence, ProcessState

VERSION: Final = "0.1.0"
_PR_SET_PDEATHSIG: Final = 1
_LAG_STEP_S: Final = 0.1


class RoleTaken(Exception):
    """Another process on this machine holds the role."""


def hold_role(data_dir: Path, role: str) -> IO[str]:
    """Lock the role on this machine until the process ends, however it ends. Keep the file object.

    Raises RoleTaken with the pid of the holder.
    """
    path = data_dir / f"{role}.lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise RoleTaken(f"a {role} is running already (process {holder}, lock {path})") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def die_with_parent() -> None:
    """End by SIGTERM when the parent ends, even by kill -9: Linux tells us; elsewhere a thread looks every 500 ms."""
    parent = os.getppid()
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
        return
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


class Heartbeat:
    """Says once a second that the process lives, how late its event loop woke up, and its own figures.

    `revision` and `detail` are asked at each beat. A bus that is away is no error: the silence is the message.
    """

    def __init__(
        self,
        client: Redis,
        role: str,
        *,
        revision: Callable[[], int] = lambda: 0,
        detail: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._presence = Presence(client)
        self._role = role
        self._revision = revision
        self._detail = detail
        self._started_at_ms = time.time_ns() // 1_000_000
        self._worst_lag_s = 0.0

    async def run(self) -> None:
        """Endless; cancel to stop."""
        lag = asyncio.create_task(self._measure_lag())
        is_counted = False
        try:
            while True:
                is_counted = await self._beat(is_counted)
                await asyncio.sleep(BEAT_S)
        finally:
            lag.cancel()

    async def _beat(self, is_counted: bool) -> bool:
        lag_ms, self._worst_lag_s = int(self._worst_lag_s * 1000), 0.0
        state = ProcessState(
            role=self._role,
            pid=os.getpid(),
            host=socket.gethostname(),
            version=VERSION,
            started_at_ms=self._started_at_ms,
            revision=self._revision(),
            lag_ms=lag_ms,
            detail=self._detail(),
        )
        try:
            if not is_counted:
                await self._presence.count_start(self._role, f"{os.getpid()}@{self._started_at_ms}")
            await self._presence.say_process(state)
        except BusError:
            return is_counted
        return True

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_STEP_S
            await asyncio.sleep(_LAG_STEP_S)
            self._worst_lag_s = max(self._worst_lag_s, loop.time() - due)
