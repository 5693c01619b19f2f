"""Alarms as processes hold them, and in the database, made by hand for tests."""

from dataclasses import replace
from typing import Any

from alarms.definition import Condition, Definition
from alarms.kinds import Kind, Priority, Severity
from alarms.models import Alarm, AlarmClass
from alarms.muting import ShelveLimits
from alarms.snapshot import AlarmEntry
from devices.models import Tag
from tests.entries import tag_entry


def alarm_entry(number: int = 1, condition: Condition | None = None, **fields: Any) -> AlarmEntry:
    """A high alarm at 10 with a deadband of 1 on tag `number`; `fields` of AlarmEntry or Definition."""
    condition = condition or Condition(Kind.HI, number, 10.0, 1.0)
    own = {name: fields.pop(name) for name in Definition.__dataclass_fields__ if name in fields and name != "id"}
    definition = Definition(number, condition, **own)
    entry = AlarmEntry(
        id=number, uuid=f"00000000-0000-0000-0000-{number:012}", path=f"works/t{number}:hi", name="hi",
        message=f"Level {number} high", kind=condition.kind, tag=tag_entry(), area_id=1, area_path="works",
        enabled=True, definition=definition, setpoint=condition.setpoint, unit="m", priority=Priority.MEDIUM,
        class_name="process", class_title="Process", ack_comment=False, shelve=ShelveLimits(True, 480), realarm_ms=0,
        realarm_limit=3, severity=Severity.MAJOR, time_to_respond_min=10.0, cause="", consequence="",
        operator_action="", basis="", related_trip="", owner="", approved_by="", approved_on=None, review_on=None,
    )  # fmt: skip
    return replace(entry, **fields)


def make_alarm(tag: Tag, name: str = "hi", **fields: Any) -> Alarm:
    """A row: high at 10, deadband 1, class 'process'; `fields` of Alarm."""
    group, _ = AlarmClass.objects.get_or_create(name="process", defaults={"title": "Process"})
    values = {
        "kind": Kind.HI.value, "message": f"{tag.name} high", "setpoint": 10.0, "deadband": 1.0, "alarm_class": group,
        "severity": Severity.MAJOR.value, "time_to_respond_min": 10.0,
    }  # fmt: skip
    alarm = Alarm(tag=tag, name=name, **(values | fields))
    alarm.clean_values()
    alarm.save()
    return alarm
