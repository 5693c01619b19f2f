"""The devices of a benchmark: device_farm.mjs, and the judgement of what it saw."""

from dataclasses import dataclass
from typing import Any, Self

from benchmarks import report
from benchmarks.rig import Rig, Talker


@dataclass(frozen=True, slots=True)
class Seen:
    """How regularly registers were read, at the device's end of the wire. Gaps in ms; counts in registers."""

    requests: int
    reads: int
    registers: int
    unread: int
    missed: int
    p50: float | None
    p99: float | None
    max: float | None

    @property
    def is_complete(self) -> bool:
        """Every register in every period: none never read, no gap longer than one and a half periods."""
        return self.unread == 0 and self.missed == 0

    @property
    def late_share(self) -> float:
        """The part of all reads that came more than half a period late, or never."""
        return (self.missed + self.unread) / max(1, self.reads)

    def tell(self, seconds: float) -> None:
        share = 100 * (1 - self.late_share)
        word = "every register in every period" if self.is_complete else f"{share:.2f} % of the reads in time"
        report.line(
            "registers", f"{self.registers}, {word} ({self.unread} never read, {self.missed} gaps > 1.5 periods)"
        )
        if self.p50 is not None and self.p99 is not None and self.max is not None:
            report.line("gap between reads, ms", f"p50 {self.p50:.1f}  p99 {self.p99:.1f}  max {self.max:.1f}")
        report.line("requests", f"{self.requests / seconds:.0f} a second")


class Farm:
    def __init__(self, rig: Rig, devices: int, *, floats: int = 100, words: int = 100, period_ms: int = 1000) -> None:
        self._rig = rig
        counts = ("--devices", devices, "--floats", floats, "--words", words, "--period", period_ms)
        self.talker: Talker = rig.talk("node", "benchmarks/device_farm.mjs", *map(str, counts))
        self.ports: list[int] = self.talker.hear()["ports"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rig.hang_up(self.talker)

    def mark(self) -> None:
        self.talker.ask(do="mark")

    def seen(self, *, scan_ms: int = 1000, without: tuple[int, ...] = ()) -> Seen:
        return Seen(**self.talker.ask(do="report", scan=scan_ms, **{"except": list(without)}))

    def hang(self, device: int, *, on: bool) -> float:
        """Wall clock in ms from which it holds."""
        return float(self.talker.ask(do="hang", device=device, on=on)["at"])

    def answers(self, device: int) -> dict[int, float]:
        """Tick -> wall clock in ms of the first answer that carried it."""
        found: Any = self.talker.ask(do="answers", device=device)["answers"]
        return {int(tick): float(at) for tick, at in found}
