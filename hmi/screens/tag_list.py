"""The tags of one area as a list: found by words, in an order, a page at a time.

The server does it, because an area may have thousands of tags: a browser gets a page of them, and its live socket
carries those. The same address with the same words gives the same page, with and without scripts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from devices.snapshot import TagEntry
from hmi.presentation import Class
from hmi.screens.readings import Reading, readings
from hmi.screens.sparks import Spark, span_text, sparks

PAGE_ROWS: Final = 50
MAX_WORDS: Final = 200
"""Characters of what is sought."""
WORST_FIRST: Final[dict[Class, int]] = {"bad": 0, "stale": 1, "uncertain": 2, "forced": 3, "limited": 4, "good": 5}
SORTS: Final = {"name": "name", "title": "title", "quality": "quality, worst first"}


@dataclass(frozen=True, slots=True)
class Row:
    """`place`: its number among those that were found, from 1."""

    place: int
    reading: Reading
    spark: Spark | None


@dataclass(frozen=True, slots=True)
class TagList:
    """One page. `total`: tags of the area; `found`: those with the words; `page` counts from 1."""

    rows: list[Row]
    total: int
    found: int
    page: int
    pages: int
    words: str
    sort: str
    span: str

    @property
    def sorts(self) -> dict[str, str]:
        return SORTS

    @property
    def has_tools(self) -> bool:
        return self.total > 7

    @property
    def before(self) -> str:
        """The query of the page before; empty: there is none."""
        return self._query(self.page - 1) if self.page > 1 else ""

    @property
    def after(self) -> str:
        return self._query(self.page + 1) if self.page < self.pages else ""

    def _query(self, page: int) -> str:
        return urlencode({"q": self.words, "sort": self.sort, "page": page})


def tag_list(tags: list[TagEntry], asked: Mapping[str, Any]) -> TagList:
    """`asked`: the query of the request: q, sort, page. What makes no sense counts as not asked."""
    words = str(asked.get("q", ""))[:MAX_WORDS].strip()
    sort = str(asked.get("sort", ""))
    sort = sort if sort in SORTS else "name"
    found = _ordered(_found(tags, words), sort)
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(max(1, _number(asked.get("page"))), pages)
    first = (page - 1) * PAGE_ROWS
    shown = found[first : first + PAGE_ROWS]
    lines = sparks(shown)
    rows = [Row(place, r, lines.get(r.tag.id)) for place, r in enumerate(readings(shown), first + 1)]
    return TagList(rows, len(tags), len(found), page, pages, words, sort, span_text())


def _number(asked: object) -> int:
    text = str(asked or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _found(tags: list[TagEntry], words: str) -> list[TagEntry]:
    sought = words.casefold().split()
    return [tag for tag in tags if _has(tag, sought)] if sought else tags


def _has(tag: TagEntry, sought: list[str]) -> bool:
    text = f"{tag.title} {tag.name}".casefold()
    return all(word in text for word in sought)


def _ordered(tags: list[TagEntry], sort: str) -> list[TagEntry]:
    by_name = sorted(tags, key=lambda tag: _natural(tag.name))
    if sort == "quality":
        return [r.tag for r in sorted(readings(by_name), key=lambda r: WORST_FIRST[r.quality.q])]
    return by_name if sort == "name" else sorted(by_name, key=lambda tag: _natural(tag.label))


_DIGITS: Final = re.compile(r"(\d+)")


def _natural(text: str) -> list[tuple[int, str]]:
    """2 before 10, as people count."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(text.casefold()) if part]
