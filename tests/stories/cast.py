"""The alarms of a story, read from its words."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alarms.definition import Condition, Definition, Suppression
from alarms.kinds import Kind
from alarms.logic import Rules, State
from alarms.muting import Muting, ShelveLimits
from devices.expressions import FUNCTIONS
from tests.stories.telling import ms

LEVELS = {
    "high": Kind.HI, "high-high": Kind.HIHI, "low": Kind.LO, "low-low": Kind.LOLO, "deviation": Kind.DEVIATION,
    "rate": Kind.RATE,
}  # fmt: skip
RULES = {
    "latching": {"latching": True}, "no ack": {"ack_required": False}, "return acks": {"ack_on_return": True},
    "relatches silently": {"relatch_silently": True},
}  # fmt: skip
DELAYS = {"on-delay": "on_delay_ms", "off-delay": "off_delay_ms"}
OWN: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("first-out ", "first_out", str), ("again after ", "realarm_ms", ms), ("at most ", "realarm_limit", int),
)  # fmt: skip


@dataclass
class Part:
    """An alarm, and how it stands."""

    name: str
    definition: Definition
    limits: ShelveLimits
    realarm_ms: int = 0
    realarm_limit: int = 3
    state: State = field(default_factory=State)
    muting: Muting = field(default_factory=Muting)
    realarm_at_ms: int | None = None
    is_first: bool = False
    calls: int = 0
    journal: list[Any] = field(default_factory=list)

    @property
    def is_about_values(self) -> bool:
        """Not about their quality."""
        return self.definition.condition.kind not in (Kind.BAD_QUALITY, Kind.COMM)


def parts(texts: dict[str, str], tags: dict[str, int]) -> dict[str, Part]:
    """`tags`: name -> id, filled with those the texts speak of."""
    ids = {name: number for number, name in enumerate(texts, start=1)}
    return {name: _part(name, text, ids, tags) for name, text in texts.items()}


def _part(name: str, text: str, ids: dict[str, int], tags: dict[str, int]) -> Part:
    what, *rest = [item.strip() for item in text.split(",")]
    condition, delays = _condition(what, tags), dict[str, int]()
    rules, own, shelve = dict[str, bool](), dict[str, Any](), {"allowed": True, "max_minutes": 480}
    parents: list[int] = []
    when: tuple[str, tuple[tuple[str, int], ...]] = ("", ())
    for item in rest:
        word, _, value = item.partition(" ")
        if item in RULES:
            rules |= RULES[item]
        elif word in DELAYS:
            delays[DELAYS[word]] = ms(value)
        elif word in ("deadband", "window", "from"):
            condition |= _detail(word, value, tags)
        elif item.startswith("suppressed by "):
            parents.append(ids[item.split()[-1]])
        elif item.startswith("suppressed when "):
            when = _expression(item.removeprefix("suppressed when "), tags)
        elif word in ("not", "shelve"):
            shelve |= {"allowed": False} if word == "not" else {"max_minutes": ms(value[len("at most ") :]) // 60_000}
        else:
            own |= _own(item)
    suppression = Suppression(when[0] or "a cause is active", *when, tuple(parents)) if parents or when[0] else None
    first_out = own.pop("first_out", "")
    definition = Definition(
        ids[name], Condition(**condition), rules=Rules(**rules), suppression=suppression, first_out=first_out, **delays
    )
    return Part(name, definition, ShelveLimits(bool(shelve["allowed"]), shelve["max_minutes"]), **own)


def _own(item: str) -> dict[str, Any]:
    for words, field_name, read in OWN:
        if item.startswith(words):
            return {field_name: read(item.removeprefix(words))}
    raise ValueError(f"'{item}' is unknown")


def _condition(what: str, tags: dict[str, int]) -> dict[str, Any]:
    what, _, of = what.partition(" of ")
    if what.startswith("when "):
        text, inputs = _expression(what.removeprefix("when "), tags)
        return {"kind": Kind.EXPRESSION, "tag": inputs[0][1], "expression": text, "inputs": inputs}
    tag = tags.setdefault(of.strip() or "value", len(tags) + 1)
    word, *numbers = what.split()
    if word == "state":
        return {"kind": Kind.DISCRETE, "tag": tag, "states": tuple(int(n) for n in numbers)}
    if what in ("bad quality", "comm"):
        return {"kind": Kind.COMM if what == "comm" else Kind.BAD_QUALITY, "tag": tag}
    return {"kind": LEVELS[word], "tag": tag, "setpoint": float(numbers[0])}


def _detail(word: str, value: str, tags: dict[str, int]) -> dict[str, Any]:
    if word == "window":
        return {"window_ms": ms(value)}
    if word == "from" and value[0].isalpha():
        return {"reference": tags.setdefault(value, len(tags) + 1)}
    return {"target" if word == "from" else word: float(value)}


def _expression(text: str, tags: dict[str, int]) -> tuple[str, tuple[tuple[str, int], ...]]:
    names = [n for n in re.findall(r"[A-Za-z]\w*", text) if n not in {*FUNCTIONS, "and", "or", "not", "if", "else"}]
    return text, tuple((n, tags.setdefault(n, len(tags) + 1)) for n in dict.fromkeys(names))
