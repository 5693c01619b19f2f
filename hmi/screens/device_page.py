"""The page of one device in parts: figures, link, settings, the registers that are asked for, its tags."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.paginator import Page, Paginator

from accounts.permissions import Action
from devices.drivers.registry import is_serial
from devices.plan import Hole, Read, plan
from devices.points import Table
from devices.quirks import Quirks, RegistersBy
from devices.refusals import meaning, what_to_try
from devices.snapshot import AreaEntry, DeviceEntry, TagEntry
from hmi.screens.device_health import Figures, UnitLine
from hmi.screens.device_links import Links
from hmi.screens.readings import Reading, readings
from hmi.screens.scope import Scope
from hmi.screens.source import reference
from hmi.screens.system_facts import Fact
from hmi.templatetags.pages import duration, period

READS_SHOWN: Final = 60
TAGS_SHOWN: Final = 50
LOAD_NOTICED_PCT: Final = 80
_FUNCTION: Final = {RegistersBy.FC3: 3, RegistersBy.FC4: 4}


# -- figures


def figures(line: UnitLine) -> list[Fact]:
    """What was counted of the unit. Nothing where the poller says nothing."""
    f = line.figures
    if f.requests is None:
        return []
    return [
        Fact("Requests", f"{f.requests:,}"),
        _answers_in(f, line.device),
        _counted("Time-outs", f.timeouts, f.requests, "Raise the time-out if it is only slow; else check power."),
        _counted("Wrong replies", f.bad_replies, f.requests, "They were not taken for data. Check the line."),
        _counted("Late replies", f.late_replies, f.requests, "They came after the time-out: it is too short."),
        _counted("Scans that could not start in time", f.overruns, 0, "Scan less often, or fewer tags."),
        *_load(f),
        *_recent(f),
    ]  # fmt: skip


def _answers_in(f: Figures, device: DeviceEntry) -> Fact:
    if f.rtt_p50_ms is None or f.rtt_p99_ms is None:
        return Fact("Answers in", "not yet")
    text = f"{f.rtt_p50_ms:.3g} ms, 99 % within {f.rtt_p99_ms:.3g} ms"
    if f.rtt_p99_ms < 0.8 * device.timeout_ms:
        return Fact("Answers in", text)
    note = f"That is close to the time-out of {device.timeout_ms} ms: some answers will come too late. Raise it."
    return Fact("Answers in", text, "uncertain", note)


def _counted(title: str, count: int | None, of: int, advice: str) -> Fact:
    """Old errors are no fault of now; more than one in a hundred is."""
    if count is None:
        return Fact(title, "not known")
    is_much = bool(of) and count > of / 100
    return Fact(title, f"{count:,}", "uncertain" if is_much else "good", advice if is_much else "")


def _load(f: Figures) -> Iterator[Fact]:
    if f.load_pct is None:
        return
    is_high = f.load_pct >= LOAD_NOTICED_PCT
    note = "The line has little time left: scan less often, or fewer tags." if is_high else ""
    yield Fact("Share of the line's time", f"{f.load_pct:.0f} %", "uncertain" if is_high else "good", note)


def _recent(f: Figures) -> Iterator[Fact]:
    if f.recent_errors is None or not f.recent_s:
        return
    span = f"in the last {f.recent_s} s" if f.recent_s < 120 else f"in the last {f.recent_s // 60} min"
    yield Fact("Requests without an answer", f"{f.recent_errors} {span}", "uncertain" if f.recent_errors else "good")


def refusals(f: Figures) -> list[Fact]:
    """Exceptions by code, in words."""
    found = sorted((int(code, 16), count) for code, count in f.exceptions.items() if _is_hex(code))
    facts = [Fact(meaning(code)[0].upper() + meaning(code)[1:], f"{n:,}", note=what_to_try(code)) for code, n in found]
    facts += [
        Fact(f"Table {table}", "not there", "uncertain", "The device has no such table.") for table in f.unsupported
    ]
    for table, address, count in f.holes:
        facts.append(Fact(_span(table, address, count), "not given", "uncertain", "It is left out of the requests."))
    if f.learned_max_registers is not None:
        facts.append(Fact("Most registers it gives at once", str(f.learned_max_registers), note="Found by trying."))
    return facts


def _is_hex(code: str) -> bool:
    return bool(code) and all(c in "0123456789abcdefABCDEF" for c in code)


def _span(table: str, address: int, count: int) -> str:
    return f"{table} {address}" if count == 1 else f"{table} {address} to {address + count - 1}"


def scans(f: Figures) -> list[Fact]:
    """Each scan group: what was asked for, what is achieved."""
    found = []
    for group in f.groups:
        requests = "" if group.reads is None else f", {group.reads} request{'' if group.reads == 1 else 's'}"
        achieved = "not known yet" if group.achieved_ms is None else f"achieved {period(group.achieved_ms)}"
        note = "The device or its line is slower than the tags ask for." if group.is_slow else ""
        quality = "uncertain" if group.is_slow else "good"
        found.append(Fact(f"Every {duration(group.scan_ms)}{requests}", achieved, quality, note))
    return found


# -- link


@dataclass(frozen=True, slots=True)
class SharedLink:
    """`devices`: those on the same link that the person may diagnose; `others`: how many more there are."""

    name: str
    quality: str
    word: str
    sentence: str
    since: datetime | None
    devices: list[DeviceEntry]
    others: int
    facts: list[Fact]


def shared_link(scope: Scope, line: UnitLine, links: Links) -> SharedLink:
    device, link = line.device, line.link
    beside = [d for d in scope.layout.snapshot.devices.values() if d.link == device.link and d.id != device.id]
    seen = sorted((d for d in beside if scope.may(Action.DIAGNOSE, d.area_id)), key=lambda d: d.name.lower())
    heard = None if links is None else links.get(device.link)
    detail = {} if heard is None or link.since is None else heard.state.detail
    facts = [
        Fact(title, f"{detail[name]:,}")
        for name, title in (("reconnects", "Connections made anew"), ("stray_replies", "Replies nobody asked for"))
        if isinstance(detail.get(name), int)
    ]
    if isinstance(detail.get("load_pct"), int | float):
        facts.insert(0, Fact("Busy", f"{detail['load_pct']:.0f} % of the time"))
    others = len(beside) - len(seen)
    # Of a connected link it names the units that are silent; those of foreign areas are nobody's business here.
    sentence = "" if others and link.quality == "good" else link.sentence
    return SharedLink(device.endpoint, link.quality, link.word, sentence, link.since, seen, others, facts)


# -- settings


def settings_of(device: DeviceEntry) -> list[Fact]:
    """How it is asked: what was configured; what is not usual has a note that says why one would."""
    quirks, usual = device.quirks, Quirks()
    facts = [
        Fact("Driver", f"{device.driver}, {device.line}" if device.line else device.driver),
        Fact("Line" if is_serial(device.driver) else "Address", device.endpoint),
        Fact("Unit id", str(device.unit)),
        Fact("Time-out", f"{device.timeout_ms} ms"),
        Fact("Largest read", f"{device.max_registers} registers"),
        Fact("Largest gap", f"{device.max_gap} registers"),
    ]
    if quirks.delay_ms != usual.delay_ms:
        facts.append(Fact("Pause between requests", f"{quirks.delay_ms} ms", note="It misses what follows too soon."))
    if quirks.registers_by != usual.registers_by:
        facts.append(Fact("Function code", quirks.registers_by.label, note="It knows only one way to read registers."))
    if quirks.any_unit:
        facts.append(Fact("Unit id in replies", "any", note="It answers with another one than it was asked with."))
    if quirks.idle_close_s:
        facts.append(Fact("Closes when idle", f"after {quirks.idle_close_s} s", note="That is no fault."))
    if quirks.connect_per_scan:
        facts.append(Fact("Connection", "one for each scan", note="To leave the device to others in between."))
    return facts


# -- the registers that are asked for


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses that belong to tags within one request; `x` and `width` in registers from its first."""

    x: int
    width: int


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request as it will be sent."""

    scan_ms: int
    function: int
    table: Table
    address: int
    end: int
    count: int
    first_reference: str
    last_reference: str
    spans: list[Span]
    tags: int

    @property
    def unused(self) -> int:
        """Registers that are read only to save a request."""
        return self.count - sum(span.width for span in self.spans)


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """`left_out`: reads beyond those shown. `unreadable`: tags that no request reads: their address is wrong, or the
    device refuses it."""

    reads: list[PlannedRead]
    left_out: int
    unreadable: list[TagEntry]


def register_map(scope: Scope, device: DeviceEntry, f: Figures) -> RegisterMap:
    """The requests that read the device's tags, by the same plan as the poller's and what it has learned."""
    holes = [Hole(Table(t), a, n) for t, a, n in f.holes if t in Table.__members__.values()]
    most = min(device.max_registers, f.learned_max_registers or device.max_registers)
    groups: dict[int, list[TagEntry]] = {}
    for tag in scope.layout.tags_of_device.get(device.id, []):
        if tag.point is not None and tag.enabled:
            groups.setdefault(tag.scan_ms, []).append(tag)
    reads: list[PlannedRead] = []
    unreadable: list[TagEntry] = []
    for scan_ms, tags in sorted(groups.items()):
        points = [t.point for t in tags if t.point is not None and t.point.table not in f.unsupported]
        made = plan(points, most, device.max_gap, holes)
        reads += [_planned(scan_ms, read, device.quirks) for read in made.reads]
        read_ids = {point.tag for read in made.reads for point in read.points}
        unreadable += [t for t in tags if t.id not in read_ids and scope.may(Action.VIEW, t.area_id)]
    return RegisterMap(reads[:READS_SHOWN], max(0, len(reads) - READS_SHOWN), unreadable)


def _planned(scan_ms: int, read: Read, quirks: Quirks) -> PlannedRead:
    function = read.table.function_code
    if not read.table.is_bits:
        function = _FUNCTION.get(quirks.registers_by, function)
    end = read.address + read.count - 1
    return PlannedRead(
        scan_ms, function, read.table, read.address, end, read.count, reference(read.table, read.address),
        reference(read.table, end), _spans(read), len(read.points),
    )  # fmt: skip


def _spans(read: Read) -> list[Span]:
    """Joined where they touch or overlap."""
    spans: list[tuple[int, int]] = []
    taken = [(p.address, p.end) for p in read.points]
    taken += [(p.scale_address, p.scale_address + 1) for p in read.points if p.scale_address is not None]
    for start, end in sorted(taken):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return [Span(start - read.address, end - start) for start, end in spans]


# -- its tags


@dataclass(frozen=True, slots=True)
class TagRow:
    reading: Reading
    area: AreaEntry
    table: str
    address: int
    form: str


@dataclass(frozen=True, slots=True)
class DeviceTags:
    """A page of the tags that the person sees, in the order of their addresses; `hidden`: tags of foreign areas."""

    rows: list[TagRow]
    page: Page[TagEntry]
    hidden: int


def device_tags(scope: Scope, device: DeviceEntry, asked_page: str) -> DeviceTags:
    tags = scope.layout.tags_of_device.get(device.id, [])
    seen = [t for t in tags if t.point is not None and scope.may(Action.VIEW, t.area_id)]
    page = Paginator(seen, TAGS_SHOWN).get_page(asked_page)
    rows = _rows(readings(page.object_list), scope.layout.snapshot.areas)
    return DeviceTags(rows, page, len(tags) - len(seen))


def _rows(found: Sequence[Reading], areas: Mapping[int, AreaEntry]) -> list[TagRow]:
    return [
        TagRow(r, areas[r.tag.area_id], r.tag.point.table.label, r.tag.point.address, r.tag.data_type.label)
        for r in found
        if r.tag.point is not None
    ]
