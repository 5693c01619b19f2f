"""The master alarm database as CSV, for spreadsheets: the section `alarms` of the plant document with a row a line.

Reading makes nodes of the cells, each with its line and column, and the plant document does the rest: the rules, the
difference, the dry run and the import are the same ones.
"""

import csv
import datetime
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from alarms.document.alarms import AlarmSection
from alarms.kinds import Severity
from alarms.priorities import priority_of
from plant.document import fields, source, writer
from plant.document.fields import IDENTITY, Field, Misfit
from plant.document.nodes import Mapping as MappingNode
from plant.document.nodes import Node, Scalar
from plant.document.nodes import Sequence as SequenceNode
from plant.document.plan import Plan
from plant.document.problems import DocumentError, Problem, suggestion
from plant.document.sections import registered
from plant.models import Plant

PRIORITY: Final = "priority"
"""To be read, not to be chosen: it follows from severity and time to respond."""
_FIELDS: Final[dict[str, Field]] = {field.name: field for field in (*AlarmSection.fields, IDENTITY)}
COLUMNS: Final = [*(name for name in _FIELDS if name != IDENTITY.name), PRIORITY, IDENTITY.name]
_TRIGGERS: Final = "=+-@\t\r'"
"""A text that begins with one of these is a formula to a spreadsheet: it is written with ' before it. So is a text of
blanks alone, which would be read as an empty cell."""
_TEXTS: Final = (fields.text,)
_BARE: Final = (fields.number, fields.optional_number, fields.whole, fields.optional_whole, fields.yes_or_no)


# -- writing


def export_csv(plant: Plant, only: Collection[str] | None = None) -> str:
    """Every alarm of the plant, or those whose uuid is in `only`. With a byte order mark, which Excel asks for."""
    plan = Plan(None, exported=plant)
    for section in registered():
        section.validate(plan)
    found = [
        (planned, next(s for s in registered() if isinstance(s, AlarmSection)).describe(planned.target, plan))
        for planned in plan.worlds["alarms"].all
        if only is None or str(planned.target.uuid) in only
    ]
    found.sort(key=lambda pair: (str(pair[1]["path"]).lower().split("/"), str(pair[1]["path"])))
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for planned, row in found:
        row[PRIORITY] = planned.target.get_priority_display().lower()
        table.writerow([_cell(row[name]) for name in COLUMNS])
    return "\ufeff" + out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if _is_guarded(value) else value
    if isinstance(value, bool | int | float):
        return writer.scalar(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "; ".join(f"{name} = {path}" for name, path in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


# -- reading


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the CSV of one plant as a document of that plant that has the section `alarms` alone."""

    plant: Plant

    def __call__(self, content: bytes, name: str) -> MappingNode:
        """Raises DocumentError with every problem that the table shows as a table."""
        text = source.text_of(content, name)
        problems: list[Problem] = []
        rows = SequenceNode(1, 1, list(_rows(text, problems)))
        if problems:
            raise DocumentError(name, problems)
        version, plant = Scalar(0, 0, "1", False), self._plant()
        parts: dict[str, Node] = {"isthmus": version, "plant": plant, "alarms": rows}
        return MappingNode(0, 0, {key: (Scalar(0, 0, key, False), node) for key, node in parts.items()})

    def _plant(self) -> MappingNode:
        """As it is: a row of a document says everything about its object."""
        plant = self.plant
        cells = {
            "name": Scalar(0, 0, plant.name, True),
            "title": Scalar(0, 0, plant.title, True),
            "time_zone": Scalar(0, 0, plant.time_zone, True),
            "production_mode": Scalar(0, 0, writer.scalar(plant.production_mode), False),
            IDENTITY.name: Scalar(0, 0, str(plant.uuid), True),
        }
        return MappingNode(0, 0, {name: (Scalar(0, 0, name, False), cell) for name, cell in cells.items()})


def _rows(text: str, problems: list[Problem]) -> Iterator[MappingNode]:
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    begins = 1
    try:
        for cells in table:
            line, begins = begins, table.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells, line, problems)
            elif len(cells) != len(columns):
                said = f"The row has {len(cells)} cells, the header {len(columns)}. Is a quote or a separator missing?"
                problems.append(Problem(line, 1, "alarms", said))
            else:
                yield _row(columns, cells, line, problems)
    except csv.Error as error:
        problems.append(Problem(begins, 1, "alarms", f"This is not CSV: {error}. Is a quote missing?"))
    if not columns and not problems:
        problems.append(
            Problem(0, 0, "", f"The file is empty. Its first line names the columns: {', '.join(COLUMNS[:4])} ...")
        )


def _columns(cells: list[str], line: int, problems: list[Problem]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    for column, name in enumerate(names, 1):
        if name not in COLUMNS:
            text = f"There is no column '{name[:60]}'.{suggestion(name, COLUMNS)}"
            problems.append(Problem(line, column, "alarms", text))
        elif names.index(name) != column - 1:
            problems.append(Problem(line, column, "alarms", f"The column '{name}' stands twice. Remove one."))
    missing = [name for name, field in _FIELDS.items() if field.is_required and name not in names]
    if missing:
        problems.append(Problem(line, 1, "alarms", f"These columns are missing: {', '.join(missing)}."))
    return names


def _row(columns: list[str], cells: list[str], line: int, problems: list[Problem]) -> MappingNode:
    row = MappingNode(line, 1)
    for column, (name, cell) in enumerate(zip(columns, cells, strict=True), 1):
        if name in _FIELDS and cell.strip():
            row.entries[name] = Scalar(line, column, name, False), _node(_FIELDS[name], cell, line, column)
    chosen = dict(zip(columns, cells, strict=True)).get(PRIORITY, "").strip().lower()
    follows = _priority(row)
    if chosen and follows and chosen != follows:
        text = f"The priority follows from severity and time to respond: it is {follows}, not {chosen[:30]}."
        about = row.get("path")
        problems.append(
            Problem(
                line, columns.index(PRIORITY) + 1, "alarms.priority", f"{text} Change those, or leave it empty.",
                about.text[:80] if isinstance(about, Scalar) else "",
            )
        )  # fmt: skip
    return row


def _node(field: Field, cell: str, line: int, column: int) -> Node:
    if field.kind in _TEXTS:
        return Scalar(line, column, _unguarded(cell), True)
    if field.kind in _BARE:
        return Scalar(line, column, cell.strip(), False)
    if field.kind is fields.words:
        found = MappingNode(line, column)
        for part in _parts(cell):
            name, equals, path = (word.strip() for word in part.partition("="))
            value = Scalar(line, column, path if equals else "", True)
            found.entries[name] = Scalar(line, column, name, True), value
        return found
    if field.kind in (fields.texts, fields.wholes):
        is_text = field.kind is fields.texts
        return SequenceNode(line, column, [Scalar(line, column, part, is_text) for part in _parts(cell)])
    return Scalar(line, column, cell.strip(), True)


def _parts(cell: str) -> Iterable[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _is_guarded(text: str) -> bool:
    return text != "" and (text[0] in _TRIGGERS or not text.strip())


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _is_guarded(cell[1:]) else cell


def _priority(row: MappingNode) -> str | None:
    """What the row's severity and time give; None where one of them cannot be read, which is said elsewhere."""
    severity, minutes = row.get("severity"), row.get("time_to_respond_min")
    try:
        name = fields.text(severity) if severity is not None else _FIELDS["severity"].default
        time = fields.number(minutes) if minutes is not None else _FIELDS["time_to_respond_min"].default
        return priority_of(Severity[name.upper()], time).label.lower()
    except (KeyError, Misfit):
        return None
