"""Where the number of a tag comes from: which device and register, which other tags, or whose hand."""

from dataclasses import dataclass
from typing import Final

from accounts.permissions import Action
from bus.quality import Severity, severity
from devices.formula import Formula, Function
from devices.models import Kind
from devices.snapshot import AreaEntry, DeviceEntry, TagEntry
from hmi.screens.by_hand import Entered, entered_of
from hmi.screens.device_health import GroupFigures, UnitLine, unit_line
from hmi.screens.device_links import Links
from hmi.screens.readings import Reading, readings
from hmi.screens.scope import Scope
from hmi.screens.source import Source, source_of

RIGHTS: Final = (
    (Action.VIEW, "see it"),
    (Action.ENTER, "enter it"),
    (Action.SUBSTITUTE, "put another value in its place"),
    (Action.CONFIGURE, "change its configuration"),
)


@dataclass(frozen=True, slots=True)
class FromDevice:
    """`is_open`: the person may open the device's page, and so sees its address."""

    device: DeviceEntry
    unit: UnitLine
    source: Source
    group: GroupFigures | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Input:
    """What a derived tag is computed from. `reading` is None where the person may not see the tag."""

    name: str
    reading: Reading | None
    area: AreaEntry | None = None

    @property
    def is_in_doubt(self) -> bool:
        """The reason, or one of them, why what is computed from it is not good."""
        return self.reading is not None and severity(self.reading.status) is not Severity.GOOD


@dataclass(frozen=True, slots=True)
class Derived:
    formula: Formula
    inputs: list[Input]

    @property
    def doubtful(self) -> list[Input]:
        return [i for i in self.inputs if i.is_in_doubt]

    @property
    def hidden(self) -> int:
        return sum(i.reading is None for i in self.inputs)

    @property
    def meaning(self) -> str:
        """What becomes of the expression's value in time, in words."""
        formula = self.formula
        per = f"{formula.per_s:g} s" if formula.per_s != 1 else "second"
        return {
            Function.VALUE: "its value now",
            Function.RATE: f"its change per {per}, over the last {formula.window_s:g} s",
            Function.AVERAGE: f"its mean over the last {formula.window_s:g} s, weighted by time",
            Function.TOTAL: f"its total over time, the value being an amount per {per}",
        }[formula.function]


@dataclass(frozen=True, slots=True)
class Origin:
    """One of `from_device`, `derived` and `entered` is there. `used_by`: derived tags that the person sees."""

    from_device: FromDevice | None
    derived: Derived | None
    entered: Entered | None
    used_by: list[TagEntry]
    rights: list[str]


def origin_of(scope: Scope, tag: TagEntry, links: Links) -> Origin:
    return Origin(
        from_device=_from_device(scope, tag, links),
        derived=_derived(scope, tag),
        entered=entered_of(scope, tag) if tag.kind == Kind.MANUAL else None,
        used_by=[t for t in scope.layout.used_by.get(tag.id, []) if scope.may(Action.VIEW, t.area_id)],
        rights=[text for action, text in RIGHTS if scope.may(action, tag.area_id) and _applies(action, tag)],
    )


def _applies(action: Action, tag: TagEntry) -> bool:
    return action is not Action.ENTER or tag.kind == Kind.MANUAL


def _from_device(scope: Scope, tag: TagEntry, links: Links) -> FromDevice | None:
    if tag.device_id is None or tag.point is None:
        return None
    device = scope.layout.snapshot.devices[tag.device_id]
    unit = unit_line(device, scope.layout, links, len(scope.layout.tags_of_device.get(device.id, [])))
    group = next((g for g in unit.figures.groups if g.scan_ms == tag.scan_ms), None)
    is_open = scope.may(Action.DIAGNOSE, device.area_id)
    return FromDevice(device, unit, source_of(tag.point), group, is_open)


def _derived(scope: Scope, tag: TagEntry) -> Derived | None:
    if tag.formula is None:
        return None
    tags = {name: scope.layout.snapshot.tags.get(source) for name, source in tag.formula.inputs}
    seen = {name: t for name, t in tags.items() if t is not None and scope.may(Action.VIEW, t.area_id)}
    found = dict(zip(seen, readings(seen.values()), strict=True))
    areas = {name: scope.layout.snapshot.areas[t.area_id] for name, t in seen.items()}
    return Derived(tag.formula, [Input(name, found.get(name), areas.get(name)) for name, _ in tag.formula.inputs])
