"""What the system page says of history: whether it is written, what it takes, when its disk is full."""

from collections.abc import Mapping
from typing import Any, Final

from hmi.screens.system_facts import Fact, size

BEHIND_MS: Final = 15_000
SHORT_DAYS: Final = 30


def history_facts(detail: Mapping[str, Any] | None) -> list[Fact]:
    """`detail`: what the historian says (historian/recorder.py: figures); None: it is not heard."""
    if detail is None:
        return [Fact("Recording", "unknown", "bad", "The historian is silent. Samples wait in Redis for 15 minutes.")]
    facts = [_recording(detail), Fact("Tags", f"{detail.get('tags', 0):,} recorded")]
    if "used_bytes" in detail:
        facts += [_room(detail), _growth(detail)]
    if detail.get("missed_ms"):
        seconds = int(detail["missed_ms"]) // 1000
        note = "Samples of that time were gone before they could be recorded; trends show a gap."
        facts.append(Fact("Missed", f"{seconds:,} s since its start", "uncertain", note))
    return facts


def _recording(detail: Mapping[str, Any]) -> Fact:
    waiting, spooled = int(detail.get("waiting", 0)), int(detail.get("spooled_bytes", 0))
    held = f"{waiting:,} samples wait" + (f", {size(spooled)} on the disk" if spooled else "")
    if detail.get("why_away"):
        return Fact("Recording", held, "bad", str(detail["why_away"]))
    behind_ms = int(detail.get("behind_ms", 0))
    if behind_ms > BEHIND_MS:
        return Fact("Recording", f"{behind_ms // 1000} s behind", "uncertain", f"{held}; it catches up in order.")
    return Fact("Recording", f"{detail.get('rows', 0):,} samples since its start")


def _room(detail: Mapping[str, Any]) -> Fact:
    free = detail.get("free_bytes")
    text = f"{size(detail['used_bytes'])} used"
    return Fact("Room", text if free is None else f"{text}, {size(free)} free")


def _growth(detail: Mapping[str, Any]) -> Fact:
    """By what was seen since the historian started: what expires meanwhile is in it."""
    growth, free = detail.get("growth_bytes_per_day"), detail.get("free_bytes")
    if growth is None:
        return Fact("Growth", "known after an hour")
    if growth <= 0:
        return Fact("Growth", "none: as much goes as comes")
    text = f"{size(growth)} a day"
    if free is None:
        return Fact("Growth", text)
    days = int(free // growth)
    if days >= 3650:
        return Fact("Growth", f"{text}; room for more than ten years")
    note = "Shorten how long history is kept, or make room on its disk." if days < SHORT_DAYS else ""
    return Fact("Growth", f"{text}; full in {days:,} days", "uncertain" if note else "good", note)
