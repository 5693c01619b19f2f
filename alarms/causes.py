"""Whether anybody sees why an alarm is suppressed (ALM-15). Pure.

A suppression that rests on causes alone is in effect only while some alarm up the chain of its causes is seen. What a
person has shelved or taken out of service is not, nor is what an expression suppresses. What its own causes suppress is
seen through them, or else shows itself: so it is enough to look upwards for one active alarm that neither a person nor
an expression hides.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from alarms.kinds import Mute
from alarms.muting import Muting

Chain = Mapping[int, tuple[int, ...]]
"""Alarm -> its causes, or its consequences; without loops."""
Stands = Callable[[int], tuple[bool, Muting]]
"""Alarm -> whether it is active, and what mutes it."""

NAMED: Final = 3
LONGEST: Final = 300
_WORDS: Final = {
    Mute.OUT_OF_SERVICE: "out of service", Mute.SHELVED: "shelved", Mute.BY_DESIGN: "suppressed by design",
}  # fmt: skip


def beyond(alarms: Iterable[int], chain: Chain) -> set[int]:
    """All that these lead to by the chain; of themselves only those that another leads to."""
    found, to_do = set[int](), list(alarms)
    while to_do:
        new = [pk for pk in chain.get(to_do.pop(), ()) if pk not in found]
        found.update(new)
        to_do += new
    return found


def hides(muting: Muting) -> bool:
    """A person or an expression does: not its causes alone."""
    is_ruled = bool(muting.by_design) and not muting.by_causes
    return muting.shelving is not None or muting.out_of_service or is_ruled


def unseen(alarm: int, causes: Chain, stands: Stands) -> list[int] | None:
    """The active causes of an alarm where none of them, nor any alarm above them, is seen. None: some alarm is."""
    own = [pk for pk in causes.get(alarm, ()) if stands(pk)[0]]
    to_do, known = list(own), set(own)
    while to_do:
        cause = to_do.pop()
        if not hides(stands(cause)[1]):
            return None
        new = [pk for pk in causes.get(cause, ()) if pk not in known and stands(pk)[0]]
        known.update(new)
        to_do += new
    return own


def why_bared(found: Iterable[tuple[str, Muting]]) -> str:
    """The unseen causes in words, by path: `its cause a/b:c is shelved`."""
    said = [(path, _word(muting)) for path, muting in sorted(found, key=lambda item: item[0])]
    if not said:
        return "no cause of it is in the list"
    if len(said) == 1:
        path, word = said[0]
        text = f"its cause {path} is {word}"
        return text if len(text) <= LONGEST else f"its cause {path[: LONGEST - len(text)]} is {word}"
    more = [f"{len(said) - NAMED} more"] if len(said) > NAMED else []
    *first, last = [*(f"{path} ({word})" for path, word in said[:NAMED]), *more]
    return f"none of its causes is in the list: {', '.join(first)} and {last}"[:LONGEST]


def while_active(paths: Iterable[str]) -> str:
    """The rule in words: `while a/b:c is active`."""
    named = sorted(paths)
    more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
    *first, last = [*named[:NAMED], *more]
    return f"while {', '.join(first)} or {last} is active" if first else f"while {last} is active"


def _word(muting: Muting) -> str:
    """What a person did is named first: that can be ended."""
    mutes = [mute for mute, is_so in _applies(muting).items() if is_so]
    return _WORDS[mutes[0]] if mutes else "not in the list"


def _applies(muting: Muting) -> dict[Mute, bool]:
    return {
        Mute.OUT_OF_SERVICE: muting.out_of_service,
        Mute.SHELVED: muting.shelving is not None,
        Mute.BY_DESIGN: bool(muting.by_design),
    }
