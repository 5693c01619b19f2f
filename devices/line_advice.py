"""How busy the serial lines of a configuration are (MB-09): what to say, or to refuse, before a line is overrun."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from devices.advice import Advice
from devices.drivers.registry import is_serial
from devices.line_load import BUSY_PCT, Line, load_pct, parse_line
from devices.models import Device, Tag
from devices.plan import Read, plan
from devices.points import DataType, Order, Point, Table


@dataclass(frozen=True, slots=True)
class LineLoad:
    """`pct`: share of its time that a line is busy. `parts`: device name -> its share."""

    port: str
    line: Line
    pct: float
    parts: dict[str, float]


def line_loads(devices: Iterable[Device], tags: Mapping[str, Sequence[Tag]]) -> list[LineLoad]:
    """Of the serial lines of enabled devices. `tags`: lower-case name of a device -> its enabled tags."""
    by_port: dict[str, list[Device]] = {}
    for device in devices:
        if device.enabled and is_serial(device.driver):
            by_port.setdefault(device.host, []).append(device)
    found = []
    for port, members in sorted(by_port.items()):
        line = _line(members)
        if line is not None:
            parts = {d.name: _load(line, d, tags.get(d.name.lower(), ())) for d in members}
            found.append(LineLoad(port, line, sum(parts.values()), parts))
    return found


def overloads(
    devices: Iterable[Device], tags: Mapping[str, Sequence[Tag]], named: Container[str] | None = None
) -> list[Advice]:
    """About each line that has more to do than it can. `named`: devices that may be named; None: all."""
    return [_said(load, named) for load in line_loads(devices, tags) if load.pct > BUSY_PCT]


def stored_overloads(devices: QuerySet[Device], named: Container[str] | None = None) -> list[Advice]:
    """The same of devices in the database, with the tags they have there."""
    on_lines = [device for device in devices if device.enabled and is_serial(device.driver)]
    tags: dict[str, list[Tag]] = {}
    for tag in Tag.objects.filter(device__in=on_lines, enabled=True).select_related("device"):
        if tag.device is not None:
            tags.setdefault(tag.device.name.lower(), []).append(tag)
    return overloads(on_lines, tags, named)


def _said(load: LineLoad, named: Container[str] | None) -> Advice:
    shown = {name: pct for name, pct in sorted(load.parts.items()) if named is None or name in named}
    if len(shown) < len(load.parts):
        shown["others"] = load.pct - sum(shown.values())
    shares = ", ".join(f"{name} {pct:.0f} %" for name, pct in shown.items())
    return Advice(
        "devices.W007",
        f"The serial line {load.port} ({load.line}) would be busy {load.pct:.0f} % of its time ({shares}); "
        f"the most is {BUSY_PCT:.0f} %, or no time is left for repeats.",
        "Read slower (scan_ms), let tags lie closer together, or make the line faster on every device.",
    )


def _line(members: Sequence[Device]) -> Line | None:
    try:
        return parse_line(members[0].line)
    except ValueError:
        return None  # written past the checks; the link says it


def _load(line: Line, device: Device, tags: Sequence[Tag]) -> float:
    points: dict[int, list[Point]] = {}
    for number, tag in enumerate(tags):
        points.setdefault(tag.scan_ms, []).append(_point(number, tag))
    reads: list[tuple[Read, int]] = [
        (read, scan_ms)
        for scan_ms, members in points.items()
        for read in plan(members, device.max_registers, device.max_gap).reads
    ]
    return load_pct(line, reads, turnaround_s=device.delay_ms / 1000)


def _point(number: int, tag: Tag) -> Point:
    """What matters of a tag for the requests it needs."""
    return Point(
        number, Table(tag.table), tag.address or 0, DataType(tag.data_type), Order(tag.order), bit=tag.bit,
        bit_count=tag.bit_count, length=tag.length, scale_address=tag.scale_address,
    )  # fmt: skip
