"""The document as written: scalars, lists and mappings, each with the line and column where it starts (from 1)."""

from dataclasses import dataclass, field
from typing import Final

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class Node:
    line: int
    column: int


@dataclass(slots=True)
class Scalar(Node):
    text: str
    is_quoted: bool

    @property
    def is_null(self) -> bool:
        return not self.is_quoted and self.text in NULLS

    def __str__(self) -> str:
        return f"'{self.text[:60]}'"


@dataclass(slots=True)
class Sequence(Node):
    items: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "a list"


@dataclass(slots=True)
class Mapping(Node):
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)

    def __str__(self) -> str:
        return "a mapping"

    def get(self, key: str) -> Node | None:
        found = self.entries.get(key)
        return None if found is None else found[1]
