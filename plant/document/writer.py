"""Values -> text. One row a line, in a fixed order, so that two exports differ only where the plant does."""

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z](?:[\w/³²°.-]| (?=[\w/]))*\Z")
_ADDRESS: Final = re.compile(r"[0-9]+(\.[0-9]+){3}\Z")
_WORDS: Final = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""What YAML 1.1 would read as something else than text."""
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def scalar(value: Any) -> str:
    """One value in YAML that version 1.1 and 1.2 readers read alike."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    return _text(str(value))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    mantissa, e, exponent = repr(value).partition("e")
    if not e:
        return mantissa
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent}"


def _text(value: str) -> str:
    if (_PLAIN.match(value) and value.lower() not in _WORDS) or _ADDRESS.match(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def flow(value: Any) -> str:
    """A value, list or mapping on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"-?(0|[1-9][0-9]*)", key) else scalar(key)


def section(name: str, content: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """A section: a single mapping on one line, or a list with one row a line."""
    if isinstance(content, Mapping):
        return f"{name}: {flow(content)}\n"
    if not content:
        return f"{name}: []\n"
    return f"{name}:\n" + "".join(f"  - {flow(row)}\n" for row in content)
