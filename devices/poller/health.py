"""How a link is doing, in figures and in a sentence for people."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

CONNECTED: Final = "connected"
CONNECTING: Final = "connecting"
DISCONNECTED: Final = "disconnected"
DISABLED: Final = "disabled"
IDLE: Final = "idle"

_REMEMBERED_RTTS: Final = 512


@dataclass(slots=True)
class LinkFigures:
    """Counters since the link was started by this process."""

    requests: int = 0
    timeouts: int = 0
    bad_replies: int = 0
    reconnects: int = 0
    exceptions: Counter[int] = field(default_factory=Counter)
    rtts_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_RTTS))

    def as_detail(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "timeouts": self.timeouts,
            "bad_replies": self.bad_replies,
            "reconnects": self.reconnects,
            "exceptions": {f"{code:02X}": n for code, n in sorted(self.exceptions.items())},
            "rtt_p50_ms": self._percentile_ms(0.50),
            "rtt_p99_ms": self._percentile_ms(0.99),
        }

    def _percentile_ms(self, share: float) -> float | None:
        """Over the last 512 answers; None before the first."""
        if not self.rtts_s:
            return None
        ordered = sorted(self.rtts_s)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)


def advice(reason: str) -> str:
    """What to look at first, by what went wrong."""
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
