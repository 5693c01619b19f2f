"""`make run` once everything is installed: the first start, the second, and the end by Ctrl-C."""

import os
import signal
import sys
import time
from contextlib import closing

from benchmarks import report
from benchmarks.rig import Rig, free_in_a_row
from devices.simulator.site import PORTS


def main() -> None:
    report.title("Start and stop of the demo, packages installed")
    os.environ["SIMULATOR_PORT"] = str(free_in_a_row(PORTS))
    with closing(Rig()) as rig:
        report.line("first start (database, demo plant) to first page", f"{start_s(rig):.1f} s")
        report.line("  ended after Ctrl-C", f"{stop_s(rig):.1f} s")
        report.verdict("second start to first page", start_s(rig), 5, "s")
        report.line("  ended after Ctrl-C", f"{stop_s(rig):.1f} s")


def start_s(rig: Rig) -> float:
    begun = time.monotonic()
    rig.launch([sys.executable, "-m", "hmi.launch"])
    return time.monotonic() - begun


def stop_s(rig: Rig) -> float:
    time.sleep(3)
    begun = time.monotonic()
    launch = rig.processes.pop("launch")
    launch.send_signal(signal.SIGINT)
    launch.wait(30)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
