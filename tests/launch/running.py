"""`make run`'s launcher as a person meets it: a process with a terminal's output, its own DATA_DIR and ports."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from devices.simulator.site import PORTS
from tests.ports import free_in_a_row, free_port
from tests.road.site import ROOT, wait_until

START_S = 60
"""Far more than it takes: the machine may be busy."""


class Launched:
    """One `python -m hmi.launch`. Ends everything it started when closed, however the test went."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.said = ""
        foreign = {"DATABASE_URL", "HISTORY_DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
        inherited = {k: v for k, v in os.environ.items() if k not in foreign}
        self.environment = inherited | {"DATA_DIR": str(data_dir), **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hmi.launch"], cwd=ROOT, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said += line

    def finish_reading(self) -> None:
        self._reader.join(5)

    @property
    def port(self) -> int:
        return int(self.environment["PORT"])

    def wait_until_served(self) -> float:
        """Returns the seconds it took."""
        return wait_until(
            lambda: "Stop it with Ctrl-C" in self.said or self.process.poll() is not None, START_S, "it runs"
        )

    def setup_link(self) -> str | None:
        found = re.search(r"http://\S+/setup/\S+", self.said)
        return found.group() if found else None

    def status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def is_served(self) -> bool:
        try:
            return self.status("/healthz") == 200
        except OSError:
            return False

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal, wait until it has ended, and return its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.finish_reading()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        for left in processes_of(self.data_dir):
            left.kill()
        self.finish_reading()


def processes_of(data_dir: Path, word: str = "") -> list[psutil.Process]:
    """Every process of this DATA_DIR; `word` stands in its command line."""
    return [p for p in psutil.process_iter() if _belongs(p, data_dir, word)]


def _belongs(process: psutil.Process, data_dir: Path, word: str) -> bool:
    """By its environment, or by its folder: Valkey writes its title over its environment."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE or word not in " ".join(process.cmdline()):
            return False
        return process.environ().get("DATA_DIR") == str(data_dir) or process.cwd() == str(data_dir / "valkey")
    except psutil.Error:
        return False  # ended meanwhile, or not ours to look at


def free_ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "SIMULATOR_PORT": str(free_in_a_row(PORTS))}


def one_line(said: str) -> str:
    """The one sentence of a refusal, and a failure of the test where it said more."""
    lines = [line for line in said.strip().splitlines() if not line.startswith("Isthmus, with its data in")]
    assert len(lines) == 1, said
    return lines[0]
