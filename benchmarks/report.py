"""How a benchmark speaks: what was held against what was asked, and what it cost."""

import os
import time
from typing import Final

from benchmarks.accounting import Usage

_PACE_LOOPS: Final = 3_000_000


def title(text: str) -> None:
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    print(f"\n{text}\n{'-' * len(text)}", flush=True)
    line("machine", f"{os.cpu_count()} cores, load {load} before the start, pace {pace():.0f} million additions/s")


def pace() -> float:
    """Additions in a plain Python loop, in millions per second of CPU time: what a percent of a core is worth here."""
    begun, total = time.process_time(), 0
    for n in range(_PACE_LOOPS):
        total += n
    return _PACE_LOOPS / (time.process_time() - begun) / 1e6


def line(what: str, measured: str, hold: str = "") -> None:
    print(f"  {what:<44} {measured}{f'   (to hold: {hold})' if hold else ''}", flush=True)


def verdict(what: str, measured: float, limit: float, unit: str) -> None:
    """A figure that must not be larger than the limit."""
    word = "held" if measured <= limit else "NOT HELD"
    line(what, f"{measured:.1f} {unit}", f"<= {limit:g} {unit}: {word}")


def cost(usage: dict[str, Usage]) -> None:
    for used in usage.values():
        memory = f", {used.pss_mb:.0f} MB PSS" if used.pss_mb else ""
        line(f"  {used.name}", f"{used.cpu_pct:.1f} % of a core{memory}")
