"""Waiting for the processes of an earlier run to end, so that no role is ever played twice."""

import time
from pathlib import Path
from typing import IO, Final

from bus.roles import RoleTaken, hold_role

LAUNCHER: Final = "launcher"
SUPERVISOR: Final = "supervisor"
WAIT_S: Final = 12.0
_STEP_S: Final = 0.1


def hold_when_free(data_dir: Path, role: str, wait_s: float = WAIT_S) -> IO[str]:
    """hold_role(), after waiting up to wait_s for its last holder to end. Raises RoleTaken after that."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return hold_role(data_dir, role)
        except RoleTaken:
            if time.monotonic() > deadline:
                raise
            time.sleep(_STEP_S)
