"""The two programs as a supervisor runs them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyModbusTCP.client import ModbusClient

from devices.simulator.site import PORTS
from tests.bus.servers import own_valkey
from tests.ports import free_in_a_row

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(command: str, folder: Path, **env: str) -> Iterator["subprocess.Popen[str]"]:
    settings = {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "hmi.worker_settings", **env}
    process = subprocess.Popen(
        [sys.executable, "manage.py", command], cwd=ROOT, env=os.environ | settings, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(process: "subprocess.Popen[str]", word: str) -> str:
    """The lines up to the one with the word."""
    assert process.stdout is not None
    lines = ""
    for line in process.stdout:
        lines += line
        if word in line:
            return lines
    raise AssertionError(f"ended without '{word}': {lines}")


def ends_quickly(process: "subprocess.Popen[str]") -> None:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    machine_s = time.monotonic() - began  # 0.02 s when the cores are free
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert time.monotonic() - began < 2 + 10 * machine_s


@pytest.mark.slow
@pytest.mark.timeout(240)  # six processes are started, each of which takes a second of a core, one after the other
def test_both_run_alone_and_end_on_sigterm(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    port = str(free_in_a_row(PORTS))
    with own_valkey(tmp_path / "valkey") as valkey:
        env = {"REDIS_URL": valkey.url, "SIMULATOR_PORT": port}
        migrate = os.environ | {"DATA_DIR": str(folder), **env}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=migrate, check=True)
        with running("simulate_plant", folder, **env) as simulator, running("run_poller", folder, **env) as poller:
            heard(simulator, "simulator serves")
            heard(poller, "lease held")
            client = ModbusClient("127.0.0.1", int(port) + 3, auto_open=True)
            assert client.read_holding_registers(40000, 2) == [0x5375, 0x6E53], "SunS"
            client.close()
            with running("run_poller", folder, **env) as second:
                assert f"a poller is running already (process {poller.pid}" in heard(second, "running already")
                assert second.wait(5) == 1
            with running("simulate_plant", tmp_path, **env) as other:
                assert f"port {port} of 127.0.0.1 cannot be served" in heard(other, "cannot be served")
            ends_quickly(poller)
            ends_quickly(simulator)


@pytest.mark.slow
def test_the_poller_waits_for_redis_and_its_database(tmp_path: Path) -> None:
    with running("run_poller", tmp_path, REDIS_URL=f"unix://{tmp_path}/nobody.sock") as poller:
        heard(poller, "configuration database lost")
        time.sleep(1.5)
        assert poller.poll() is None
        ends_quickly(poller)
