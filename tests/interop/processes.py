"""Modbus servers nobody of us wrote, each a process of its own, and the serial lines they hang on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from devices.points import Table
from tests.missing import missing, need
from tests.ports import free_port

SERVERS: Final = Path(__file__).with_name("servers")
NODE_MODULES: Final = Path(__file__).resolve().parents[2] / "node_modules"
LINE: Final = "115200 8N1"
END_S: Final = 10


class ServerProcess:
    """`command`: its words, after the interpreter. What was put survives a restart."""

    def __init__(self, *command: str) -> None:
        script = Path(command[0])
        program = need("node", "nodejs") if script.suffix == ".mjs" else sys.executable
        self._command = [program, *command]
        self._put: dict[tuple[Table, int], list[int]] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._hear()
        for (table, address), values in self._put.items():
            self.tell(table=table.value, address=address, values=values)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(END_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def put(self, table: Table, address: int, values: Sequence[int]) -> None:
        self._put[table, address] = list(values)
        if self._process is not None:
            self.tell(table=table.value, address=address, values=list(values))

    def tell(self, **asked: Any) -> None:
        """One line of JSON, which must be answered."""
        assert self._process is not None
        assert self._process.stdin is not None
        print(json.dumps(asked), file=self._process.stdin)
        self._process.stdin.flush()
        self._hear()

    def _hear(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "{}\n", f"{self._command[1]} ended"


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to a foreign server. `driver`: ours; `library`: its word in python_server.py, or a script of Node's."""

    library: str
    driver: str

    def at(self, kind: str, where: str) -> ServerProcess:
        if not self.library.endswith(".mjs"):
            return ServerProcess(str(SERVERS / "python_server.py"), self.library, kind, where)
        if not all((NODE_MODULES / package).is_dir() for package in ("jsmodbus", "modbus-serial")):
            missing(f"{NODE_MODULES} is not complete: run `make test`, or npm ci")
        return ServerProcess(self.library, where)


JSMODBUS: Final = str(SERVERS.parents[1] / "road" / "foreign" / "node_server.mjs")
MODBUS_SERIAL: Final = str(SERVERS / "modbus_serial_server.mjs")
PEERS: Final[dict[str, Peer]] = {
    "pyModbusTCP": Peer("pymodbustcp", "modbus_tcp"),
    "modbus-tk": Peer("modbus_tk", "modbus_tcp"),
    "uModbus": Peer("umodbus", "modbus_tcp"),
    "jsmodbus": Peer(JSMODBUS, "modbus_tcp"),
    "modbus-serial": Peer(MODBUS_SERIAL, "modbus_tcp"),
    "modbus-tk behind a gateway": Peer("modbus_tk", "modbus_rtu_tcp"),
    "uModbus behind a gateway": Peer("umodbus", "modbus_rtu_tcp"),
    "modbus-tk on a line": Peer("modbus_tk", "modbus_rtu"),
    "uModbus on a line": Peer("umodbus", "modbus_rtu"),
}


@dataclass(frozen=True, slots=True)
class Reached:
    """A running server, and where a device of ours finds it."""

    server: ServerProcess
    host: str
    port: int
    line: str = ""


@contextmanager
def reached(peer: Peer, folder: Path) -> Iterator[Reached]:
    with ExitStack() as stack:
        if peer.driver == "modbus_tcp":
            port = free_port()
            found = Reached(peer.at("tcp", str(port)), "127.0.0.1", port)
        elif peer.driver == "modbus_rtu":
            ours, theirs = stack.enter_context(a_serial_line(folder))
            found = Reached(peer.at("rtu", theirs), ours, 0, LINE)
        else:
            ours, theirs = stack.enter_context(a_serial_line(folder))
            port = stack.enter_context(a_transparent_gateway(ours))
            found = Reached(peer.at("rtu", theirs), "127.0.0.1", port)
        stack.callback(found.server.stop)
        found.server.start()
        yield found


@contextmanager
def a_serial_line(folder: Path) -> Iterator[tuple[str, str]]:
    """Both ends of a line without wire: two pseudo-terminals that socat joins."""
    ends = [folder / "our-end", folder / "their-end"]
    with _running(need("socat", "socat"), *(f"PTY,rawer,link={end}" for end in ends)):
        _until(lambda: all(end.exists() for end in ends), "socat has made the line")
        yield str(ends[0]), str(ends[1])


@contextmanager
def a_transparent_gateway(line: str) -> Iterator[int]:
    """Passes every byte between a TCP connection and the line, as cheap serial gateways do."""
    port = free_port()
    listener = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"
    with _running(need("socat", "socat"), listener, f"FILE:{line},rawer"):
        time.sleep(0.1)  # to knock would be a connection already
        yield port


@contextmanager
def _running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait(END_S)


def _until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + END_S
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
