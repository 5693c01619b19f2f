"""How each device is doing, as a page says it: what the poller last said of its link, and of this unit on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from devices.diagnosis import NO_DATA, Finding, diagnose
from devices.snapshot import AreaEntry, DeviceEntry
from hmi.screens.device_links import SILENT_AFTER_MS, LinkLine, Links, link_line
from hmi.screens.layout import Layout

STATES: Final = {
    "answering": ("good", "answers"),
    "silent": ("bad", "silent"),
    "refusing": ("bad", "refuses"),
    "waiting": ("uncertain", "waiting"),
    "out_of_use": ("uncertain", "out of use"),
    "disabled": ("uncertain", "switched off"),
}
"""State of a unit -> class of quality and word."""
_ORDER: Final = {"bad": 0, "uncertain": 1, "good": 2}
_OFF: Final = 3


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One scan group: the period asked for, the period achieved (None: not known yet), requests in a scan."""

    scan_ms: int
    achieved_ms: float | None
    reads: int | None

    @property
    def is_slow(self) -> bool:
        return self.achieved_ms is not None and self.achieved_ms > 1.1 * self.scan_ms


@dataclass(frozen=True, slots=True)
class Figures:
    """Counted since the poller opened the link; None where the poller says nothing of it. Times in ms."""

    requests: int | None = None
    timeouts: int | None = None
    bad_replies: int | None = None
    late_replies: int | None = None
    overruns: int | None = None
    rtt_p50_ms: float | None = None
    rtt_p99_ms: float | None = None
    load_pct: float | None = None
    learned_max_registers: int | None = None
    exceptions: Mapping[str, int] = field(default_factory=dict)
    groups: Sequence[GroupFigures] = ()
    holes: Sequence[tuple[str, int, int]] = ()
    """Table, address, count of what the device refuses to give."""
    unsupported: Sequence[str] = ()
    recent_errors: int | None = None
    recent_s: int | None = None

    @property
    def errors(self) -> int | None:
        """Requests without a right answer."""
        if self.requests is None:
            return None
        return (self.timeouts or 0) + (self.bad_replies or 0) + sum(self.exceptions.values())

    @property
    def slowest(self) -> GroupFigures | None:
        """The group that falls behind most, else the fastest."""
        by_lag = sorted(self.groups, key=lambda g: (-(g.achieved_ms or 0) / g.scan_ms if g.is_slow else 0, g.scan_ms))
        return by_lag[0] if by_lag else None


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One device. `quality`: good | uncertain | bad."""

    device: DeviceEntry
    area: AreaEntry
    link: LinkLine
    quality: str
    word: str
    sentence: str
    since: datetime | None
    tags: int
    figures: Figures
    findings: Sequence[Finding] = ()
    """What is wrong and what to try, the worst first; for DIAGNOSE only. Empty also where nothing is known."""

    @property
    def rank(self) -> tuple[int, str]:
        """Worst first, what is switched off last."""
        return (_ORDER[self.quality] if self.device.enabled else _OFF, self.device.name.lower())


def unit_line(device: DeviceEntry, layout: Layout, links: Links, tags: int = 0) -> UnitLine:
    line = link_line(device, links)
    said = _said(device, links)
    area = layout.snapshot.areas[device.area_id]
    if not said or not device.enabled:
        return UnitLine(device, area, line, line.quality, line.word, line.sentence, line.since, tags, Figures())
    quality, word = STATES.get(str(said.get("state")), ("uncertain", str(said.get("state"))))
    if quality == "good" and (_count(said, "without_data") or 0) >= NO_DATA:
        quality, word = "bad", "gives no values"
    since = said.get("since_ms")
    began = datetime.fromtimestamp(since / 1000, UTC) if isinstance(since, int) and since > 0 else None
    reason, figures = str(said.get("reason") or ""), figures_of(said)
    return UnitLine(device, area, line, quality, word, reason, began, tags, figures, _findings(device, said, links))


def _findings(device: DeviceEntry, said: Mapping[str, Any], links: Links) -> list[Finding]:
    heard = None if links is None else links.get(device.link)
    if heard is None:
        return []
    return diagnose(device.label, device.endpoint, said, heard.state.state, heard.state.reason)


def unit_lines(devices: Sequence[DeviceEntry], layout: Layout, links: Links) -> list[UnitLine]:
    """Worst first."""
    tags = Counter(t.device_id for t in layout.snapshot.tags.values() if t.device_id is not None)
    return sorted((unit_line(d, layout, links, tags[d.id]) for d in devices), key=lambda line: line.rank)


def _said(device: DeviceEntry, links: Links) -> Mapping[str, Any]:
    """What the poller last said of the unit; empty when it has not, or too long ago to say anything of now."""
    heard = None if links is None else links.get(device.link)
    if heard is None or heard.age_ms > SILENT_AFTER_MS:
        return {}
    units = heard.state.detail.get("units")
    found = units.get(str(device.id)) if isinstance(units, dict) else None
    return found if _is_map(found) else {}


def figures_of(said: Mapping[str, Any]) -> Figures:
    """The figures of a unit; what another version of the poller leaves out, or says otherwise, is not known."""
    groups = said.get("groups")
    exceptions = said.get("exceptions")
    return Figures(
        requests=_count(said, "requests"),
        timeouts=_count(said, "timeouts"),
        bad_replies=_count(said, "bad_replies"),
        late_replies=_count(said, "late_replies"),
        overruns=_count(said, "overruns"),
        rtt_p50_ms=_number(said, "rtt_p50_ms"),
        rtt_p99_ms=_number(said, "rtt_p99_ms"),
        load_pct=_number(said, "load_pct"),
        learned_max_registers=_count(said, "learned_max_registers"),
        exceptions={str(k): v for k, v in exceptions.items() if isinstance(v, int)} if _is_map(exceptions) else {},
        groups=sorted(_groups(groups), key=lambda g: g.scan_ms) if _is_map(groups) else (),
        holes=[(str(h["table"]), h["address"], h["count"]) for h in said.get("holes") or () if _is_hole(h)],
        unsupported=[str(table) for table in said.get("unsupported") or ()],
        recent_errors=_count(said, "recent_errors"),
        recent_s=_count(said, "recent_s"),
    )


def _is_map(found: Any) -> TypeGuard[dict[Any, Any]]:
    return isinstance(found, dict)


def _is_hole(found: Any) -> bool:
    return _is_map(found) and "table" in found and all(isinstance(found.get(k), int) for k in ("address", "count"))


def _groups(said: Mapping[str, Any]) -> list[GroupFigures]:
    rows = [row for row in said.values() if isinstance(row, dict)]
    found = ((_count(row, "scan_ms"), _number(row, "achieved_ms"), _count(row, "reads")) for row in rows)
    return [GroupFigures(scan, achieved, reads) for scan, achieved, reads in found if scan]


def _count(said: Mapping[str, Any], name: str) -> int | None:
    found = said.get(name)
    return found if isinstance(found, int) else None


def _number(said: Mapping[str, Any], name: str) -> float | None:
    found = said.get(name)
    return float(found) if isinstance(found, int | float) else None
