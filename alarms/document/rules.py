"""Rules about several rows of the section `alarms` at once, and about alarms beside the tags as they will be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from alarms.kinds import Kind
from alarms.rules.neighbours import rule_sources
from alarms.rules.rationalisation import production_problem
from alarms.rules.relations import Placed, loop_sentence, order_problems, suppression_loops
from devices.derived_rules import source_problem
from devices.document_places import TAG_SECTIONS, planned_tag
from plant.document.plan import Plan, Planned, World

if TYPE_CHECKING:
    from alarms.document.alarms import AlarmSection


def check_alarms(section: "AlarmSection", world: World, plan: Plan) -> None:
    for planned in world.kept:
        _check_kept(section, planned, plan)
    rows = {id(planned): planned for planned in world.all if planned.target.kind in list(Kind)}
    placed = [_placed(section, planned, plan) for planned in rows.values()]
    for key, text in order_problems(placed).items():
        _report(section, rows, key, "setpoint", text, plan)
    for loop in suppression_loops(placed):
        listed = [i for i, row in enumerate(loop) if _is_listed(rows, row)]
        start = listed[0] if listed else 0
        text = loop_sentence([*loop[start:], *loop[:start]])
        field = "suppressed_by" if loop[start].causes else "suppress_when"
        _report(section, rows, loop[start].key, field, text, plan)
    for planned in rows.values():
        if plan.plant.production_mode and (problem := production_problem(planned.target)):
            plan.report_object(planned, section.name, "enabled", problem)
        for source in section.sources(planned, plan).values() if planned.row is not None else ():
            if problem := source_problem(source.target.data_type, source.key):
                plan.report_object(planned, section.name, "inputs", problem)
    _check_removals(section, world, plan)


def _report(
    section: "AlarmSection", rows: Mapping[int, Planned], key: object, field: str, text: str, plan: Plan
) -> None:
    assert isinstance(key, int)
    plan.report_object(rows[key], section.name, field, text)


def _is_listed(rows: Mapping[int, Planned], placed: Placed) -> bool:
    assert isinstance(placed.key, int)
    return rows[placed.key].row is not None


def _placed(section: "AlarmSection", planned: Planned, plan: Plan) -> Placed:
    alarm = planned.target
    sources = section.sources(planned, plan)
    looks_at = rule_sources(alarm.suppress_when, [(name, id(source)) for name, source in sources.items()])
    tag = planned_tag(alarm.tag_id, plan) if planned.row is None else _tag_of(planned, plan)
    return Placed(
        id(planned), planned.key, id(tag) if tag is not None else None, Kind(alarm.kind), alarm.setpoint, alarm.enabled,
        tuple(id(cause) for cause in section.causes(planned, plan)), frozenset(looks_at),
    )  # fmt: skip


def _tag_of(planned: Planned, plan: Plan) -> Planned | None:
    path = planned.key.rpartition(":")[0]
    return next((found for name in TAG_SECTIONS if (found := plan.worlds[name].find(path))), None)


def _check_kept(section: "AlarmSection", planned: Planned, plan: Plan) -> None:
    """An alarm that the document does not name must still fit its tags, which may be rows of the document."""
    alarm = planned.target
    tags = [planned_tag(pk, plan) for pk in (alarm.tag_id, alarm.reference_id)]
    sources = section.sources(planned, plan).values()
    if not any(tag is not None and tag.changes for tag in (*tags, *sources)):
        return
    if tags[0] is not None:
        alarm.tag = tags[0].target
    if tags[1] is not None:
        alarm.reference = tags[1].target
    try:
        alarm.clean_values()
    except ValidationError as error:
        for text in error.messages:
            plan.report_object(planned, section.name, "", f"It would no longer fit its tag. {text}")
    for source in sources:
        if problem := source_problem(source.target.data_type, source.key):
            plan.report_object(planned, section.name, "", problem)


def _check_removals(section: "AlarmSection", world: World, plan: Plan) -> None:
    """A tag that stays in use by an alarm, or an alarm that suppresses another, cannot go while that stays."""
    tags = {obj.pk: (name, key) for name in TAG_SECTIONS for key, obj in plan.worlds[name].removed}
    alarms = {obj.pk: (section.name, key) for key, obj in world.removed}
    users: dict[tuple[str, str], list[str]] = {}
    for planned in world.kept if tags or alarms else ():
        alarm = planned.target
        used = [tags[row.source_id] for row in alarm.inputs.all() if row.source_id in tags]
        used += [alarms[row.pk] for row in alarm.suppressed_by.all() if row.pk in alarms]
        for what in dict.fromkeys(used):
            users.setdefault(what, []).append(f"alarm {planned.key}")
    for (name, key), found in users.items():
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        text = f"It cannot be removed: {', '.join(found[:3])}{more} still use{'s' if len(found) == 1 else ''} it."
        plan.report(None, name, text, key)
