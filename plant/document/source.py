"""Text -> nodes. Reads the plain part of YAML only: no anchors, no type tags, one document, bounded size and depth.

Nothing is converted here: a scalar keeps the text as written, so `no` can be a unit and `010` is not read as 8.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from plant.document.nodes import Mapping, Node, Scalar, Sequence
from plant.document.problems import DocumentError, Problem

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_DEPTH: Final = 12
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_BARE: Final = "Anchors and aliases (& and *) are not part of a plant document: write the value out at each place."


def read(content: bytes, name: str) -> Mapping:
    """The document as one mapping. Raises DocumentError with every problem that reading shows."""
    text = text_of(content, name)
    builder = _Builder()
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        builder.problems.append(_syntax_problem(error, text))
    if builder.root is None and not builder.problems:
        builder.problems.append(Problem(0, 0, "", "The document is empty. It starts with the line 'isthmus: 1'."))
    if builder.root is not None and not isinstance(builder.root, Mapping):
        builder.problems.append(_at(builder.root, "", "A plant document is a mapping that starts with 'isthmus: 1'."))
    if builder.problems or not isinstance(builder.root, Mapping):
        raise DocumentError(name, builder.problems)
    return builder.root


def text_of(content: bytes, name: str) -> str:
    """The bytes as text. Raises DocumentError where they are too many or not UTF-8."""
    if len(content) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1024 // 1024} MB"
        raise _refusal(name, 0, 0, f"The document has {len(content):,} bytes; the most is {limit}.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal(name, 1, 1, "The file is UTF-16. Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        byte = content[error.start]
        raise _refusal(name, line, column, f"Byte 0x{byte:02X} is not UTF-8. Save the file as UTF-8.") from None


def _refusal(name: str, line: int, column: int, text: str) -> DocumentError:
    return DocumentError(name, [Problem(line, column, "", text)])


def _events(text: str) -> Iterator[Any]:
    """Parser events; untyped, since a mark may be missing by its type but never is for a text."""
    yield from yaml.parse(text, Loader=_LOADER)


def _at(node: Node, field: str, text: str) -> Problem:
    return Problem(node.line, node.column, field, text)


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read; `key` is the mapping's key that waits for its value."""

    node: Mapping | Sequence
    key: Scalar | None = None


class _Builder:
    """Builds nodes from parser events without recursion; stops the reading where going on would be unbounded."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []

    def take(self, event: Any) -> None:
        kind = type(event)
        mark = event.start_mark
        if kind is yaml.ScalarEvent:
            self._refuse_extras(event)
            self._place(Scalar(mark.line + 1, mark.column + 1, event.value, not event.implicit[0]))
        elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            self._open(event)
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            self._stack.pop()
        elif kind is yaml.AliasEvent:
            raise yaml.MarkedYAMLError(problem=_BARE, problem_mark=mark)
        elif kind is yaml.DocumentStartEvent and self.root is not None:
            raise yaml.MarkedYAMLError(
                problem="A second document starts here ('---'). Write one document a file.",
                problem_mark=mark,
            )

    def _open(self, event: Any) -> None:
        self._refuse_extras(event)
        mark = event.start_mark
        if len(self._stack) >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"Nested more than {MAX_DEPTH} deep: a plant document is flat.", problem_mark=mark
            )
        kind = Mapping if isinstance(event, yaml.MappingStartEvent) else Sequence
        node = kind(mark.line + 1, mark.column + 1)
        self._place(node)
        self._stack.append(_Open(node))

    def _refuse_extras(self, event: Any) -> None:
        if event.anchor is not None:
            raise yaml.MarkedYAMLError(problem=_BARE, problem_mark=event.start_mark)
        if event.tag is not None and event.tag != "!":
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.append(
                _mark_problem(
                    event.start_mark, self._where(), f"Type tags ({shown}) are not read: write the bare value."
                )
            )

    def _place(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is not None:
            key, top.key = top.key, None
            if key.text not in top.node.entries:
                top.node.entries[key.text] = (key, node)
        else:
            top.key = self._key(top.node, node)

    def _key(self, mapping: Mapping, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self.problems.append(_at(node, self._where(), f"A key must be a word, not {node}."))
            return Scalar(node.line, node.column, f"\0{node.line}:{node.column}", True)
        first = mapping.entries.get(node.text)
        if first is not None:
            text = f"'{node.text}' stands twice in the same place (first in line {first[0].line}). Remove one."
            self.problems.append(_at(node, f"{self._where()}.{node.text}".removeprefix("."), text))
        return node

    def _where(self) -> str:
        """The field that is being read, like `tags[4].states`."""
        where = ""
        for level in self._stack:
            if isinstance(level.node, Sequence):
                where += f"[{max(0, len(level.node.items) - 1)}]"
            elif level.key is not None:
                where += f".{level.key.text}" if where else level.key.text
        return where


def _mark_problem(mark: Any, field: str, text: str) -> Problem:
    return Problem(mark.line + 1, mark.column + 1, field, text)


_PLAIN_WORDS: Final = {
    "mapping values are not allowed": "A ':' stands where no key can be. Put a text that contains ': ' in quotes.",
    "did not find expected ',' or '}'": "A '}' or ',' is missing in the {...} that is open here.",
    "did not find expected ',' or ']'": "A ']' or ',' is missing in the [...] that is open here.",
    "did not find expected key": "This line does not fit the lines above: check its indentation and quotes.",
    "did not find expected '-' indicator": "This line does not fit the list above: check its indentation.",
    "found unexpected end of stream": "A quoted text does not end. Close it with the quote it began with.",
    "expected <document start>": "This does not belong to what stands before: a bracket too many?",
    "block sequence entries are not allowed": "A list entry ('- ') cannot begin here: put it on a line of its own.",
    "unknown escape character": "An unknown '\\' sequence in double quotes. Write '\\\\' for a backslash.",
}


def _syntax_problem(error: yaml.YAMLError, text: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        return _character_problem(error, text)
    mark = getattr(error, "problem_mark", None)
    said = str(getattr(error, "problem", None) or error)
    if mark is None:
        return Problem(0, 0, "", f"This is not YAML: {said}.")
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1]:
        said = "A tab stands here. Indent with spaces."
    elif "cannot start any token" in said:
        said = f"A bare value cannot begin with '{line[mark.column : mark.column + 1]}': put the text in quotes."
    else:
        said = next((plain for words, plain in _PLAIN_WORDS.items() if words in said), said)
    return _mark_problem(mark, "", said if said.endswith((".", "?")) else f"This is not YAML: {said}.")


def _character_problem(error: Any, text: str) -> Problem:
    found = next(((i, ch) for i, ch in enumerate(text) if ch < " " and ch not in "\t\n\r"), None)
    found = found or next(((i, ch) for i, ch in enumerate(text) if ord(ch) == error.character), (0, "?"))
    position, character = found
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return Problem(line, column, "", f"A control character (U+{ord(character):04X}) stands here. Remove it.")
