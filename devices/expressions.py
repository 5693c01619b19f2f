"""What a derived tag is computed by: an arithmetic expression over named inputs. Pure.

`parse()` reads the text once and says in a sentence what is wrong with it; `Expression.value()` computes it many times.
Known are the names of the inputs, numbers, + - * / % **, comparisons, and/or/not, `a if c else b`, parentheses and the
functions in FUNCTIONS. Everything else is refused twice: by reading only these words and nodes, and because simpleeval,
which evaluates, is left without the rest.
"""

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from simpleeval import SimpleEval

from devices.points import DataType

MAX_LENGTH: Final = 500
MAX_DEPTH: Final = 40
MAX_NAME: Final = 32
MAX_EXPONENT: Final = 64
LARGEST_WHOLE: Final = 2**63
"""Whole numbers beyond go on as floating point, so that no product grows without end."""

Number = float | int | bool
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
_TOKEN: Final = re.compile(
    r"(?P<space>\s+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|[-+*/%()<>,])",
    re.ASCII,
)
_WORDS: Final = frozenset({"and", "or", "not", "if", "else"})
_EXPECTED: Final = "Expected is a number, the name of an input, a function, an operator or a parenthesis."


class ExpressionError(ValueError):
    """The text is no expression. The sentence says where (position from 1), what, and what is expected."""


class Undefined(ArithmeticError):
    """With these inputs the expression has no value: a division by zero, a number beyond every limit."""


# -- what the operators and functions do


def _finite(value: Any) -> Number:
    """A result that can be used, of bounded size. Raises OverflowError, ValueError."""
    if type(value) is float:
        if not math.isfinite(value):
            raise OverflowError("the result is beyond every number")
        return value
    if type(value) is complex:
        raise ValueError("the root of a negative number")
    return float(value) if abs(value) >= LARGEST_WHOLE else value


def _checked(function: Callable[..., Any]) -> Callable[..., Number]:
    return lambda *arguments: _finite(function(*arguments))


def _power(base: Number, exponent: Number) -> Number:
    if abs(exponent) > MAX_EXPONENT:
        raise OverflowError(f"an exponent beyond {MAX_EXPONENT}")
    return _finite(float(base) ** float(exponent))


def _round(value: Number, digits: Number = 0) -> Number:
    """Half to even, like IEEE 754; with digits after the point, -15 to 15."""
    if not -15 <= digits <= 15 or digits != int(digits):
        raise ValueError("round() takes a whole number of digits from -15 to 15")
    return round(value, int(digits)) if digits else round(value)


def _clamp(value: Number, low: Number, high: Number) -> Number:
    if low > high:
        raise ValueError("clamp() got a low end above the high end")
    return min(max(value, low), high)


FUNCTIONS: Final[dict[str, tuple[Callable[..., Any], int, int]]] = {
    "abs": (abs, 1, 1),
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 1),
    "log10": (math.log10, 1, 1),
    "round": (_round, 1, 2),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "clamp": (_clamp, 3, 3),
}
"""Name -> what it does, and how many arguments it takes, from and to."""

_OPERATORS: Final[dict[type, Callable[..., Any]]] = {
    ast.Add: _checked(operator.add), ast.Sub: _checked(operator.sub), ast.Mult: _checked(operator.mul),
    ast.Div: _checked(operator.truediv), ast.Mod: _checked(operator.mod), ast.Pow: _power,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
_CALLED: Final = {name: _checked(function) for name, (function, _, _) in FUNCTIONS.items()}
_NODES: Final = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant)

_SIGNS: Final = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)


class _Evaluator(SimpleEval):  # type: ignore[misc]  # simpleeval has no types
    """simpleeval with our operators, functions and nodes, and nothing of its own."""

    nodes: dict[type, Callable[[Any], Any]]

    def __init__(self) -> None:
        super().__init__(operators=_OPERATORS, functions=_CALLED, names={})
        self.nodes = {kind: handler for kind, handler in self.nodes.items() if kind in _NODES}
        either = self.nodes[ast.BoolOp]
        self.nodes[ast.BoolOp] = lambda node: bool(either(node))  # true or false, not whichever operand decided


# -- reading


class Expression:
    """A text that was read. `names`: the inputs it uses."""

    __slots__ = ("_evaluator", "_tree", "names", "text")

    def __init__(self, text: str, tree: ast.expr, names: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self._tree = tree
        self._evaluator = _Evaluator()

    def value(self, inputs: Mapping[str, Number]) -> Number:
        """The value with these inputs, a finite number. Raises Undefined with the reason."""
        for name, number in inputs.items():
            if not isinstance(number, float | int) or not math.isfinite(number):
                raise Undefined(f"The input '{name}' is no finite number.")
        self._evaluator.names = inputs
        try:
            return _finite(self._evaluator.eval(self.text, previously_parsed=self._tree))
        except ZeroDivisionError:
            raise Undefined("A division by zero.") from None
        except (OverflowError, ValueError) as error:
            raise Undefined(f"It has no value: {error}.") from None


def name_problem(name: str) -> str | None:
    """What is wrong with the name of an input."""
    if not _NAME.match(name) or len(name) > MAX_NAME:
        return f"'{name}' cannot be the name of an input. Take 1 to {MAX_NAME} letters, digits and _, a letter first."
    if keyword.iskeyword(name) or name in FUNCTIONS or name.lower() in ("true", "false", "none", "nan", "inf"):
        return f"'{name}' means something in expressions. Give the input another name."
    return None


def parse(text: str, names: Iterable[str]) -> Expression:
    """Read an expression over inputs of these names. Raises ExpressionError."""
    known = frozenset(names)
    if not text.strip():
        raise ExpressionError("The expression is empty. Write one over the names of the inputs, like (a + b) / 2.")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"The expression has {len(text)} characters; the most is {MAX_LENGTH}.")
    _read_words(text, known)
    start = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(re.sub(r"\s", " ", text[start:]), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(_syntax_sentence(text, (error.offset or len(text)) + start, str(error.msg))) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("The expression is too deeply nested. Split it into two tags.") from None
    used: set[str] = set()
    _read_node(tree, start, 1, known, used)
    return Expression(text, tree, frozenset(used))


def _read_words(text: str, known: frozenset[str]) -> None:
    """Before any parser sees it: only words of ours. Raises ExpressionError at the first that is not."""
    at, before = 0, "space"
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.group() == "//":
            raise ExpressionError(_foreign_sentence(text, at))
        kind, word = str(found.lastgroup), found.group()
        if kind == "name" and before == "number":
            raise ExpressionError(f"Position {at + 1}: '{word}' follows a number. Write an operator between them.")
        if kind == "number" and before == "number":
            raise ExpressionError(f"Position {at + 1}: '{word}' follows a number. Write one decimal point at most.")
        if kind == "number" and not math.isfinite(float(word)):
            raise ExpressionError(f"Position {at + 1}: '{word[:30]}' is too large; the most is about 1.8e308.")
        if kind == "name" and word not in known and word not in FUNCTIONS and word not in _WORDS:
            raise ExpressionError(f"Position {at + 1}: {_unknown(word, known)}")
        at, before = found.end(), kind


def _unknown(word: str, known: frozenset[str]) -> str:
    inputs = f"The inputs are {', '.join(sorted(known))}" if known else "There are no inputs"
    return f"'{word}' is neither an input nor a function. {inputs}; functions are {', '.join(FUNCTIONS)}."


def _foreign_sentence(text: str, at: int) -> str:
    if text.startswith("//", at):
        return f"Position {at + 1}: '//' is not known. Write floor(a / b)."
    if text[at] == "=":
        return f"Position {at + 1}: '=' alone is not known. Compare with ==."
    if text[at] == "^":
        return f"Position {at + 1}: '^' is not known. Write ** for a power."
    return f"Position {at + 1}: '{text[at]}' cannot stand in an expression. {_EXPECTED}"


def _syntax_sentence(text: str, position: int, reason: str) -> str:
    if "leading zeros" in reason:
        return f"Position {position}: a number begins with 0. Write it without leading zeros."
    if position > len(text) or "was never closed" in reason:
        what = "a parenthesis is not closed" if text.count("(") > text.count(")") else "the expression ends too early"
        return f"Position {min(position, len(text))}: {what}. {_EXPECTED}"
    return f"Position {position}: '{text[max(0, position - 1) :][:20]}' is not expected here. {_EXPECTED}"


def _read_node(node: ast.AST, start: int, depth: int, known: frozenset[str], used: set[str]) -> None:
    """Every node is one of ours, its functions get what they take; big whole numbers become floating point."""
    position = getattr(node, "col_offset", 0) + start + 1
    if depth > MAX_DEPTH:
        text = f"Position {position}: more than {MAX_DEPTH} levels are nested. Split the expression into two tags."
        raise ExpressionError(text)
    if not isinstance(node, _NODES):
        raise ExpressionError(f"Position {position}: this cannot stand in an expression. {_EXPECTED}")
    if isinstance(node, ast.Constant):
        if type(node.value) not in (int, float):
            raise ExpressionError(f"Position {position}: {node.value!r} is not a number. {_EXPECTED}")
        node.value = _finite(node.value)
    elif isinstance(node, ast.Name):
        if node.id not in known:
            raise ExpressionError(f"Position {position}: {_misused(node.id, known)}")
        used.add(node.id)
    elif isinstance(node, ast.Call):
        _read_call(node, position)
    elif isinstance(node, ast.BinOp | ast.UnaryOp) and type(node.op) not in _OPERATORS:
        raise ExpressionError(f"Position {position}: this operator is not known. {_EXPECTED}")
    for child in _operands(node):
        _read_node(child, start, depth + 1, known, used)


def _misused(word: str, known: frozenset[str]) -> str:
    if word in FUNCTIONS:
        return f"'{word}' is a function. Write its arguments in parentheses, like {word}(a)."
    return _unknown(word, known)


def _read_call(node: ast.Call, position: int) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        name = f"'{node.func.id}'" if isinstance(node.func, ast.Name) else "What stands before the parenthesis"
        text = f"{name} is no function. Functions are {', '.join(FUNCTIONS)}; to multiply write *."
        raise ExpressionError(f"Position {position}: {text}")
    _, least, most = FUNCTIONS[node.func.id]
    if node.keywords or not least <= len(node.args) <= most:
        takes = f"{least}" if least == most else f"{least} to {most}"
        text = f"{node.func.id}() takes {takes} argument{'s' if most > 1 else ''}, not {len(node.args)}."
        raise ExpressionError(f"Position {position}: {text}")


def _operands(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.Call):
        return node.args
    return (child for child in ast.iter_child_nodes(node) if not isinstance(child, _SIGNS))


def shaped(value: Number, data_type: DataType) -> Number:
    """The value in the type of its tag: true or false, nearest whole number (half to even), or floating point.

    Raises OverflowError for a whole number beyond 64 bits.
    """
    if data_type is DataType.BOOL:
        return bool(value)
    if data_type.is_float:
        return float(value)
    whole = round(value)
    if abs(whole) >= LARGEST_WHOLE:
        raise OverflowError("the result is too large for a whole number")
    return whole
