"""The idle demo as `make run` starts it: the memory of all its processes together."""

import os
import sys
import time
from contextlib import closing
from typing import Final

from benchmarks import report
from benchmarks.accounting import Window, family, pss_mb
from benchmarks.rig import Rig, free_in_a_row
from devices.simulator.site import PORTS

SETTLE_S: Final = 20
WINDOW_S: Final = 20


def main() -> None:
    report.title("The idle demo: what `make run` starts, nobody looks")
    os.environ["SIMULATOR_PORT"] = str(free_in_a_row(PORTS))
    with closing(Rig()) as rig:
        rig.launch([sys.executable, "-m", "hmi.launch"])
        time.sleep(SETTLE_S)
        everybody = family(rig.processes["launch"].pid)
        window = Window({f"{name} ({pid})": pid for pid, name in everybody.items()})
        time.sleep(WINDOW_S)
        usage = window.end()
        report.verdict("all processes", sum(pss_mb(pid) for pid in everybody), 500, "MB PSS")
        report.cost(usage)


if __name__ == "__main__":
    main()
