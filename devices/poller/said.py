"""What a link and its units say of themselves on the bus: figures, and sentences for people (docs/devices.md)."""

from typing import TYPE_CHECKING, Any, Final

from devices.points import Point
from devices.poller.health import (
    ANSWERING,
    CONNECTED,
    DISABLED,
    DISCONNECTED,
    IDLE,
    OUT_OF_USE,
    REFUSING,
    SILENT,
    SUMMED,
    in_sum,
    lost_sentence,
)

if TYPE_CHECKING:
    from devices.poller.groups import ScanGroup
    from devices.poller.link import Link
    from devices.poller.unit import Unit


def link_detail(link: "Link", now: float) -> dict[str, Any]:
    driver, figures = link.line.driver, [unit.figures for unit in link.units]
    units = {str(unit.spec.device): unit_detail(unit, link, now) for unit in link.units}
    (first, *others) = units.values()
    detail = in_sum(figures) if others else {name: first[name] for name in SUMMED}
    detail |= link.recent.look(now, link.line.busy_s, sum(each.errors for each in figures))
    detail["reconnects"] = link.reconnects
    detail["late_replies"] = driver.late_replies
    detail["stray_replies"] = driver.stray_replies
    detail["overruns"] = sum(each["overruns"] for each in units.values())
    detail["groups"] = {name: group for each in units.values() for name, group in each["groups"].items()}
    detail["silent"] = {unit.name: unit.reason for unit in link.units if _is_silent(unit) and link.is_up}
    detail["units"] = units
    return detail


def unit_detail(unit: "Unit", link: "Link", now: float) -> dict[str, Any]:
    state, reason, since_ms = _state(unit, link)
    return {
        "state": state,
        "reason": reason,
        "since_ms": since_ms,
        **unit.figures.as_detail(),
        **unit.recent.look(now, unit.figures.busy_s, unit.figures.errors),
        # Whose late answer it is nobody can tell where several units share the line.
        "late_replies": link.line.driver.late_replies if len(link.units) == 1 else None,
        "overruns": sum(group.timetable.overruns for group in unit.groups),
        "groups": {group.name: _group(group) for group in unit.groups},
        "max_registers": unit.spec.max_registers,
        "timeout_ms": unit.spec.timeout_ms,
        **(_learned(unit) if unit.learned.facts else _NOTHING_LEARNED),
    }


_NOTHING_LEARNED: Final[dict[str, Any]] = {
    "holes": [],
    "learned_max_registers": None,
    "unsupported": [],
    "unsupported_tags": 0,
}


def _learned(unit: "Unit") -> dict[str, Any]:
    unsupported = unit.learned.unsupported
    return {
        "holes": _holes(unit),
        "learned_max_registers": unit.learned.learned_max_registers,
        "unsupported": sorted(table.value for table in unsupported),
        "unsupported_tags": sum(p.table in unsupported for group in unit.groups for p in group.points),
    }


def _group(group: "ScanGroup") -> dict[str, Any]:
    return {"scan_ms": round(group.scan_s * 1000), "achieved_ms": group.achieved_ms, "reads": len(group.slots)}


def _state(unit: "Unit", link: "Link") -> tuple[str, str, int]:
    """State, reason, since when. A device that answers everything with a refusal is not one that answers."""
    if link.state == DISCONNECTED and not unit.is_out_of_use and unit.state != DISABLED:
        return SILENT, link.reason, link.since_ms
    if unit.state == ANSWERING and unit.learned.facts and not any(group.slots for group in unit.groups):
        return REFUSING, "it refuses everything that is asked of it", unit.since_ms
    return unit.state, unit.reason, unit.since_ms


def _holes(unit: "Unit") -> list[dict[str, Any]]:
    """Joined where they touch, with the number of tags on them."""
    spans: list[tuple[str, int, int, int]] = []
    found = {(hole.table, hole.address, hole.count) for group in unit.groups for hole in unit.learned.holes(group.name)}
    illegal = [point for group in unit.groups for point in group.illegal]
    for table, address, count in sorted(found):
        if spans and spans[-1][0] == table and spans[-1][1] + spans[-1][2] >= address:
            start = spans[-1][1]
            spans[-1] = (table, start, max(address + count, start + spans[-1][2]) - start, 0)
        else:
            spans.append((table, address, count, 0))
    return [
        {
            "table": str(table),
            "address": address,
            "count": count,
            "tags": sum(_is_on(p, table, address, count) for p in illegal),
        }
        for table, address, count, _ in spans
    ]


def _is_on(point: Point, table: str, address: int, count: int) -> bool:
    return point.table == table and point.address < address + count and address < point.end


def _is_silent(unit: "Unit") -> bool:
    return bool(unit.reason) and not unit.is_out_of_use


def link_sentence(link: "Link", now: float) -> str:
    state = link.state
    if state == DISCONNECTED:
        return lost_sentence(link.spec.endpoint, now - link.lost_at, link.reason)
    if state == DISABLED:
        return "Every device of this link is switched off."
    if state == OUT_OF_USE:
        return "Every device of this link is out of use."
    if state == IDLE:
        have = "Every tag is switched off" if any(unit.groups for unit in link.units) else "No tags"
        return f"{have}: nothing is read from {'this device' if len(link.units) == 1 else 'these devices'}."
    if state == CONNECTED:
        silent = [f"{unit.name} ({unit.reason})" for unit in link.units if _is_silent(unit)]
        return f"Connected; no answer from {', '.join(silent)}." if silent else ""
    return link.reason
