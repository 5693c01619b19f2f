"""Each role (web, poller, jobs ...) is played by one process a machine at most: a lock in DATA_DIR says by whom."""

import fcntl
import os
from pathlib import Path
from typing import IO, Final

WEB: Final = "web"
POLLER: Final = "poller"
ALARMS: Final = "alarms"
HISTORIAN: Final = "historian"
JOBS: Final = "jobs"
SIMULATOR: Final = "simulator"


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


def holder_of(data_dir: Path, role: str) -> str | None:
    """The pid of the process that plays the role now, as it wrote it; None when nobody does."""
    try:
        file = (data_dir / f"{role}.lock").open("r+")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "unknown"
    return None
