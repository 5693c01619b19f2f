"""Alarms beside a tag that changes: those that would not fit it any more (devices/dependants.py asks)."""

from collections.abc import Iterator

from django.db.models import Q

from alarms.kinds import Kind
from alarms.models import Alarm
from alarms.rules.validation import alarm_problems
from devices.dependants import Dependant
from devices.derived_rules import source_problem
from devices.models import Tag


def dependants_of(before: Tag, after: Tag) -> Iterator[Dependant]:
    """Every alarm that looks at the tag. What was wrong with it already is not the doing of this change."""
    used = Q(tag=before.pk) | Q(reference=before.pk) | Q(inputs__source=before.pk)
    rows = Alarm.objects.filter(used).distinct().select_related("tag", "reference", "alarm_class")
    for alarm in rows.prefetch_related("inputs").order_by("pk"):
        path = alarm.path
        known = _problems(alarm, before)
        new = [text for text in _problems(alarm, after) if text not in known]
        area_id, has_limits = alarm.area_id, alarm.tag_id == before.pk and Kind(alarm.kind).has_setpoint
        yield Dependant("alarm", path, area_id, " ".join(new), has_limits)


def _problems(alarm: Alarm, tag: Tag) -> list[str]:
    if alarm.tag_id == tag.pk:
        alarm.tag = tag
    if alarm.reference_id == tag.pk:
        alarm.reference = tag
    found = list(alarm_problems(alarm).values())
    is_input = any(row.source_id == tag.pk for row in alarm.inputs.all())
    if is_input and (problem := source_problem(tag.data_type, tag.path)):
        found.append(problem)
    return list(dict.fromkeys(found))
