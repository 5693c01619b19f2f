"""What a field of the document may hold: text, number, yes or no, date, identity, lists, words for states.

A kind turns a node into a value or raises Misfit with the sentence to show; ranges and choices belong to the model.
"""

import datetime
import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from plant.document import nodes
from plant.document.nodes import Node, Scalar

_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_HEX: Final = re.compile(r"0x[0-9A-Fa-f]{1,8}\Z")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NOT_FINITE: Final = re.compile(r"[-+]?\.?(nan|inf|infinity)\Z", re.IGNORECASE)
_YES: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Misfit(ValueError):
    """The node does not hold what the field needs; the text is the sentence for people. `node`: where, if deeper."""

    def __init__(self, text: str, node: Node | None = None) -> None:
        super().__init__(text)
        self.node = node


Kind = Callable[[Node], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a row. `attribute`: the model's field, when it has another name than the key."""

    name: str
    kind: Kind
    default: Any = None
    is_required: bool = False
    attribute: str = ""

    @property
    def model_field(self) -> str:
        return self.attribute or self.name


def _scalar(node: Node, wanted: str) -> Scalar:
    if not isinstance(node, Scalar):
        raise Misfit(f"This is {node}; {wanted} is expected.")
    return node


def _bare(node: Node, wanted: str) -> str:
    scalar = _scalar(node, wanted)
    if scalar.is_quoted:
        raise Misfit(f"{scalar} is a text in quotes; {wanted} is expected, without quotes.")
    return scalar.text


def text(node: Node) -> str:
    """The text as written, so that `no`, `1.10` and `12:30` stay what they are."""
    scalar = _scalar(node, "a text")
    return "" if scalar.is_null else scalar.text


def whole(node: Node) -> int:
    written = _bare(node, "a whole number")
    if _HEX.match(written):
        return int(written, 16)
    if len(written) > 20 or not _WHOLE.match(written):
        raise Misfit(f"'{written[:60]}' is not a whole number. Write it like 40 (or 0x28), without leading zeros.")
    return int(written)


def optional_whole(node: Node) -> int | None:
    return None if isinstance(node, Scalar) and node.is_null else whole(node)


def number(node: Node) -> float:
    written = _bare(node, "a number")
    if _NOT_FINITE.match(written):
        raise Misfit(f"'{written}' is not a finite number.")
    if len(written) > 400 or not _NUMBER.match(written):
        raise Misfit(f"'{written[:60]}' is not a number. Write it like 12, -0.5 or 1.0e-3.")
    value = float(written)
    if not math.isfinite(value):
        raise Misfit(f"'{written[:60]}' is too large for a number (the most is about 1.8e308).")
    return value


def optional_number(node: Node) -> float | None:
    return None if isinstance(node, Scalar) and node.is_null else number(node)


def yes_or_no(node: Node) -> bool:
    written = _bare(node, "true or false")
    if written.lower() not in _YES:
        raise Misfit(f"'{written[:60]}' is neither true nor false.")
    return _YES[written.lower()]


def identity(node: Node) -> uuid.UUID | None:
    written = text(node)
    if not written:
        return None
    try:
        found = uuid.UUID(written)
    except ValueError:
        found = None
    if found is not None and str(found) == written.lower():
        return found
    raise Misfit(
        f"'{written[:60]}' is not a uuid. Keep the one that the export wrote, or leave the field out for a new object."
    )


def words(node: Node) -> dict[str, str]:
    """A mapping of short keys to texts, as the words for states."""
    if isinstance(node, Scalar) and node.is_null:
        return {}
    if not isinstance(node, nodes.Mapping):
        raise Misfit(f"This is {node}; a mapping like {{0: stopped, 1: running}} is expected.")
    found = {}
    for key, (_, value) in node.entries.items():
        try:
            found[key] = text(value)
        except Misfit as misfit:
            raise Misfit(str(misfit), value) from None
    return found


def texts(node: Node) -> list[str]:
    """A list of short texts, like names of other rows."""
    if isinstance(node, Scalar) and node.is_null:
        return []
    return [text(item) for item in _items(node, "a list like [a, b]")]


def wholes(node: Node) -> list[int]:
    if isinstance(node, Scalar) and node.is_null:
        return []
    return [whole(item) for item in _items(node, "a list of whole numbers like [2, 3]")]


def _items(node: Node, wanted: str) -> list[Node]:
    if not isinstance(node, nodes.Sequence):
        raise Misfit(f"This is {node}; {wanted} is expected.")
    return node.items


def optional_date(node: Node) -> datetime.date | None:
    if isinstance(node, Scalar) and node.is_null:
        return None
    written = _scalar(node, "a date").text
    if not _DATE.match(written):
        raise Misfit(f"'{written[:60]}' is not a date. Write it like 2026-03-31.")
    try:
        return datetime.date.fromisoformat(written)
    except ValueError:
        raise Misfit(f"'{written}' is no day of the calendar. Write it like 2026-03-31.") from None


IDENTITY: Final = Field("uuid", identity)
"""Every kind of row may carry it. It keeps history together across a rename; left out, the path is the identity."""
