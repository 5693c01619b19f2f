"""A PostgreSQL of our own on a local socket, for tests that must hold on it too."""

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.missing import missing


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        missing("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")
    return Path(on_path).resolve().parent


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server; gives its DATABASE_URL. It refuses to run as root, so then it runs as `postgres`."""
    binaries = _binaries()
    account = "postgres" if os.geteuid() == 0 else getpass.getuser()
    with tempfile.TemporaryDirectory(prefix="isthmus-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, account)
        cluster = folder / "data"
        initdb: list[str | Path] = [
            binaries / "initdb",
            "-D",
            cluster,
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "-N",
        ]
        subprocess.run(initdb, check=True, user=account, stdout=subprocess.DEVNULL, cwd=folder)
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        server = subprocess.Popen(
            [binaries / "postgres", "-D", cluster, *options], user=account, stderr=subprocess.DEVNULL, cwd=folder
        )
        try:
            _wait(binaries, folder)
            yield f"postgres://postgres@{quote(str(folder), safe='')}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # fast: SIGTERM waits for every client to leave
            server.wait(20)


def _wait(binaries: Path, folder: Path, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL did not start")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with running_postgres() as url:
        yield url
