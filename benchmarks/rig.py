"""The real product on a bench: its own folder, SQLite, Valkey and ports; started, asked and ended by the benchmark."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError

import django

from bus import embedded
from bus.client import BusError, connect_blocking
from hmi.environment import valkey_folder

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_in_a_row(count: int) -> int:
    """A port that is free, and so are those after it: `count` of them."""
    while True:
        first = free_port()
        try:
            with ExitStack() as stack:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return first


def wait_until(is_true: Callable[[], Any], timeout_s: float, what: str, step_s: float = 0.05) -> float:
    """Poll until true; returns the seconds it took. Raises TimeoutError that says what did not happen."""
    start = time.monotonic()
    while not is_true():
        if time.monotonic() - start > timeout_s:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(step_s)
    return time.monotonic() - start


class Talker:
    """A process that takes one JSON command a line and answers each with one JSON line: the load generators."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            list(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait(5)} instead of an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Rig:
    """`__main__` has put DATA_DIR and PORT into the environment; both are ours alone."""

    def __init__(self) -> None:
        self.folder = Path(os.environ["DATA_DIR"])
        self.port = int(os.environ["PORT"])
        self.redis_url = embedded.socket_url(valkey_folder(self.folder))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.talkers: list[Talker] = []

    def __enter__(self) -> Self:
        try:
            self._spawn("valkey", embedded.command(valkey_folder(self.folder)))
            wait_until(self._bus_answers, 10, "Valkey answers")
            django.setup()
            self.manage("migrate", "-v", "0")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if kind is not None:
            self._print_logs()

    def close(self) -> None:
        for talker in self.talkers:
            talker.end()
        for role in list(reversed(self.processes)):
            self.stop(role)

    def manage(self, *words: str) -> None:
        subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True, timeout=120)

    def start(self, role: str) -> None:
        settings = "hmi.settings" if role == "web" else "hmi.worker_settings"
        command = [sys.executable, "manage.py", "simulate_plant" if role == "simulator" else f"run_{role}"]
        self._spawn(role, command, {"DJANGO_SETTINGS_MODULE": settings})
        if role == "web":
            wait_until(self._is_serving, 30, "the web process serves")

    def launch(self, command: list[str]) -> None:
        """Everything at once, by a supervisor of its own."""
        self._spawn("launch", command)
        wait_until(self._is_serving, 90, "the web process serves")

    def stop(self, role: str) -> None:
        process = self.processes.pop(role)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            print(f"{role} did not end within 10 s of SIGTERM")
            process.kill()
            process.wait(10)

    def talk(self, *words: str) -> Talker:
        self.talkers.append(Talker(*words))
        return self.talkers[-1]

    def hang_up(self, talker: Talker) -> None:
        self.talkers.remove(talker)
        talker.end()

    def pids(self, *others: tuple[str, Talker]) -> dict[str, int]:
        """The processes a window looks at: ours by role, load generators by the names given."""
        return {role: p.pid for role, p in self.processes.items()} | {name: t.pid for name, t in others}

    def _spawn(self, role: str, command: list[str], env: dict[str, str] | None = None) -> None:
        with (self.folder / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | (env or {}), stdout=log, stderr=log
            )

    def _bus_answers(self) -> bool:
        client = connect_blocking(self.redis_url, "benchmark")
        try:
            return bool(client.ping())
        except BusError:
            return False
        finally:
            client.close()

    def _is_serving(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except HTTPError:
            return True  # it speaks; whether it feels well is not the question here
        except OSError:
            return False

    def _print_logs(self) -> None:
        for path in sorted(self.folder.glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-15:]
            print(f"--- {path.name}", *tail, sep="\n")
