"""A process that must not outlive its parent. Imports nothing slow: hmi/launch/leash.py starts with it."""

import ctypes
import os
import platform
import signal
import threading
import time
from typing import Final

SUPERVISOR_PID: Final = "ISTHMUS_SUPERVISOR_PID"
"""Set by the supervisor for what it starts: a parent that died before its child could ask is found out by it."""
RUN: Final = "ISTHMUS_RUN"
"""Environment variable: names one run of the site, from its start to its stop. The launcher sets it."""

_PR_SET_PDEATHSIG: Final = 1
_LOOK_S: Final = 0.5


def die_with_parent() -> None:
    """End by SIGTERM when the parent ends, even by kill -9: Linux tells us; elsewhere a thread looks every 500 ms."""
    parent = int(os.environ.get(SUPERVISOR_PID, os.getppid()))
    if platform.system() == "Linux":
        ask_for_sigterm()
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
        return
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def ask_for_sigterm() -> None:
    """Linux: SIGTERM for this process when its parent dies. Stays in force when it executes another program."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
