"""Ports that nobody uses, and that nobody is given in between.

The system gives the ports from 32768 on to whoever connects to something: a port that was free there a moment ago may
be the near end of somebody's connection now. Each process of a run has a part of those below to itself.
"""

import os
import socket
from contextlib import ExitStack
from itertools import count
from typing import Final

FIRST: Final = 17_000
PART: Final = 1_900
PARTS: Final = 8
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PARTS
_turns = count(os.getpid() * 7)


def free_in_a_row(wanted: int) -> int:
    """A port that is free, and so are those after it: `wanted` of them. Those given last are given again last."""
    for _ in range(PART):
        first = FIRST + _process * PART + next(_turns) * wanted % (PART - wanted)
        try:
            with ExitStack() as stack:
                for port in range(first, first + wanted):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise OSError(f"no {wanted} free ports in a row from {FIRST + _process * PART} on")


def free_port() -> int:
    return free_in_a_row(1)
