"""What is wrong with a plant document: each problem says where it stands, what it is and what to do."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SHOWN: Final = 100
"""Problems listed in full; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence about one place. Line and column count from 1; line 0 is the document as a whole."""

    line: int
    column: int
    field: str
    """Like `tags[4].address`; the index counts from 0."""
    text: str
    about: str = ""
    """The path or name of the object, where it is known."""

    def __str__(self) -> str:
        place = [f"line {self.line}, column {self.column}"] if self.line else []
        named = f"{self.field} ({self.about})" if self.about else self.field
        place += [named] if named else []
        return f"{', '.join(place)}: {self.text}" if place else self.text


class DocumentError(Exception):
    """The document cannot be imported as it is. Nothing was changed. Correct it and try again."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = sorted(problems, key=lambda p: (p.line, p.column))
        super().__init__(self.text())

    def text(self) -> str:
        count = len(self.problems)
        lines = [f"{self.name}: {problem}" for problem in self.problems[:SHOWN]]
        if count > SHOWN:
            lines.append(f"... and {count - SHOWN:,} more.")
        lines.append(f"{count:,} problem{'s' if count != 1 else ''}; nothing was changed.")
        return "\n".join(lines)


def suggestion(word: str, known: Iterable[str], *, listing: str = "Known") -> str:
    """' Did you mean ...?' with the nearest of the known words, or the known words where they are few."""
    words = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), words, n=3, cutoff=0.6) if len(words) <= 20_000 else []
    if near:
        return f" Did you mean {' or '.join(repr(words[name]) for name in near)}?"
    if 0 < len(words) <= 20:
        return f" {listing}: {', '.join(sorted(words.values()))}."
    return ""
