"""10,000 tags at 1 s: 50 devices of 100 float32 and 100 uint16, all changing every second. Against bare pymodbus."""

import sys
import time
from typing import Final

from benchmarks import report
from benchmarks.accounting import Window
from benchmarks.farm import Farm
from benchmarks.rig import Rig

DEVICES: Final = 50
WARM_S: Final = 8
WINDOW_S: Final = 30
BARE_REQUESTS: Final = "0:125,125:125,250:50"
"""What the product reads: 300 registers in requests of at most 125."""


def main() -> None:
    report.title("Acquisition: 10,000 tags at 1 s (50 devices x 200)")
    with Rig() as rig, Farm(rig, DEVICES) as farm:
        from benchmarks import plant_rows

        plant_rows.build(farm.ports, 100, 100)
        rig.start("poller")
        poller_pct = measure(rig, farm)
        rig.stop("poller")
        bare = rig.talk(sys.executable, "-m", "benchmarks.bare_poller", BARE_REQUESTS, *map(str, farm.ports))
        bare.hear()
        window = Window({"bare": bare.pid})
        time.sleep(WINDOW_S / 2)
        bare_pct = window.end()["bare"].cpu_pct
        report.line("bare pymodbus loop, same requests", f"{bare_pct:.1f} % of a core")
        report.line("ratio", f"the poller takes {poller_pct / bare_pct:.1f} times the bare loop")


def measure(rig: Rig, farm: Farm) -> float:
    """CPU of the poller in percent of a core."""
    time.sleep(WARM_S)
    farm.mark()
    window = Window(rig.pids(("device farm (load)", farm.talker)))
    time.sleep(WINDOW_S)
    usage, seen = window.end(), farm.seen()
    seen.tell(WINDOW_S)
    report.verdict("gap p99", seen.p99 or float("inf"), 1010, "ms")
    report.verdict("poller", usage["poller"].cpu_pct, 5, "% of a core")
    report.cost(usage)
    return usage["poller"].cpu_pct


if __name__ == "__main__":
    main()
