"""Which tags a socket asked for, which it gets, and what it is told about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accounts.permissions import AreaSet
from devices.freshness import limit_ms
from devices.readings import is_switched_off
from devices.snapshot import Snapshot, TagEntry
from hmi.presentation import decimals_of, labels_of

NO_SUCH_TAG: Final = "There is no such tag in the areas you may see."
"""Said for an unknown tag and for a forbidden one: the answer must not tell which."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer to a subscription under one revision and one set of rights. `text` is the message that says so."""

    tags: tuple[TagEntry, ...]
    switched_off: frozenset[int]
    text: str
    key: tuple[frozenset[int], frozenset[str], frozenset[int]]
    """What two subscriptions must share to share their frames: tags, groups, what is switched off."""


def resolve(snapshot: Snapshot, areas: AreaSet, paths: Sequence[str]) -> Resolution:
    """Paths without regard to case, doubles once. Unknown and forbidden tags are refused with the same words."""
    tags: dict[int, TagEntry] = {}
    refused: list[dict[str, str]] = []
    for path in dict.fromkeys(paths):
        tag = snapshot.tag(path)
        if tag is None or tag.area_id not in areas:
            refused.append({"path": path, "reason": NO_SUCH_TAG})
        else:
            tags[tag.id] = tag
    text = json.dumps(
        {"type": "subscribed", "tags": [_described(t) for t in tags.values()], "refused": refused},
        separators=(",", ":"),
    )
    off = frozenset(t.id for t in tags.values() if is_switched_off(t, snapshot))
    key = frozenset(tags), frozenset(t.group for t in tags.values()), off
    return Resolution(tuple(tags.values()), off, text, key)


def _described(tag: TagEntry) -> dict[str, object]:
    return {
        "path": tag.path,
        "id": tag.id,
        "group": tag.group,
        "limit_ms": limit_ms(tag.scan_ms),
        "unit": tag.unit,
        "decimals": decimals_of(tag),
        "labels": labels_of(tag),
    }
