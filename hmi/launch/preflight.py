"""What must be true before anything is started. Each check raises Refused with one clear sentence."""

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import Final

from bus.roles import holder_of
from hmi.launch.locks import LAUNCHER
from hmi.launch.progress import Refused

FREE_MB: Final = 200
"""Room for the logs and the append-only file of a first day."""


def path_is_plain(folder: Path, what: str) -> None:
    """The supervisor's configuration has no way to write some characters."""
    path = str(folder)
    if "%" in path or " ;" in path or " #" in path or not path.isprintable():
        raise Refused(f"{what} {path!r} has '%', ' ;', ' #' or a control character in it. Use a plainer path.")


def data_dir_is_usable(data_dir: Path) -> None:
    probe = data_dir / ".writable"
    try:
        for folder in (data_dir / "run", data_dir / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Refused(
                f"the disk of DATA_DIR {data_dir} is full. Make room, or set DATA_DIR to another disk."
            ) from None
        raise Refused(
            f"DATA_DIR {data_dir} cannot be written ({error.strerror}). Set DATA_DIR to a folder of your own."
        ) from None
    free_mb = shutil.disk_usage(data_dir).free // 2**20
    if free_mb < FREE_MB:
        raise Refused(
            f"the disk of DATA_DIR {data_dir} has only {free_mb} MB left, and Isthmus wants {FREE_MB} MB to start. "
            "Make room, or set DATA_DIR to another disk."
        )


def nobody_else_runs_here(data_dir: Path) -> None:
    pid = holder_of(data_dir, LAUNCHER)
    if pid is not None:
        address = data_dir / "run" / "address"
        where = f" at {address.read_text().strip()}" if address.is_file() else ""
        raise Refused(
            f"Isthmus runs already{where} with DATA_DIR {data_dir} (process {pid}). "
            "Stop that one with Ctrl-C, or give this one another DATA_DIR and PORT."
        )


def port_is_free(host: str, port: int, name: str = "PORT") -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refused(_about_the_port(host, port, name, error)) from None


def ports_are_free(host: str, first: int, count: int, name: str) -> None:
    """Several in a row, of which the first has the name. Where one is taken, a start beyond it is proposed."""
    for port in range(first, first + count):
        port_is_free(host, port, name)


def _about_the_port(host: str, port: int, name: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken{_by_whom(port)}. Choose another one: {name}={port + 1} make run"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine. Use 127.0.0.1, or an address that `ip addr` shows."
    if error.errno == errno.EACCES:
        return f"port {port} may only be used by root. Choose one above 1023: {name}=8000 make run"
    return f"port {port} of {host} cannot be used ({os.strerror(error.errno or 0)}). Try {name}={port + 1} make run"


def _by_whom(port: int) -> str:
    import psutil  # only to explain a failure: the launcher stays small

    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local[1] == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass  # not ours to see
    return ""
