"""A Modbus server of a Python library as a process: `python_server.py LIBRARY tcp PORT` or `... LIBRARY rtu LINE`.

It says {} when it listens. Then one JSON line of stdin sets consecutive places of unit 1, answered by {}:
{"table": "holding", "address": 0, "values": [1, 2]}. Nothing of ours is imported.
"""

import json
import logging
import sys
from collections.abc import Callable
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any

PLACES = 2000
TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
"""Function code -> name; modbus-tk calls its tables by the same numbers."""
Put = Callable[[str, int, list[int]], Any]


def pymodbustcp(kind: str, where: str) -> Put:
    """Answers as every unit. Knows only TCP."""
    from pyModbusTCP.server import DataBank, ModbusServer

    bank = DataBank()
    setters: dict[str, Any] = {
        "coil": bank.set_coils,
        "discrete": bank.set_discrete_inputs,
        "holding": bank.set_holding_registers,
        "input": bank.set_input_registers,
    }
    ModbusServer("127.0.0.1", int(where), no_block=True, data_bank=bank).start()
    return lambda table, address, values: setters[table](address, values)


def modbus_tk(kind: str, where: str) -> Put:
    """Silent as other units than 1."""
    from modbus_tk import modbus_rtu, modbus_tcp
    from serial import Serial

    if kind == "tcp":
        server = modbus_tcp.TcpServer(port=int(where), address="127.0.0.1", error_on_missing_slave=False)
    else:
        server = modbus_rtu.RtuServer(Serial(where, 115200), error_on_missing_slave=False)
    unit = server.add_slave(1)
    for number, name in TABLES.items():
        unit.add_block(name, number, 0, PLACES)
    server.start()
    return lambda table, address, values: unit.set_values(table, address, values)


def umodbus(kind: str, where: str) -> Put:
    """Exception 02 as other units than 1."""
    from serial import Serial
    from umodbus.server import serial, tcp
    from umodbus.server.serial.rtu import RTUServer

    tables = {name: [0] * PLACES for name in TABLES.values()}
    logging.disable()

    def value(slave_id: int, function_code: int, address: int) -> int:
        return tables[TABLES[function_code]][address]

    def put(table: str, address: int, values: list[int]) -> None:
        tables[table][address : address + len(values)] = values

    ThreadingTCPServer.allow_reuse_address = ThreadingTCPServer.daemon_threads = True
    server: Any
    if kind == "tcp":
        server = tcp.get_server(ThreadingTCPServer, ("127.0.0.1", int(where)), tcp.RequestHandler)
    else:
        server = serial.get_server(RTUServer, Serial(where, 115200))
    server.route(slave_ids=[1], function_codes=list(TABLES), addresses=range(PLACES))(value)
    # On a line it takes what came within this time for one request.
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return put


def main(library: str, kind: str, where: str) -> None:
    put = {"pymodbustcp": pymodbustcp, "modbus_tk": modbus_tk, "umodbus": umodbus}[library](kind, where)
    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        put(asked["table"], asked["address"], asked["values"])
        print("{}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
