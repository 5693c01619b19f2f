"""The section `alarm_classes` of the plant document."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from alarms.models import AlarmClass
from plant.document import fields
from plant.document.fields import Field
from plant.document.plan import Plan, Row
from plant.document.rows import RowSection


class AlarmClassSection(RowSection):
    """Classes are the site's. A document carries those that alarms of its plant have."""

    name = "alarm_classes"
    order = 40
    model = AlarmClass
    noun = "alarm class"
    key_field = "name"
    is_shared = True
    fields: ClassVar = (
        Field("name", fields.text, is_required=True),
        Field("title", fields.text, ""),
        Field("shelvable", fields.yes_or_no, True),
        Field("max_shelve_min", fields.whole, 480),
        Field("ack_comment", fields.yes_or_no, False),
    )
    references: ClassVar = frozenset()

    def existing(self, plan: Plan) -> Iterable[Any]:  # noqa: ARG002 (classes are those of the site)
        return AlarmClass.objects.all()

    def place(self, target: Any, row: Row, plan: Plan) -> None:
        """A class refers to nothing."""

    def serialise(self, plan: Plan) -> Sequence[dict[str, Any]]:
        used = {planned.target.alarm_class.uuid for planned in plan.worlds["alarms"].all}
        return [row for row in super().serialise(plan) if row["uuid"] in used]
