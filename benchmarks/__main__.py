"""`python -m benchmarks [name ...]`: each benchmark in a process of its own, with a folder and a port of its own.

`name:1` runs only the first case of a benchmark that has several.
"""

import os
import subprocess
import sys
import tempfile
from typing import Final

from benchmarks.rig import free_port

BENCHMARKS: Final = {
    "acquisition": "10,000 tags at 1 s from 50 devices, beside a bare pymodbus loop",
    "ceiling": "ever more tags a second, until a second is missed",
    "hung_device": "one of ten devices hangs and comes back",
    "served_to_browser": "from the device's answer to onmessage in Chromium",
    "fan_out": "many browsers, beside a bare Daphne hub that sends the same bytes",
    "not_reading": "what a browser that does not read costs the web process",
    "alarms": "10,000 alarm definitions on 10,000 tags/s, latency, floods",
    "whole_job": "10,000 tags/s live, 1,000 alarms and history of every change, all processes together",
    "history_in": "samples a second into history with 50 million there, beside bulk loading and the ORM",
    "history_out": "8 pens over a day and over a year, beside a plain SQL read of the rows",
    "bus_memory": "what the bus costs: bytes of a block, memory of 15 minutes, publishing",
    "history_size": "bytes a sample of history by kind of signal, beside rows of SQL; what packing and sealing cost",
    "memory": "the idle demo, all processes",
    "starts": "make run: first start, second start, stop",
}
TIME_LIMIT_S: Final = 600


def run(wanted: str) -> int:
    """The exit code of the benchmark. It gets a bare environment: no Redis, database or settings of somebody else."""
    ours = ("REDIS_URL", "DATABASE_URL", "HISTORY_DATABASE_URL", "DJANGO_SETTINGS_MODULE", "ISTHMUS_TLS", "SECRET_KEY")
    env = {key: value for key, value in os.environ.items() if key not in ours}
    name, *cases = wanted.split(":")
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", ignore_cleanup_errors=True) as folder:
        env |= {"DATA_DIR": folder, "HOST": "127.0.0.1", "PORT": str(free_port())}
        env |= {"DJANGO_SETTINGS_MODULE": "hmi.settings"}
        try:
            return subprocess.run(
                [sys.executable, "-m", f"benchmarks.{name}", *cases], env=env, timeout=TIME_LIMIT_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"{name}: stopped after {TIME_LIMIT_S} s")
            return 1


def main(names: list[str]) -> int:
    unknown = [name for name in names if name.partition(":")[0] not in BENCHMARKS]
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}. There are:")
        for name, what in BENCHMARKS.items():
            print(f"  {name:<20} {what}")
        return 2
    return max(run(name) for name in names or BENCHMARKS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
