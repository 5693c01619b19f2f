"""A SunSpec device as a process: `sunspec_server.py PORT`.

Models, layout and encoding are pysunspec2's; pyModbusTCP serves them. First the simulated device that comes with
pysunspec2 (IEEE 1547: models 1, 701 … 713), then an inverter (103, and the same in floating point, 113), its ratings
(120), two strings of a photovoltaic plant (160), and a vendor's own model that nobody can read.

It says {} when it listens. Then one JSON line of stdin changes one point, answered by {}:
{"model": 103, "point": "W", "value": -500}; null: not implemented.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import sunspec2
from pyModbusTCP.server import DataBank, ModbusServer
from sunspec2.file.client import FileClientDevice, FileClientModel

BASE = 40000
SIMULATED = Path(sunspec2.__file__).parent / "tests" / "test_data" / "device_1547.json"
INVERTER: dict[str, Any] = {
    "A": 1234, "AphA": 411, "A_SF": -2, "PhVphA": 2301, "V_SF": -1, "W": -500, "W_SF": 1, "Hz": 49987, "Hz_SF": -3,
    "PF": -987, "PF_SF": -3, "WH": 123456789, "WH_SF": 0, "TmpCab": -125, "Tmp_SF": -1, "St": 4, "Evt1": 5,
}  # fmt: skip
VENDOR = struct.pack(">HH8H", 64999, 8, 0xFFFF, 0x8000, 0x7FC0, 1, 0x5375, 0x6E53, 0, 0xDEAD)


def models() -> list[Any]:
    device = FileClientDevice(str(SIMULATED))
    device.scan()
    more = {
        103: INVERTER,
        113: {"A": 12.34, "W": -5000.0, "Hz": 49.987},
        120: {"DERTyp": 4, "WRtg": 500, "WRtg_SF": 2},
        160: {
            "DCA_SF": -2, "DCV_SF": -1, "N": 2,
            "module": [{"ID": 1, "DCA": 812, "DCV": 6205}, {"ID": 2, "DCA": None, "DCV": 6190}],
        },
    }  # fmt: skip
    return [*device.model_list, *(FileClientModel(model_id=number, data=data) for number, data in more.items())]


def image(all_models: list[Any]) -> list[int]:
    parts = [b"SunS"]
    for model in all_models:
        body = model.get_mb()
        parts.append(struct.pack(">HH", model.model_id, len(body) // 2 - 2) + body[4:])
    whole = b"".join([*parts, VENDOR, b"\xff\xff\x00\x00"])
    return list(struct.unpack(f">{len(whole) // 2}H", whole))


def main() -> None:
    all_models, bank = models(), DataBank()
    bank.set_holding_registers(BASE, image(all_models))
    ModbusServer("127.0.0.1", int(sys.argv[1]), no_block=True, data_bank=bank).start()
    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        model = next(m for m in all_models if m.model_id == asked["model"])
        model.points[asked["point"]].value = asked["value"]
        bank.set_holding_registers(BASE, image(all_models))
        print("{}", flush=True)


main()
