"""The chain of the audit as pure arithmetic: what a record's hash covers, and what a walk along the chain finds.

No database and no clock here: the sealer and `audit verify` use the same two functions.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

GENESIS: Final = "0" * 64
"""The previous hash of the first record."""

MAX_FINDINGS: Final = 100


def hash_of(content: Mapping[str, Any], sequence: int, previous_hash: str) -> str:
    """SHA-256, hex, over canonical JSON of every field, the record's place and the hash before it.

    `content`: field -> str, int, None, or JSON; times as text in UTC, so that each database gives the same.
    """
    whole = {**content, "sequence": sequence, "previous_hash": previous_hash}
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """A sealed record: where it stands in the chain, and its content."""

    pk: int
    sequence: int
    previous_hash: str
    hash: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some time, as it was written outside of the database."""

    sequence: int
    hash: str
    at: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind`: modified | missing | out of order | inserted | truncated | replaced."""

    kind: str
    sequence: int
    text: str


@dataclass(slots=True)
class Walk:
    """The state of a walk along the chain in order of sequence."""

    heads: dict[int, Head]
    expected: int = 1
    previous_hash: str = GENESIS
    findings: list[Finding] = field(default_factory=list)
    count: int = 0

    def note(self, kind: str, sequence: int, text: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(kind, sequence, text))


def verify(links: Iterable[Link], heads: Iterable[Head]) -> Walk:
    """Walk the sealed records, given in order of sequence, and compare with the heads noted outside."""
    walk = Walk({head.sequence: head for head in heads})
    for link in links:
        _step(walk, link)
    _check_tail(walk)
    return walk


def _step(walk: Walk, link: Link) -> None:
    walk.count += 1
    if link.sequence > walk.expected:
        gone = f"{walk.expected}" if link.sequence == walk.expected + 1 else f"{walk.expected} to {link.sequence - 1}"
        walk.note("missing", walk.expected, f"Record {gone} is missing: deleted, or given another number.")
    elif link.sequence < walk.expected:
        walk.note("inserted", link.sequence, f"Record {link.sequence} (row {link.pk}) stands where none can be.")
    is_whole = link.hash == hash_of(link.content, link.sequence, link.previous_hash)
    if not is_whole:
        walk.note("modified", link.sequence, f"Record {link.sequence} (row {link.pk}) is not what was sealed.")
    elif link.previous_hash != walk.previous_hash and link.sequence == walk.expected:
        text = f"Record {link.sequence} (row {link.pk}) does not follow the record before it."
        walk.note("out of order", link.sequence, text)
    head = walk.heads.get(link.sequence)
    if head is not None and head.hash != link.hash:
        text = f"Record {link.sequence} (row {link.pk}) has another hash than the one noted outside at {head.at}."
        walk.note("replaced", link.sequence, text)
    walk.expected = max(walk.expected, link.sequence + 1)
    walk.previous_hash = link.hash


def _check_tail(walk: Walk) -> None:
    if not walk.heads:
        return
    last = walk.heads[max(walk.heads)]
    if last.sequence >= walk.expected:
        text = (
            f"The chain ends at record {walk.expected - 1}, but record {last.sequence} was noted outside at {last.at}: "
            "the end has been cut off."
        )
        walk.note("truncated", walk.expected, text)
