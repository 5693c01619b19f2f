"""Two Modbus servers we did not write, behind one small interface."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pyModbusTCP.server import DataBank, ModbusServer

from devices.points import Table

ROOT = Path(__file__).resolve().parents[3]
JSMODBUS = ROOT / "node_modules" / "jsmodbus"


class ForeignServer(Protocol):
    port: int

    def put(self, table: Table, address: int, values: Sequence[int]) -> None:
        """Set consecutive registers or bits."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class PythonServer:
    """pyModbusTCP's server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._bank = DataBank()
        self._server: ModbusServer | None = None

    def start(self) -> None:
        self._server = ModbusServer("127.0.0.1", self.port, no_block=True, data_bank=self._bank)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def put(self, table: Table, address: int, values: Sequence[int]) -> None:
        setters = {
            Table.COIL: self._bank.set_coils,
            Table.DISCRETE: self._bank.set_discrete_inputs,
            Table.HOLDING: self._bank.set_holding_registers,
            Table.INPUT: self._bank.set_input_registers,
        }
        given = [bool(value) for value in values] if table.is_bits else list(values)
        assert setters[table](address, given), "pyModbusTCP refused the values"


class NodeServer:
    """jsmodbus in a Node process of its own. What was put is put again when it starts anew."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._process: subprocess.Popen[str] | None = None
        self._put: dict[tuple[Table, int], list[int]] = {}

    @staticmethod
    def has_node() -> bool:
        return shutil.which("node") is not None

    def start(self) -> None:
        assert JSMODBUS.is_dir(), f"{JSMODBUS} is missing: run `make test`, or npm ci"
        script = Path(__file__).with_name("node_server.mjs")
        self._process = subprocess.Popen(
            ["node", str(script), str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._hear()
        for (table, address), values in self._put.items():
            self._tell(table, address, values)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    def put(self, table: Table, address: int, values: Sequence[int]) -> None:
        self._put[table, address] = list(values)
        if self._process is not None:
            self._tell(table, address, list(values))

    def _tell(self, table: Table, address: int, values: list[int]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        print(json.dumps({"table": table.value, "address": address, "values": values}), file=self._process.stdin)
        self._process.stdin.flush()
        self._hear()

    def _hear(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "{}\n", "the Node server ended"
