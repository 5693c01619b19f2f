"""What makes a derived tag or one kept by hand possible. Asked by the model, the admin and the plant document."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from devices.derived import loops
from devices.expressions import ExpressionError, name_problem, parse
from devices.formula import Formula, Function
from devices.points import DataType

if TYPE_CHECKING:
    from devices.models import Tag

Problems = dict[str, str]
"""Field of the model -> sentence."""

DERIVED_TYPES: Final = (DataType.FLOAT64, DataType.INT64, DataType.BOOL)
MANUAL_TYPES: Final = (*DERIVED_TYPES, DataType.STRING)
MAX_INPUTS: Final = 50
LONGEST_WINDOW_S: Final = 86_400.0
SCANS_IN_A_WINDOW: Final = 2
_WORD: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def derived_problems(tag: "Tag") -> Problems:
    """Everything that is wrong with the values of one derived tag among themselves.

    The expression is read over the tag's input names where they are known (`input_names`), else over its own words.
    """
    found = _type_problems(tag, DERIVED_TYPES) | _shown_problems(tag)
    names = getattr(tag, "input_names", None)
    problem = expression_problem(tag.expression, words_in(tag.expression) if names is None else names)
    if problem is None and names is not None:
        problem = _unused_problem(tag.expression, names)
    if problem:
        found["expression"] = problem
    function = Function(tag.function) if tag.function in Function.__members__.values() else None
    if function is not None:
        found |= _time_problems(tag, function)
    return found


def manual_problems(tag: "Tag") -> Problems:
    """Everything that is wrong with the values of one tag that is kept by hand."""
    return _type_problems(tag, MANUAL_TYPES) | _shown_problems(tag)


def expression_problem(expression: str, names: Iterable[str]) -> str | None:
    try:
        parse(expression, names)
    except ExpressionError as error:
        return str(error)
    return None


def input_problem(names: Iterable[str]) -> str | None:
    """What is wrong with the names of the inputs of one tag."""
    listed = list(names)
    if len(listed) > MAX_INPUTS:
        return f"There are {len(listed)} inputs; the most is {MAX_INPUTS}."
    for name in listed:
        if problem := name_problem(name):
            return problem
    twice = next((name for name in listed if listed.count(name) > 1), None)
    return f"Two inputs are named '{twice}'. Each needs a name of its own." if twice else None


def source_problem(data_type: str, path: str) -> str | None:
    """Why a tag cannot be an input."""
    if data_type == DataType.STRING:
        return f"'{path}' is a text; only numbers and true/false can be computed with."
    return None


def loop_problem(tag: int, inputs: Mapping[int, Iterable[int]], paths: Mapping[int, str]) -> str | None:
    """The loop in which a tag stands, path by path. `inputs`: derived tag -> tags it is computed from."""
    for loop in loops([_only_inputs(t, sources) for t, sources in inputs.items()]):
        if tag in loop:
            start = loop.index(tag)
            return loop_sentence([paths[t] for t in (*loop[start:], *loop[:start])])
    return None


def loop_sentence(paths: Iterable[str]) -> str:
    listed = list(paths)
    way = " from ".join(f"'{path}'" for path in (*listed, listed[0]))
    return f"It would be computed from itself: {way}. Take one of these inputs out."


def _only_inputs(tag: int, sources: Iterable[int]) -> Formula:
    return Formula(tag, Function.VALUE, "", tuple((str(source), source) for source in sources))


def words_in(expression: str) -> set[str]:
    """Every word that could name an input, for an expression whose inputs are not known."""
    return {word for word in _WORD.findall(expression) if name_problem(word) is None}


def _unused_problem(expression: str, names: Iterable[str]) -> str | None:
    """An input that is not used still makes the tag Bad when it is Bad: that would be a riddle."""
    unused = sorted(set(names) - parse(expression, names).names)
    return f"The input '{unused[0]}' is not used. Use it, or take it out." if unused else None


def _type_problems(tag: "Tag", possible: tuple[DataType, ...]) -> Problems:
    if tag.data_type not in possible:
        return {
            "data_type": f"The type is one of {', '.join(possible)}; '{tag.data_type}' says how registers are read."
        }
    is_number = tag.data_type in (DataType.FLOAT64, DataType.INT64)
    found = {
        name: f"Only a number has a range; this tag is {tag.data_type}. Leave this out."
        for name in ("eu_min", "eu_max")
        if not is_number and getattr(tag, name) is not None
    }
    if tag.kind == "derived" and tag.function != Function.VALUE and tag.data_type != DataType.FLOAT64:
        found["data_type"] = "A rate, an average or a total is a number with decimals: its type is float64."
    return found


def _shown_problems(tag: "Tag") -> Problems:
    from devices.validation import state_problem  # it asks this module in turn

    found: Problems = {}
    for name in ("eu_min", "eu_max", "window_s", "per_s"):
        value = getattr(tag, name)
        if isinstance(value, float) and not math.isfinite(value):
            found[name] = "This must be a finite number."
    if tag.eu_min is not None and tag.eu_max is not None and tag.eu_min >= tag.eu_max:
        found["eu_max"] = f"The range ends at {tag.eu_max:g}, which is not above its beginning, {tag.eu_min:g}."
    states = state_problem(tag.state_labels, is_bool=tag.data_type == DataType.BOOL)
    return found | ({"state_labels": states} if states else {})


def _time_problems(tag: "Tag", function: Function) -> Problems:
    found: Problems = {}
    if function in (Function.RATE, Function.AVERAGE) and _is_number(tag.window_s) and _is_number(tag.scan_ms):
        least = SCANS_IN_A_WINDOW * tag.scan_ms / 1000
        if not least <= tag.window_s <= LONGEST_WINDOW_S:
            text = f"The window is {least:g} s (two scan periods) to {LONGEST_WINDOW_S:g} s (a day)."
            found["window_s"] = text
    if function in (Function.RATE, Function.TOTAL) and _is_number(tag.per_s) and not 0.001 <= tag.per_s <= 1e8:
        found["per_s"] = "The time unit in seconds: 1 for /s, 60 for /min, 3600 for /h. It is 0.001 to 100000000."
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
