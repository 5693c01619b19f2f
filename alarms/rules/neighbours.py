"""One alarm beside the stored ones: limits in order, suppression without loops, fit for a plant in production."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from alarms.kinds import Kind
from alarms.rules.kind_rules import Problems
from alarms.rules.rationalisation import production_problem
from alarms.rules.relations import Placed, loop_sentence, order_problems, suppression_loops
from devices.derived_rules import words_in

if TYPE_CHECKING:
    from alarms.models import Alarm

NEW = "new"
"""Key of an alarm that is not stored yet."""


def neighbour_problems(alarm: "Alarm") -> Problems:
    """What is asked of an alarm among those of its tag and in its plant."""
    if alarm.tag is None:
        return {}
    found: Problems = {}
    if alarm.tag.area.plant.production_mode and (problem := production_problem(alarm)):
        found["enabled"] = problem
    others = [placed(row) for row in alarm.tag.alarms.exclude(pk=alarm.pk)]
    own = placed(alarm)
    for key, text in order_problems([*others, own]).items():
        if key == own.key:
            found["setpoint"] = text
        else:
            other = next(row for row in others if row.key == key)
            found.setdefault("setpoint", text.replace("The ", f"Of the alarm {other.path}: the ", 1))
    return found


def placed(alarm: "Alarm") -> Placed:
    """Without what suppresses it; named as its own tag's alarms are."""
    name = alarm.placed_name
    return Placed(alarm.pk or NEW, name, alarm.tag_id, Kind(alarm.kind), alarm.setpoint, alarm.enabled)


def loop_problem(alarm: "Alarm", causes: Iterable["Alarm"], looks_at: Collection[int]) -> str | None:
    """The loop that the alarm would close with what suppresses it: `causes`, and tags that its rule looks at."""
    own = Placed(
        alarm.pk or NEW, alarm.placed_name, alarm.tag_id, Kind.EXPRESSION,  # whichever: it says nothing about loops
        causes=tuple(cause.pk for cause in causes), looks_at=frozenset(looks_at),
    )  # fmt: skip
    others = [row for row in stored() if row.key != alarm.pk]
    loop = next((loop for loop in suppression_loops([*others, own]) if own in loop), None)
    return loop_sentence(_from(own, loop)) if loop is not None else None


def _from(first: Placed, loop: list[Placed]) -> list[Placed]:
    start = loop.index(first)
    return [*loop[start:], *loop[:start]]


def stored() -> list[Placed]:
    """Every alarm of a tag as it stands, with what suppresses it. Three queries."""
    from alarms.models import Alarm, AlarmInput

    causes, looks_at = defaultdict(list), defaultdict(list)
    for child, cause in Alarm.suppressed_by.through.objects.values_list("from_alarm_id", "to_alarm_id"):
        causes[child].append(cause)
    for row in AlarmInput.objects.exclude(alarm__suppress_when="").values("alarm_id", "source_id", "name"):
        looks_at[row["alarm_id"]].append((row["name"], row["source_id"]))
    rows: Any = Alarm.objects.exclude(tag=None).values_list(
        "pk", "tag_id", "tag__name", "name", "kind", "suppress_when"
    )
    return [
        Placed(
            pk, f"{tag_name}:{name}", tag, Kind(kind), causes=tuple(causes[pk]),
            looks_at=frozenset(rule_sources(rule, looks_at[pk])),
        )
        for pk, tag, tag_name, name, kind, rule in rows
    ]  # fmt: skip


def rule_sources(rule: str, inputs: Iterable[tuple[str, Any]]) -> list[Any]:
    """Of the inputs (name, source) those that stand in the suppression rule; the others belong to the condition."""
    words = words_in(rule) if rule else set()
    return [source for name, source in inputs if name in words]


def unfit_for_production(plant_id: int) -> str | None:
    """Answers plant.production: alarms that are enabled and not rationalised."""
    from alarms.models import Alarm

    rows = Alarm.objects.filter(tag__area__plant=plant_id, enabled=True)
    unfit = [row for row in rows.select_related("tag") if production_problem(row)]
    if not unfit:
        return None
    named = ", ".join(row.placed_name for row in unfit[:5])
    more = f" and {len(unfit) - 5} more" if len(unfit) > 5 else ""
    count = "1 enabled alarm is" if len(unfit) == 1 else f"{len(unfit)} enabled alarms are"
    return f"{count} not rationalised: {named}{more}. Complete their records or switch them off first."
