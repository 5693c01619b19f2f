"""Servers of a test's own: started, killed, started again on the same folder."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bus import embedded
from bus.client import connect_blocking
from tests.conftest import wait_for_redis


class OwnValkey:
    """The embedded Valkey on a folder of its own; `kill` is kill -9."""

    def __init__(
        self, folder: Path, *, persist: bool = True, maxmemory_mb: int = 256, port: int = 0, password: str = ""
    ) -> None:
        """On a socket in the folder, or on `port`, where it may ask for a password."""
        self.folder = folder
        self.url = f"redis://:{password}@127.0.0.1:{port}" if port else embedded.socket_url(folder)
        self._command = embedded.command(folder, persist=persist, maxmemory_mb=maxmemory_mb)
        if port:
            self._command += ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", password]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_for_redis(self.url)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def append_only_file(self) -> Path:
        """The file that new commands are appended to."""
        return max(self.folder.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)

    def copy_of_data(self) -> bytes:
        """Of all it has said yes to: on a busy disk it keeps some of that in memory for a while."""
        client = connect_blocking(self.url, "test")
        try:
            while client.info("persistence")["aof_buffer_length"]:
                time.sleep(0.01)
        finally:
            client.close()
        return self.append_only_file().read_bytes()

    def come_back_with(self, data: bytes) -> None:
        """Start again with an older copy of the data, as after a loss of power or a restored disk."""
        self.kill()
        self.append_only_file().write_bytes(data)
        self.start()


@contextmanager
def own_valkey(
    folder: Path, *, persist: bool = True, maxmemory_mb: int = 256, port: int = 0, password: str = ""
) -> Iterator[OwnValkey]:
    server = OwnValkey(folder, persist=persist, maxmemory_mb=maxmemory_mb, port=port, password=password)
    server.start()
    try:
        yield server
    finally:
        server.kill()
