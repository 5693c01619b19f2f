"""How a link and its units are doing, in figures."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

CONNECTED: Final = "connected"
CONNECTING: Final = "connecting"
DISCONNECTED: Final = "disconnected"
DISABLED: Final = "disabled"
IDLE: Final = "idle"
OUT_OF_USE: Final = "out_of_use"

ANSWERING: Final = "answering"
SILENT: Final = "silent"
REFUSING: Final = "refusing"
WAITING: Final = "waiting"

RECENT_S: Final = 60.0
_REMEMBERED_RTTS: Final = 512


@dataclass(slots=True)
class UnitFigures:
    """Counters since the link was started by this process. `busy_s`: time the line was busy for this unit.

    `hang_ups`: connections that ended before a request, or before its answer. `without_data`: requests since the last
    answer that was data.
    """

    requests: int = 0
    timeouts: int = 0
    bad_replies: int = 0
    hang_ups: int = 0
    without_data: int = 0
    exceptions: Counter[int] = field(default_factory=Counter)
    busy_s: float = 0.0
    rtts_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_RTTS))
    _percentiles: dict[str, float | None] = field(default_factory=dict)
    _percentiles_of: int = -1

    @property
    def errors(self) -> int:
        """Requests without a right answer."""
        return self.timeouts + self.bad_replies + self.hang_ups + self.exceptions.total()

    def as_detail(self) -> dict[str, Any]:
        return _counted([self]) | {"without_data": self.without_data} | self.percentiles_ms

    @property
    def percentiles_ms(self) -> dict[str, float | None]:
        """Sorted anew when a sixteenth of the answers is new: hundreds of links are asked every 2 s."""
        if self._percentiles_of < 0 or self.requests - self._percentiles_of > len(self.rtts_s) // 16:
            self._percentiles, self._percentiles_of = percentiles_ms(self.rtts_s), self.requests
        return self._percentiles


SUMMED: Final = ("requests", "timeouts", "bad_replies", "hang_ups", "exceptions", "rtt_p50_ms", "rtt_p99_ms")


def in_sum(units: list[UnitFigures]) -> dict[str, Any]:
    """The same counters for all units of a link."""
    return _counted(units) | percentiles_ms([rtt for unit in units for rtt in unit.rtts_s])


def _counted(units: list[UnitFigures]) -> dict[str, Any]:
    exceptions: Counter[int] = Counter()
    for unit in units:
        if unit.exceptions:
            exceptions += unit.exceptions
    return {
        "requests": sum(unit.requests for unit in units),
        "timeouts": sum(unit.timeouts for unit in units),
        "bad_replies": sum(unit.bad_replies for unit in units),
        "hang_ups": sum(unit.hang_ups for unit in units),
        "exceptions": {f"{code:02X}": n for code, n in sorted(exceptions.items())},
    }


def percentiles_ms(rtts_s: Iterable[float]) -> dict[str, float | None]:
    """Over the last 512 answers of each unit; None before the first."""
    ordered = sorted(rtts_s)
    if not ordered:
        return {"rtt_p50_ms": None, "rtt_p99_ms": None}
    return {
        f"rtt_p{pct}_ms": round(ordered[min(len(ordered) - 1, pct * len(ordered) // 100)] * 1000, 2) for pct in (50, 99)
    }


class Recent:
    """What two growing counters did in the last minute: time the line was busy, and requests without a right answer."""

    def __init__(self, now: float) -> None:
        self._seen: deque[tuple[float, float, int]] = deque([(now, 0.0, 0)])

    def look(self, now: float, busy_s: float, errors: int) -> dict[str, Any]:
        """`load_pct`: share of the time in per cent. To be called every few seconds."""
        while len(self._seen) > 1 and now - self._seen[1][0] >= RECENT_S:
            self._seen.popleft()
        began, busy_then, errors_then = self._seen[0]
        if now > self._seen[-1][0]:
            self._seen.append((now, busy_s, errors))
        span_s = now - began
        return {
            "load_pct": round(min(100.0, 100 * (busy_s - busy_then) / span_s), 1) if span_s > 0 else 0.0,
            "recent_errors": errors - errors_then,
            "recent_s": round(span_s),
        }


def advice(reason: str) -> str:
    """What to look at first, by what went wrong."""
    if "serial port" in reason:
        return "check the adapter, and the port's name in the device's settings"
    if "check sum" in reason:
        return "check the wiring and termination of the line, and its speed and parity"
    if "earlier request" in reason:
        return "if this comes again, give the device a longer time-out"
    if "refused" in reason:
        return "the host is there, but nothing listens on the port; check port and device"
    if "time-out" in reason or "no connection within" in reason:
        return "check power and cable"
    if "frame" in reason or "instead of" in reason:
        return "check that this is a Modbus TCP device and nothing else shares its address"
    if "Name or service" in reason or "name resolution" in reason:
        return "check the host name"
    return "check device and network"


def lost_sentence(endpoint: str, lost_for_s: float, reason: str) -> str:
    return f"No answer from {endpoint} for {lost_for_s:.0f} s: {reason}; {advice(reason)}."
