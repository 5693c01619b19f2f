"""Where acquisition breaks: steps of 200-tag devices at 1 s, until registers miss their second."""

import time
from typing import Final

from benchmarks import report
from benchmarks.accounting import Window
from benchmarks.farm import Farm
from benchmarks.rig import Rig

STEPS: Final = (50, 125, 250, 500, 750, 1000)
"""Devices of 200 tags each; the third is 50,000 tags a second."""
WINDOW_S: Final = 15


def main() -> None:
    report.title("Ceiling of acquisition: devices x 200 tags at 1 s")
    with Rig() as rig:
        for devices in STEPS:
            if not step(rig, devices):
                break


def step(rig: Rig, devices: int) -> bool:
    """False: it broke, more than one read in a hundred came too late."""
    from benchmarks import plant_rows

    with Farm(rig, devices) as farm:
        plant_rows.clear()
        plant_rows.build(farm.ports, 100, 100)
        rig.start("poller")
        time.sleep(10 + devices / 50)
        farm.mark()
        window = Window(rig.pids(("device farm (load)", farm.talker)))
        time.sleep(WINDOW_S)
        usage, seen = window.end(), farm.seen()
        rig.stop("poller")
    report.line(f"== {devices * 200:,} tags/s", "")
    seen.tell(WINDOW_S)
    if devices == 250:
        report.verdict("poller", usage["poller"].cpu_pct, 25, "% of a core")
    report.cost(usage)
    return seen.late_share < 0.01


if __name__ == "__main__":
    main()
