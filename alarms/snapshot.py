"""All alarms of one configuration revision, immutable. Whoever holds one asks `plant.revisions.current()`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from alarms.causes import beyond
from alarms.definition import CAUSE_ACTIVE, SELF, Condition, Definition, Suppression, causes_of
from alarms.kinds import Kind, Priority, Severity
from alarms.logic import Rules
from alarms.models import LONGEST_SHELVING_MIN, Alarm, AlarmClass, AlarmInput
from alarms.muting import ShelveLimits
from alarms.system.conditions import UNITS
from devices.snapshot import Snapshot, TagEntry
from plant import revisions


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Which alarms suppress which, of one revision: alarm -> its causes, and what follows from it. `entries`: all."""

    entries: dict[int, "AlarmEntry"] = field(default_factory=dict)
    causes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    consequences: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def above(self, alarms: Iterable[int]) -> set[int]:
        return beyond(alarms, self.causes)

    def below(self, alarms: Iterable[int]) -> set[int]:
        return beyond(alarms, self.consequences)

    def settle(self, entries: Mapping[int, "AlarmEntry"]) -> None:
        """Once all of them are known."""
        self.entries.update(entries)
        self.causes.update(causes_of(_evaluated(entries)))
        found = defaultdict(list)
        for alarm, causes in self.causes.items():
            for cause in causes:
                found[cause].append(alarm)
        self.consequences.update((cause, tuple(alarms)) for cause, alarms in found.items())


@dataclass(frozen=True, slots=True)
class AlarmEntry:
    """One alarm with everything that people read of it. `area_id` None: of Isthmus itself."""

    id: int
    uuid: str
    path: str
    name: str
    message: str
    kind: Kind
    tag: TagEntry | None
    area_id: int | None
    area_path: str
    enabled: bool
    definition: Definition
    setpoint: float | None
    unit: str
    priority: Priority
    class_name: str
    class_title: str
    ack_comment: bool
    shelve: ShelveLimits
    realarm_ms: int
    realarm_limit: int
    severity: Severity
    time_to_respond_min: float
    cause: str
    consequence: str
    operator_action: str
    basis: str
    related_trip: str
    owner: str
    approved_by: str
    approved_on: date | None
    review_on: date | None
    family: Family = field(default_factory=Family, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AlarmSnapshot:
    revision: int
    alarms: dict[int, AlarmEntry]
    by_path: dict[str, AlarmEntry]
    """Keyed by the lower-case path."""
    by_uuid: dict[str, AlarmEntry]
    of_tag: dict[int, list[AlarmEntry]]
    """Tag id -> its own alarms."""

    @property
    def definitions(self) -> dict[int, Definition]:
        """Of the alarms that are to be evaluated."""
        return _evaluated(self.alarms)


def _evaluated(alarms: Mapping[int, AlarmEntry]) -> dict[int, Definition]:
    return {a.id: a.definition for a in alarms.values() if a.enabled and a.kind is not Kind.SYSTEM}


def load(plant: Snapshot) -> AlarmSnapshot:
    """Read all alarms beside the plant they belong to. `revision`: what was current before the reading began."""
    revision = revisions.current()
    classes = {c.pk: c for c in AlarmClass.objects.all()}
    inputs = defaultdict(list)
    for alarm_id, name, source in AlarmInput.objects.values_list("alarm_id", "name", "source_id"):
        inputs[alarm_id].append((name, source))
    parents = defaultdict(list)
    for child, parent in Alarm.suppressed_by.through.objects.values_list("from_alarm_id", "to_alarm_id"):
        parents[child].append(parent)
    found, family = {}, Family()
    for row in Alarm.objects.all():
        tag = plant.tags.get(row.tag_id) if row.tag_id else None
        if row.tag_id is None or tag is not None:
            entry = _entry(row, tag, classes[row.alarm_class_id], tuple(inputs[row.pk]), tuple(parents[row.pk]), plant)
            found[row.pk] = replace(entry, family=family)
    family.settle(found)
    of_tag = defaultdict(list)
    for entry in found.values():
        if entry.tag is not None:
            of_tag[entry.tag.id].append(entry)
    by_path = {entry.path.lower(): entry for entry in found.values()}
    return AlarmSnapshot(revision, found, by_path, {entry.uuid: entry for entry in found.values()}, dict(of_tag))


def _entry(
    row: Alarm, tag: TagEntry | None, group: AlarmClass, inputs: tuple[tuple[str, int], ...], parents: tuple[int, ...],
    plant: Snapshot,
) -> AlarmEntry:  # fmt: skip
    limit = min(x for x in (row.max_shelve_min, group.max_shelve_min, LONGEST_SHELVING_MIN) if x is not None)
    return AlarmEntry(
        id=row.pk,
        uuid=str(row.uuid),
        path=f"{tag.path}:{row.name}" if tag else f"isthmus:{row.name}",
        name=row.name,
        message=row.message,
        kind=Kind(row.kind),
        tag=tag,
        area_id=tag.area_id if tag else None,
        area_path=plant.areas[tag.area_id].path if tag else "",
        enabled=row.enabled and (tag is None or tag.enabled),
        definition=_definition(row, inputs, parents),
        setpoint=row.setpoint,
        unit=tag.unit if tag else UNITS.get(row.name, ""),
        priority=Priority(row.priority),
        class_name=group.name,
        class_title=str(group),
        ack_comment=group.ack_comment,
        shelve=ShelveLimits(row.shelvable and group.shelvable, limit),
        realarm_ms=row.realarm_min * 60_000,
        realarm_limit=row.realarm_limit,
        severity=Severity(row.severity),
        time_to_respond_min=row.time_to_respond_min,
        cause=row.cause,
        consequence=row.consequence,
        operator_action=row.operator_action,
        basis=row.basis,
        related_trip=row.related_trip,
        owner=row.owner,
        approved_by=row.approved_by,
        approved_on=row.approved_on,
        review_on=row.review_on,
    )


def _definition(row: Alarm, inputs: tuple[tuple[str, int], ...], parents: tuple[int, ...]) -> Definition:
    named = (*inputs, (SELF, row.tag_id)) if row.tag_id is not None else inputs
    condition = Condition(
        kind=Kind(row.kind),
        tag=row.tag_id,
        setpoint=row.setpoint or 0.0,
        deadband=row.deadband,
        reference=row.reference_id,
        target=row.target or 0.0,
        window_ms=round(row.window_s * 1000),
        states=tuple(row.states),
        expression=row.expression,
        inputs=named if row.expression else (),
    )
    suppression = None
    if row.suppress_when or parents:
        rule = row.suppress_when or CAUSE_ACTIVE
        suppression = Suppression(rule, row.suppress_when, named if row.suppress_when else (), parents)
    return Definition(
        id=row.pk,
        condition=condition,
        on_delay_ms=round(row.on_delay_s * 1000),
        off_delay_ms=round(row.off_delay_s * 1000),
        rules=Rules(row.latching, row.ack_required, row.ack_on_return, row.relatch_silently),
        suppression=suppression,
        first_out=row.first_out,
    )
