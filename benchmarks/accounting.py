"""CPU time and memory as the processes' own accounts in /proc tell them. Linux only, as the figures are."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU time of all threads of the process since it started: user and system, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _memory_mb(pid: int, word: str) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(word):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/smaps_rollup has no line {word}")


def pss_mb(pid: int) -> float:
    """Proportional set size: pages shared between processes are divided among them, so a sum over them is honest."""
    return _memory_mb(pid, "Pss:")


def rss_mb(pid: int) -> float:
    return _memory_mb(pid, "Rss:")


def family(pid: int) -> dict[int, str]:
    """The process and everything below it: pid -> what it is, as `run_poller` or `hmi.launch.supervise`."""
    found = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {process.pid: _name(process.cmdline()) for process in found}


def _name(command: list[str]) -> str:
    words = [Path(word.partition(" ")[0]).name for word in command]
    is_python = words[0].startswith("python") and len(words) > 2
    return words[2] if is_python else words[0]


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process in one window."""

    name: str
    cpu_pct: float
    pss_mb: float

    def __str__(self) -> str:
        return f"{self.name} {self.cpu_pct:.1f} % of a core, {self.pss_mb:.0f} MB PSS"


class Window:
    """CPU of named processes between begin and end, memory at the end."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._begun_at = time.monotonic()
        self._cpu_s = {name: cpu_s(pid) for name, pid in pids.items()}
        self._busy_s = machine_busy_s()

    def end(self) -> dict[str, Usage]:
        seconds = time.monotonic() - self._begun_at
        used = {name: cpu_s(pid) - self._cpu_s[name] for name, pid in self._pids.items()}
        others = machine_busy_s() - self._busy_s - sum(used.values())
        usage = {name: Usage(name, 100 * spent / seconds, pss_mb(self._pids[name])) for name, spent in used.items()}
        return usage | {"others": Usage("others on this machine", 100 * others / seconds, 0)}


def machine_busy_s() -> float:
    """CPU time all processes of the machine have used: whether somebody else was busy during a window."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, softirq))) * _TICK_S
