"""What people say when they act on alarms: for how long, until when, why. Only parsed; the action judges it."""

import math
from datetime import date
from typing import Final

MINUTES: Final = ((15, "15 min"), (30, "30 min"), (60, "1 h"), (120, "2 h"), (240, "4 h"), (480, "8 h"))


def minutes_of(text: str) -> float:
    """NaN for what is no number: the action refuses it in its own words."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def date_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def items_of(texts: list[str]) -> list[tuple[str, int]]:
    """(uuid, occurrence) of "uuid:occurrence"; several may stand in one text, with commas between. What is none of
    that is left out: nobody saw it on a page of ours."""
    found: dict[str, int] = {}
    for text in ",".join(texts).split(","):
        uuid, _, occurrence = text.strip().partition(":")
        if uuid and occurrence.isascii() and occurrence.isdigit() and len(occurrence) < 19:
            found[uuid] = int(occurrence)
    return list(found.items())
