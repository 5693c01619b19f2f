"""What the key figures should be (standards.md 1.5), and the verdict on each in words. Pure.

Defaults are those of ISA-18.2 and EEMUA 191 as the field quotes them; a site may set its own (AlarmTarget).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import Final

from alarms.kinds import Priority
from alarms.kpi.figures import Figures


class Level(StrEnum):
    """How a figure compares. The words stand beside it wherever it is shown."""

    GOOD = "good"
    MANAGEABLE = "manageable"
    OVER = "over"
    OPEN = "open"
    """Nothing to compare, or nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Target:
    """`goal`: very likely acceptable up to it; `manageable`: at most that much. None: the standards give none.

    `at_least`: it should be that much or more.
    """

    figure: str
    title: str
    unit: str
    goal: float | None
    manageable: float | None = None
    how: str = ""
    decimals: int = 0
    at_least: bool = False


_CALLS: Final = "Every time an alarm called for the operator; returns and acknowledgements do not count."

TARGETS: Final[dict[str, Target]] = {
    t.figure: t
    for t in (
        Target("per_day", "Alarms per day", "", 150, 300, _CALLS, 1),
        Target("per_hour", "Alarms per hour", "", 6, 12, "The average of the period.", 2),
        Target("per_10min", "Alarms per 10 min", "", 1, 2, "The average; ten minutes without an alarm count too.", 2),
        Target("hours_over", "Hours with more than 30 alarms", "%", 1, None, "Of all hours of the plant's clock.", 2),
        Target(
            "buckets_over", "Ten minutes with more than 10 alarms", "%", 1, None,
            "Of all periods of ten minutes: 14:00, 14:10 and so on.", 2,
        ),
        Target("max_10min", "Most alarms in any 10 min", "", 10, None, "Wherever the ten minutes begin."),
        Target(
            "flood", "Time in flood", "%", 1, None,
            "A flood begins with more than 10 alarms in ten minutes and ends with fewer than 5.", 2,
        ),
        Target("upset", "Alarms in the first 10 min of an upset", "", 10, None, "The worst of the floods. EEMUA 191."),
        Target("top", "Share of the ten most frequent alarms", "%", 1, 5, "Of all alarms.", 1),
        Target(
            "chattering", "Chattering alarms", "", 0, None,
            "Alarms that came three times or more within 60 s, by the time in the plant.",
        ),
        Target(
            "fleeting", "Fleeting alarms", "", 0, None,
            "Times an alarm was active for less than 10 s and nobody did anything to it meanwhile.",
        ),
        Target(
            "stale", "Stale alarms, on the worst day", "", 4, None,
            "Alarms that stood in the list for longer than 24 h; time in which they were muted does not count.",
        ),
        Target("high", "Priority high", "%", 5, None, "Of the alarms of priority high, medium and low.", 1),
        Target("medium", "Priority medium", "%", 15, None, "Of the alarms of priority high, medium and low.", 1),
        Target(
            "low", "Priority low", "%", 80, None, "Of the alarms of priority high, medium and low.", 1, at_least=True
        ),
        Target(
            "irregular", "Unauthorised muting or change", "", 0, None,
            "Journal entries of shelving and out of service without a person or a reason, of suppression by design "
            "that names a person, of a changed definition without a revision. What was done past Isthmus, in the "
            "database, leaves no entry.",
        ),
        Target("ack_p50", "Time to acknowledge, median", "s", None, None, "From the call to the acknowledgement."),
        Target("ack_p95", "Time to acknowledge, 95 %", "s", None, None, "95 of 100 came within it."),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure with what it should be. `value` None: there is nothing to compute it from."""

    target: Target
    value: float | None
    level: Level
    verdict: str


def values_of(figures: Figures) -> dict[str, float | None]:
    counts = figures.priorities
    judged = sum(counts.get(p, 0) for p in (Priority.HIGH, Priority.MEDIUM, Priority.LOW))
    split = {
        p.name.lower(): counts.get(p, 0) * 100 / judged if judged else None
        for p in (Priority.HIGH, Priority.MEDIUM, Priority.LOW)
    }
    return {
        "per_day": figures.per_day, "per_hour": figures.per_hour, "per_10min": figures.per_10min,
        "hours_over": figures.hours_over_pct, "buckets_over": figures.buckets_over_pct, "max_10min": figures.max_10min,
        "flood": figures.flood_pct, "upset": figures.upset_most, "top": figures.top_pct,
        "chattering": len(figures.chattering), "fleeting": sum(figures.fleeting.values()), "stale": figures.stale_most,
        **split, "irregular": figures.irregular, "ack_p50": figures.ack_after_s(50), "ack_p95": figures.ack_after_s(95),
    }  # fmt: skip


def judge(figures: Figures, own: Mapping[str, tuple[float | None, float | None]] | None = None) -> Iterator[Judged]:
    """Every figure, in the order of the table. `own`: figure -> (goal, manageable) where the site has its own."""
    values = values_of(figures)
    for name, usual in TARGETS.items():
        goal, manageable = (own or {}).get(name, (usual.goal, usual.manageable))
        target = replace(usual, goal=goal, manageable=manageable)
        level = level_of(target, values[name])
        yield Judged(target, values[name], level, VERDICTS[level] if values[name] is not None else "nothing to compare")


def level_of(target: Target, value: float | None) -> Level:
    if value is None or target.goal is None:
        return Level.OPEN
    sign = -1 if target.at_least else 1
    if sign * value <= sign * target.goal:
        return Level.GOOD
    if target.manageable is not None and sign * value <= sign * target.manageable:
        return Level.MANAGEABLE
    return Level.OVER


VERDICTS: Final = {
    Level.GOOD: "meets the target",
    Level.MANAGEABLE: "above the target, but manageable",
    Level.OVER: "misses the target",
    Level.OPEN: "no target is set",
}


def target_problems(figure: str, goal: float | None, manageable: float | None) -> dict[str, str]:
    """Field -> what is wrong with a target that a site sets."""
    target = TARGETS.get(figure)
    found = {}
    for name, value in (("goal", goal), ("manageable", manageable)):
        if value is None:
            continue
        if not 0 <= value < inf:
            found[name] = "This must be a number that is not negative."
        elif target is not None and target.unit == "%" and value > 100:
            found[name] = "This is a share: 0 to 100 %."
    if not found and manageable is not None:
        if goal is None:
            found["goal"] = "What is manageable needs a target beside it."
        elif target is not None and (manageable > goal if target.at_least else manageable < goal):
            side = "more" if target.at_least else "less"
            found["manageable"] = f"This must not ask {side} than the target {goal:g}."
    return found
