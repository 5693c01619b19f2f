"""A whole Isthmus for one test: its own folder, ports and processes, each of which can be killed and started again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyModbusTCP.server import DataBank, ModbusServer

from bus import embedded, keys
from bus.client import connect_blocking
from bus.messages import Block, decode
from hmi.environment import valkey_folder
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def wait_until(is_true: Callable[[], Any], timeout_s: float, what: str, step_s: float = 0.05) -> float:
    """Poll until true; returns the seconds it took. Fails with `what` after timeout_s."""
    start = time.monotonic()
    while not is_true():
        if time.monotonic() - start > timeout_s:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(step_s)
    return time.monotonic() - start


class CountingDevice:
    """pyModbusTCP's server with a holding register 10 that grows by one every 100 ms and never falls."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.bank = DataBank()
        self.count = 0
        self._server: ModbusServer | None = None
        self._is_ending = threading.Event()
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._counting.start()
        self.start()

    def _count(self) -> None:
        while not self._is_ending.wait(0.1):
            self.count += 1
            self.bank.set_holding_registers(10, [self.count])

    def start(self) -> None:
        self._server = ModbusServer("127.0.0.1", self.port, no_block=True, data_bank=self.bank)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> None:
        self._is_ending.set()
        self._counting.join(5)
        self.stop()


@dataclass
class Site:
    """`redis_url` None: the embedded Valkey. `extra_env` reaches every process (a shifted clock, a proxy)."""

    folder: Path
    extra_env: dict[str, str] = field(default_factory=dict)
    poller_env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.device = CountingDevice(free_port())
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.cookie = ""
        self.sessions: dict[str, str] = {}
        self.tags: dict[str, tuple[int, str]] = {}
        """Path -> (id, scan group)."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        return embedded.socket_url(valkey_folder(self.folder))

    @property
    def env(self) -> dict[str, str]:
        own = {"DATA_DIR": str(self.folder), "PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        inherited = {
            k: v
            for k, v in os.environ.items()
            if k not in {"REDIS_URL", "DATABASE_URL", "HISTORY_DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
        }
        return inherited | own | self.extra_env

    def prepare(self) -> None:
        """Migrated database, the works, one session for each of the cast; by one process, since each takes a second to
        start."""
        script = f"from tests.road.prepare_site import main; main({self.device.port})"
        made = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", script],
            cwd=ROOT, env=self.env, check=True, stdout=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
        said = json.loads(made.stdout.strip().splitlines()[-1])
        self.cookie, self.sessions, self.tags = said["cookie"], said["sessions"], said["tags"]

    def manage(self, *words: str) -> None:
        subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=self.env, check=True, timeout=120)

    def start(self, *roles: str) -> None:
        for role in roles or ("valkey", "poller", "jobs", "web"):
            self.processes[role] = self._spawn(role)
        if not roles or "web" in roles:
            wait_until(self.is_serving, 30, "the web process serves")

    def _spawn(self, role: str) -> subprocess.Popen[bytes]:
        if role == "valkey":
            command, env = embedded.command(valkey_folder(self.folder)), self.env
        else:
            settings = "hmi.settings" if role == "web" else "hmi.worker_settings"
            command = [sys.executable, "manage.py", f"run_{role}"]
            env = self.env | {"DJANGO_SETTINGS_MODULE": settings}
        if role == "poller":
            env = env | self.poller_env
        with (self.folder / f"{role}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def is_serving(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self, role: str) -> None:
        """kill -9, and wait until it is gone."""
        process = self.processes.pop(role)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.processes.clear()
        self.device.close()

    def bus_answers(self) -> bool:
        client = connect_blocking(self.redis_url, "test-site")
        try:
            return bool(client.ping())
        except Exception:  # noqa: BLE001  # any failure means that it does not answer yet
            return False
        finally:
            client.close()

    def blocks_on_the_bus(self) -> list[Block]:
        """Every entry of the stream, oldest first."""
        client = connect_blocking(self.redis_url, "test-site")
        entries: Any = client.xrange(keys.SAMPLES)
        client.close()
        return [decode(fields[b"b"]) for _, fields in entries]
