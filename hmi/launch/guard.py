"""Keeps the supervisor running until somebody asks to stop, waits until pages are served, and says where."""

import http.client
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from hmi.launch.programs import ROOT
from hmi.launch.progress import say

READY_WAIT_S: Final = 60
STOP_WAIT_S: Final = 15
RESTART_S: Final = 1.0
_STEP_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the site is asked, and by which of its names (ALLOWED_HOSTS)."""

    host: str
    port: int
    known_as: str

    @property
    def address(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"


class Guard:
    def __init__(self, configuration: Path, data_dir: Path) -> None:
        self._configuration = configuration
        self._data_dir = data_dir
        self._is_stopping = False
        self._supervisor: subprocess.Popen[bytes] | None = None

    def run(self, where: Listening, setup_link: str | None) -> int:
        """Until a signal asks to stop. Returns the exit status of the whole."""
        self._catch_signals()
        self._start()
        if self._wait_until_served(where):
            say(f"\nIsthmus runs at {where.address}")
            if setup_link:
                say(f"Nobody can log in yet. Make the first account here, within 24 hours, once:\n\n    {setup_link}\n")
            say("Stop it with Ctrl-C.")
        while not self._is_stopping:
            self._restart_if_gone()
            time.sleep(_STEP_S)
        return self._stop()

    def _catch_signals(self) -> None:
        # SIGINT too where a shell has it ignored, as it does for what a script starts with `&`.
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: a closed terminal is no reason to stop
            signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches only us and everything stops in order."""
        command = [sys.executable, "-m", "hmi.launch.supervise", str(self._configuration), str(self._data_dir)]
        self._supervisor = subprocess.Popen(command, cwd=ROOT, start_new_session=True)

    def _restart_if_gone(self) -> None:
        if self._supervisor is None or self._supervisor.poll() is None:
            return
        say(f"The supervisor has ended ({_how(self._supervisor.returncode)}); starting it and all programs again.")
        time.sleep(RESTART_S)
        if not self._is_stopping:
            self._start()

    def _wait_until_served(self, where: Listening) -> bool:
        say("Starting ...")
        deadline = time.monotonic() + READY_WAIT_S
        is_told = False
        while not self._is_stopping:
            if is_served(where):
                return True
            self._restart_if_gone()
            if not is_told and time.monotonic() > deadline:
                is_told = True
                say(f"No page after {READY_WAIT_S} s. The reason stands in {self._data_dir / 'logs'}; waiting on.")
            time.sleep(_STEP_S)
        return False

    def _stop(self) -> int:
        say("\nStopping ...")
        if self._supervisor is not None and self._supervisor.poll() is None:
            self._supervisor.terminate()
            try:
                self._supervisor.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                self._supervisor.kill()  # its programs die with it
                self._supervisor.wait()
        say("Stopped.")
        return 0


def is_served(where: Listening) -> bool:
    """By http.client, which knows nothing of the proxies in the environment."""
    connection = http.client.HTTPConnection(where.host, where.port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": where.known_as})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _how(returncode: int | None) -> str:
    if returncode is None or returncode >= 0:
        return f"exit status {returncode}"
    return f"signal {signal.Signals(-returncode).name}"
